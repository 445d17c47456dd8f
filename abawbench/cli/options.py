"""Options that several commands share."""

import click

reading = click.option(
    "--reading",
    "readings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Take an uncertain fact in another way; 'abawbench list readings' shows them. Repeatable.",
)
"""``readings: tuple[str, ...]``, for ``abawbench.harness.readings.parse_readings``."""
network = click.option(
    "--network", is_flag=True, help="Allow connections to other machines, for example to a hub for weights."
)
"""``network: bool``, for ``abawbench.harness.no_network.refused(unless=network)``."""
