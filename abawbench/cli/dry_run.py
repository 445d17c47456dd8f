"""What ``run --dry-run`` prints: a row for each job, then the disk and the time of them all."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli.options import Form, print_csv

if TYPE_CHECKING:
    from abawbench.harness.engines.forecast import Forecast


def show_forecasts(found: "Sequence[Forecast]", form: Form, out: Path, latency_seconds: float) -> int:
    """Print forecasts; return 1 where a job cannot be run, else 0. JSON and CSV hold each whole."""
    if form.as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    elif form.as_csv:
        print_csv([asdict(one) for one in found])
    else:
        _print(found, out, latency_seconds)
    return int(any(one.trouble for one in found))


def _print(found: "Sequence[Forecast]", out: Path, latency_seconds: float) -> None:
    from tabulate import tabulate

    from abawbench.system.text import NONE, plain

    headers = ["model", "task", "seed", "database", "tracks", "frames", "images", "features", "time"]
    click.echo(tabulate([_row(one) for one in found], headers, disable_numparse=True, missingval=NONE))
    for reason in dict.fromkeys(f"{one.model} on {one.task}: {one.trouble}" for one in found if one.trouble):
        click.echo(plain(reason))
    for reason in dict.fromkeys(f"{one.model}: {one.features}" for one in found if one.features not in ("", "kept")):
        click.echo(plain(reason))
    known = [one.seconds for one in found if one.seconds is not None]
    todo = [one for one in found if not one.done and not one.trouble]
    place = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    models = len({one.model for one in todo})
    click.echo(
        f"{len(todo)} of {len(found)} jobs to do, one after the other about {_time(sum(known))}"
        + (f" without {len(todo) - len(known)} of unknown time" if len(known) < len(todo) else "")
        + f", and up to {_time(models * latency_seconds)} to time networks; features take "
        f"{sum(one.features_bytes for one in todo) / 1e9:.2g} GB more of the cache; "
        f"{shutil.disk_usage(place).free / 1e9:.3g} GB are free at {place}"
    )


def _row(one: "Forecast") -> list[Any]:
    kept = (
        ""
        if not one.features
        else f"kept, {one.features_bytes / 1e9:.2g} GB"
        if one.features == "kept"
        else "read anew"
    )
    time = (
        "cannot be run" if one.trouble else "done" if one.done else "?" if one.seconds is None else _time(one.seconds)
    )
    counts = [f"{number:,}" for number in (one.tracks, one.frames, one.images)]
    return [one.model, one.task, one.seed, one.database, *counts, kept, time]


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
