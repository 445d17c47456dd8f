"""Options that several commands share, times and sizes as people write them, and how results are printed."""

import csv
import inspect
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any, ClassVar

import click
from click.shell_completion import CompletionItem

from abawbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from abawbench.harness.request.databases import Sources
    from abawbench.harness.request.jobs import Machine
    from abawbench.harness.request.protocol import Protocol
    from abawbench.records.record import Record

Command = Callable[..., Any]

WIDE = 150
"""Columns where nothing says how many there are."""
LOST = 3
"""Exit status of results to which scored data is missing, because a track could not be read."""


class _Quantity(click.ParamType):  # type: ignore[type-arg]  # generic in the newest click only
    units: ClassVar[Mapping[str, int]]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number a text stands for."""
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


def gather(name: str, build: Command, *options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds options and hands what ``build`` makes of their values to one parameter.

    ``build`` takes them by the names that click gives them.
    """
    keys = list(inspect.signature(build).parameters)

    def decorate(function: Command) -> Command:
        @wraps(function)
        def call(**given: Any) -> Any:
            own = {key: given.pop(key) for key in keys}
            return function(**given, **{name: build(**own)})

        wrapped: Command = call
        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped

    return decorate


def complete(*kinds: str, after: str = "") -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return what completes the names of plugins of some kinds in a shell, each with ``after`` behind it."""

    def find(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        from abawbench.plugins import default_plugins

        names = {plugin.name for kind in kinds for plugin in default_plugins().all(kind)}
        return sorted(f"{name}{after}" for name in names if name.startswith(incomplete))

    return find


def complete_runs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the folders of runs whose path begins so, below it or below ``runs``; else let the shell find folders."""
    above = Path(incomplete).parent if "/" in incomplete else Path("runs")
    found = sorted(
        path
        for depth in range(5)
        for result in above.glob("*/" * depth + "result.json")
        if (path := result.parent.as_posix()).startswith(incomplete)
    )
    return [CompletionItem(path) for path in found] or [CompletionItem(incomplete, type="dir")]


def _sources(data: tuple[str, ...], preset: str | None, data_seed: int | None) -> "Sources":
    from abawbench.config import parse_data
    from abawbench.harness.request.databases import Sources

    return Sources(parse_data(data), preset, data_seed)


sources = gather(
    "sources",
    _sources,
    click.option("--data", multiple=True, metavar="NAME=ROOT", shell_complete=complete("database", after="="),
                 help="Where a database lies. Repeatable; default: "
                 "abawbench.toml, else the synthetic database."),
    click.option("--preset", help="Size of the synthetic database: tiny or small; default: the run's, else small."),
    click.option("--data-seed", type=int, help="Seed of the synthetic database; default: the run's, else 0."),
)  # fmt: skip
"""``sources: Sources``, where databases lie."""
assumption = click.option(
    "--assume",
    "assumptions",
    multiple=True,
    metavar="NAME=VALUE",
    help="Take an uncertain fact in another way; 'abawbench list assumptions' shows them. Repeatable.",
)
"""``assumptions: tuple[str, ...]``, for ``abawbench.harness.request.assumptions.parse_assumptions``."""


def _consent(context: click.Context, parameter: click.Parameter, given: bool) -> bool:
    from abawbench.config import network_wanted

    return given or network_wanted(Path.cwd())


network = click.option(
    "--network",
    is_flag=True,
    callback=_consent,
    help="Allow connections to other machines, for example to a hub for weights; also ABAWBENCH_NETWORK=1, or "
    "network = true in abawbench.toml.",
)
"""``network: bool``, for ``abawbench.system.network.network_refused(unless=network)``."""


def _stored_options(run: Path, task: str | None, weights: str | None) -> dict[str, Any]:
    return {"run": run, "task": task, "weights": weights}


