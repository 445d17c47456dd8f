"""``abawbench new-plugin``: a complete package to start from."""

from pathlib import Path

import click

EPILOG = """\b
Examples:
  abawbench new-plugin tiny-gru --kind model
  abawbench new-plugin my-videos --kind dataset --out plugins

\b
Then, in the new folder:
  pip install -e .
  pytest
  abawbench check tiny-gru

Exit status: 0 written, 2 wrong name, or a folder that is there already.
"""


@click.command("new-plugin", epilog=EPILOG)
@click.argument("name")
@click.option("--kind", type=click.Choice(["model", "task", "dataset", "metric", "runtime"]), required=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Default: here.")
def new_plugin(name: str, kind: str, out: Path) -> int:
    """Write a plugin package that can be installed, tested and run as it is."""
    from abawbench.scaffold import new_plugin as write

    folder = write(name, kind, out)
    click.echo(f"{folder}: a {kind} to start from; next: pip install -e {folder} && pytest {folder}")
    return 0
