"""``abawbench weights``: where pretrained parameters come from, and whether they are here and still the same."""

import json
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options
from abawbench.contracts.errors import UsageError
from abawbench.contracts.source import Source
from abawbench.system.text import plain

if TYPE_CHECKING:
    from abawbench.plugins import Plugin

EPILOG = """\b
Examples:
  abawbench weights list
  abawbench weights list mnv4-tam --json
  abawbench weights fetch mnv4-tam imagenet --network
      the first fetch records commit, size and SHA-256 in weights.lock; anything else is refused from then on
  abawbench weights fetch hf:facebook/dinov2-small --network
  abawbench weights verify
  abawbench weights accept mnv4-tam imagenet --network
      take what the hub has now, and record it instead

Allowed for good: ABAWBENCH_NETWORK=1, or network = true in abawbench.toml.
A weights.lock in the working folder is the project's own; without one they are recorded in the cache folder.

Exit status: 0 done, 1 verify found something changed, 2 wrong usage or weights that cannot be had.
"""


@click.group(epilog=EPILOG)
def weights() -> None:
    """List, fetch and verify the weights that models know by name."""


@weights.command("list")
@click.argument("model", required=False)
@options.json_output
@options.csv_output
def list_weights(model: str | None, as_json: bool, as_csv: bool) -> int:
    """Show every source of every model: origin, licence, what it was trained on, and where it lies."""
    from abawbench.weights.obtain import find_files

    rows: list[dict[str, Any]] = []
    for user, source in _sources(model, None):
        files = find_files(source)
        rows.append(
            {
                "model": user,
                "weights": source.spec,
                "origin": source.origin or ("abawbench" if source.bundled else "a file of yours"),
                "licence": source.licence,
                "trained_on": list(source.trained_on),
                "path": str(files[0]) if files else None,
                "files": len(files),
                "bytes": sum(file.stat().st_size for file in files) if files else None,
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return 0
    if as_csv:
        options.print_csv(rows)
        return 0
    from tabulate import tabulate

    shown = [
        [
            plain(str(text))
            for text in (
                row["model"],
                row["weights"],
                row["origin"],
                row["licence"] or "none named",
                ", ".join(row["trained_on"]),
                f"{row['bytes'] / 1e6:.1f} MB" if row["bytes"] is not None else "not here",
            )
        ]
        for row in rows
    ]
    click.echo(tabulate(shown, ["model", "weights", "origin", "licence", "trained on", "here"], disable_numparse=True))
    return 0


@weights.command()
@click.argument("model")
@click.argument("source", required=False)
@options.network
@options.quiet
def fetch(model: str, source: str | None, network: bool, quiet: bool) -> int:
    """Fetch the weights of a model, all that can be fetched or one source, and record what they are."""
    from abawbench.cli.progress import TerminalProgress
    from abawbench.system.network import network_refused
    from abawbench.weights.obtain import fetch_weights
    from abawbench.weights.telling import report_fetching

    wanted = [one for _, one in _sources(model, source) if one.bundled or one.origin]
    if not wanted:
        raise UsageError(f"the weights of {model} come from a file of yours only; see: abawbench weights list {model}")
    with closing(TerminalProgress(quiet)) as progress, network_refused(unless=network), report_fetching(progress):
        for one in wanted:
            click.echo(plain(f"{one.name}: {fetch_weights(one, model)}"))
    return 0


@weights.command()
@click.argument("model", required=False)
@click.argument("source", required=False)
@options.json_output
@options.csv_output
def verify(model: str | None, source: str | None, as_json: bool, as_csv: bool) -> int:
    """Compare what is on this machine with what it was at its first use."""
    from abawbench.weights import obtain

    rows, seen = [], set[str]()
    for user, one in _sources(model, source):
        key = one.origin or str(one.bundled)
        if key in seen or not (one.origin or one.bundled):
            continue
        seen.add(key)
        state, where = obtain.verify(one)
        rows.append({"model": user, "weights": one.name, "state": state, "where": where})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif as_csv:
        options.print_csv(rows)
    else:
        from tabulate import tabulate

        click.echo(tabulate([[plain(str(v)) for v in row.values()] for row in rows], ["model", "weights", "state", ""]))
    return 1 if any(row["state"] == "changed" for row in rows) else 0


@weights.command()
@click.argument("model")
@click.argument("source", required=False)
@options.network
@options.quiet
def accept(model: str, source: str | None, network: bool, quiet: bool) -> int:
    """Take weights as they are now, from their origin with --network, and record them in place of what was."""
    from abawbench.cli.progress import TerminalProgress
    from abawbench.system.network import network_refused
    from abawbench.weights import obtain
    from abawbench.weights.telling import report_fetching

    with closing(TerminalProgress(quiet)) as progress, network_refused(unless=network), report_fetching(progress):
        for _, one in _sources(model, source):
            if not one.origin:
                continue
            pins, where = obtain.accept(one)
            for pin in pins:
                click.echo(plain(f"{pin.file} of {pin.origin}: {pin.sha256}, recorded in {where}"))
    return 0


def _sources(model: str | None, name: str | None) -> Sequence[tuple[str, Source]]:
    """Return who uses which sources: a model, or all and the face detector; one of them by name.

    Raises UsageError for an unknown name.
    """
    from abawbench.plugins import default_plugins
    from abawbench.weights import detector

    plugins = default_plugins()
    chosen = plugins.all("model") if model is None else [plugins.get("model", model)] if model != detector.NAME else []
    declared = [(plugin.name, one) for plugin in chosen for one in _declared(plugin)]
    if model in (None, detector.NAME):
        declared.append((detector.NAME, detector.MTCNN))
    found = [(user, one) for user, one in declared if name in (None, one.name)]
    if model is not None and not found:
        known = ", ".join(one.name for _, one in declared) or "none"
        raise UsageError(f"model '{model}' has no weights {name or 'to fetch'!r}; it knows {known}")
    return found


def _declared(plugin: "Plugin") -> Sequence[Source]:
    """Return the sources of a model; one that stands for many has those of the name it is used by."""
    named = bool(plugin.claims) and plugin.name.startswith(plugin.claims)
    declared: Any = plugin.builder() if named else plugin.declaration
    sources: Sequence[Source] = declared.sources
    return sources