stored_run = gather(
    "stored",
    _stored_options,
    click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path), shell_complete=complete_runs),
    click.option("--task", "-t", shell_complete=complete("task"), help="Which run, when RUN holds several."),
    click.option("--weights", help="Where the weights lie that the run started from, when they came from a file."),
)
"""``stored: dict``, the arguments ``run``, ``task`` and ``weights`` of the API."""
json_output = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
"""``as_json: bool``."""
csv_output = click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one row a result.")
"""``as_csv: bool``."""
wide = click.option("--wide", is_flag=True, help="Show every column, however wide the terminal is.")
"""``wide: bool``."""
parts = click.option("--parts", is_flag=True, help="Show a bar for each class, unit or dimension below the table.")
"""``parts: bool``."""
explain = click.option("--explain", is_flag=True, help="Say below the table what its columns mean.")
"""``explain: bool``."""
quiet = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
"""``quiet: bool``."""


ASKED = (
    *("model", "task", "seed", "weights", "settings", "grid", "control"),
    *("data", "preset", "data_seed"),
    *("protocol", "assumptions", "folds", "refit", "limit"),
    *("device", "precision", "workers", "runtime", "latency_seconds", "checkpoint_minutes", "tracker"),
)
"""Of the options, as click names them."""


def _jobs(
    model: tuple[str, ...],
    task: tuple[str, ...],
    seed: tuple[int, ...],
    weights: str | None,
    settings: tuple[str, ...],
    grid: tuple[str, ...],
    control: str | None,
) -> dict[str, Any]:
    from abawbench.harness.request.settings import parse_assignments, parse_grid

    numbers = {"settings": parse_assignments(settings), "grid": parse_grid(grid)}
    return {"model": model, "task": task, "seed": seed, "weights": weights, "control": control, **numbers}


def _protocol(
    protocol: tuple[str, ...], assumptions: tuple[str, ...], folds: int | None, refit: bool, limit: int
) -> "Protocol":
    from abawbench.harness.request.assumptions import parse_assumptions
    from abawbench.harness.request.protocol import protocol_of
    from abawbench.harness.request.settings import parse_assignments

    return protocol_of(
        {
            **parse_assignments(protocol, "--protocol", "smoothing=box:50"),
            **({} if folds is None else {"folds": folds}),
            **({"refit": True} if refit else {}),
            **({"limit": limit} if limit else {}),
            "assumptions": parse_assumptions(assumptions),
        }
    )


def _machine(
    device: str,
    precision: str,
    workers: int | None,
    runtime: str,
    latency_seconds: float,
    checkpoint_minutes: float,
    tracker: tuple[str, ...],
) -> "Machine":
    from abawbench.harness.request.jobs import Machine

    return Machine(
        device=device,
        precision=precision,
        workers=workers,
        runtime=runtime,
        latency_seconds=latency_seconds,
        checkpoint_minutes=checkpoint_minutes,
        trackers=tracker,
    )


_request = gather(
    "request",
    _jobs,
    click.option(
        "--model",
        "-m",
        multiple=True,
        shell_complete=complete("model"),
        help="Model name, or all. Repeatable.",
    ),
    click.option(
        "--task",
        "-t",
        multiple=True,
        default=["all"],
        show_default=True,
        shell_complete=complete("task", "suite"),
        help="Task or suite. Repeatable.",
    ),
    click.option("--seed", type=int, multiple=True, default=[0], show_default=True, help="Repeatable."),
    click.option("--weights", help="Where the network's parameters come from; default: the model's own choice."),
    click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Override a number of the recipe."),
    click.option("--grid", multiple=True, metavar="NAME=VALUE,...", help="Run every combination of these settings."),
    click.option("--control", help="shuffled-labels: train on labels shuffled across tracks."),
)
_how = gather(
    "protocol",
    _protocol,
    click.option(
        "--protocol",
        multiple=True,
        metavar="NAME=VALUE",
        help="no-face=nearest|interpolate|black|zero, "
        "smoothing=none|box:D|gaussian:SIGMA|published, thresholds=fixed|tuned|published. Repeatable.",
    ),
    assumption,
    click.option("--folds", type=int, help="Cross-validate over training and validation tracks, grouped by subject."),
    click.option(
        "--refit", is_flag=True, help="Fit training and validation tracks together, for a submission; no score."
    ),
    click.option(
        "--limit",
        type=click.IntRange(0),
        default=0,
        help="Use the first N tracks of each split, for a quick look; marked in every table, never ranked.",
    ),
)
_where = gather(
    "machine",
    _machine,
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."),
    click.option(
        "--precision", default="no", show_default=True, help="Mixed precision of training: no, fp16 (CUDA) or bf16."
    ),
    click.option(
        "--workers",
        type=click.IntRange(0),
        help="Processes that read images, 0 for none; default: one per processor where there are many images.",
    ),
    click.option(
        "--runtime",
        default="eager",
        show_default=True,
        help="What the network is timed by, and compared "
        "with eager execution on the scored split; see 'abawbench list runtimes'.",
    ),
    click.option(
        "--latency-seconds",
        type=Seconds(),
        default=60.0,
        show_default=True,
        help="For time and memory, per job at most; 0: none.",
    ),
    click.option(
        "--checkpoint-minutes",
        type=click.FloatRange(0),
        default=15.0,
        show_default=True,
        help="Training is kept at the end of each epoch and this often within; a run that was killed goes on from "
        "there. 0: at the end of each epoch only.",
    ),
    click.option(
        "--tracker", multiple=True, help="Follow the training in tensorboard, wandb or mlflow as well. Repeatable."
    ),
)


