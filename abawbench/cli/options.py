"""Options that several commands share, and times and sizes as people write them."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import click

reading = click.option(
    "--reading",
    "readings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Take an uncertain fact in another way; 'abawbench list readings' shows them. Repeatable.",
)
"""``readings: tuple[str, ...]``, for ``abawbench.harness.request.assumptions.parse_readings``."""
network = click.option(
    "--network", is_flag=True, help="Allow connections to other machines, for example to a hub for weights."
)
"""``network: bool``, for ``abawbench.system.network.network_refused(unless=network)``."""


class _Quantity(click.ParamType):  # type: ignore[type-arg]  # generic in the newest click only
    units: ClassVar[Mapping[str, int]]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number a text stands for."""
        if isinstance(value, int | float):
            return value
        text = str(value).strip().lower()
        unit = next((unit for unit in sorted(self.units, key=len, reverse=True) if text.endswith(unit.lower())), "")
        try:
            number = float(text.removesuffix(unit.lower())) * self.units.get(unit, 1)
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            self.fail(f"'{value}' is no {self.name}; write a number with one of {', '.join(self.units)}", param, ctx)
        return number


class Seconds(_Quantity):
    """``90``, ``90s``, ``30m`` or ``2h``, in seconds."""

    name = "time"
    units: ClassVar[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600}


class Bytes(_Quantity):
    """``500M`` or ``8G``, in bytes, each unit 1024 times the one before."""

    name = "size"
    units: ClassVar[Mapping[str, int]] = {"K": 2**10, "M": 2**20, "G": 2**30}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes a text stands for."""
        return int(super().convert(value, param, ctx))