def asked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and hand what they say to the parameter ``asked``, as arguments of ``abawbench.api.plan``."""

    @wraps(function)
    def call(**given: Any) -> Any:
        request = given.pop("request")
        if not request["model"] and not given.get("plan"):
            raise click.UsageError("Missing option '--model' / '-m'.")
        own = {name: given.pop(name) for name in ("protocol", "machine")}
        own["data"] = given.pop("sources")
        return function(**given, asked={**request, **own})

    wrapped: Callable[..., Any] = call
    for add in (_where, _how, sources, _request):
        wrapped = add(wrapped)
    return wrapped


def refuse_asked(context: click.Context) -> None:
    """Raise UsageError where such options are given beside a plan, which says it all."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in ASKED
        and context.get_parameter_source(parameter.name) != click.core.ParameterSource.DEFAULT
    ]
    if given:
        raise UsageError(f"{', '.join(given)}: the plan says what is run; leave it out, or write another plan")


@dataclass(frozen=True)
class Form:
    """How results are to be printed."""

    as_json: bool = False
    as_csv: bool = False
    wide: bool = False
    parts: bool = False
    explain: bool = False


def show(records: "Sequence[Record]", form: Form) -> None:
    """Print results, synthetic apart from real ones; JSON holds the records whole."""
    if form.as_json:
        click.echo(json.dumps([record.model_dump(mode="json") for record in records], indent=2))
        return
    if form.as_csv:
        from abawbench.report.rows import result_row

        print_csv([result_row(record) for record in records])
        return
    from abawbench.report.terminal import LEGEND, fitted_table, parts_text

    width = terminal_width()
    for synthetic in (False, True):
        chosen = [record for record in records if record.database.synthetic == synthetic]
        if chosen:
            click.echo(fitted_table(chosen, width or WIDE, wide=form.wide or width is None, colour=has_colour()))
        if chosen and form.parts:
            click.echo("\n" + parts_text(chosen, width or WIDE))
    if form.explain:
        click.echo("\n" + LEGEND, nl=False)


def print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as CSV with a heading (RFC 4180); what is unknown is empty, ``; `` stands between several values."""
    headings = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, headings)
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    click.echo(text.getvalue(), nl=False)


@contextmanager
def say_if_slow(text: str) -> Iterator[None]:
    """Say on standard error what is being done when it takes longer than a moment; also a decorator."""
    timer = Timer(0.8, lambda: click.echo(text, err=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # nothing is said after the end


def _cell(value: object) -> object:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple | set | frozenset) else value


def terminal_width() -> int | None:
    """Return the columns of the terminal; None where nothing says how many there are."""
    if not os.environ.get("COLUMNS", "").isdigit() and not sys.stdout.isatty():
        return None
    return max(shutil.get_terminal_size((WIDE, 24)).columns, 40)


def has_colour() -> bool:
    """Return whether colour helps: on a terminal, unless NO_COLOR says otherwise (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


form = gather("form", Form, json_output, csv_output, wide, parts, explain)
"""``form: Form``, for ``show``."""
