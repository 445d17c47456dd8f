"""The Python API: what the command line calls."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abawbench.config import read_config
from abawbench.contracts.errors import UsageError
from abawbench.plugins import Plugins, default_plugins
from abawbench.progress import Progress

if TYPE_CHECKING:
    from torch import nn

    from abawbench.contracts import Model
    from abawbench.harness.request.databases import Databases
    from abawbench.harness.score.score_file import Missing
    from abawbench.harness.stored.export import Exported
    from abawbench.harness.stored.submit import Submitted
    from abawbench.records.profile import Profile
    from abawbench.records.record import Record
    from abawbench.records.scored import ScoredFile
    from abawbench.system.limits import Limits


def run(
    model: str | Sequence[str],
    task: str | Sequence[str] = "all",
    data: Mapping[str, str | Path | Sequence[str | Path]] | None = None,
    *,
    preset: str = "small",
    data_seed: int = 0,
    seed: int | Sequence[int] = 0,
    weights: str | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    precision: str = "no",
    control: str | None = None,
    protocol: Mapping[str, Any] | None = None,
    runtime: str = "eager",
    readings: Mapping[str, str] | None = None,
    out: str | Path = "runs",
    force: bool = False,
    latency_seconds: float = 60.0,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
    finished: "Callable[[Record], None] | None" = None,
    limits: "Limits | None" = None,
) -> "list[Record]":
    """Train, predict, score and measure each model on each task; return one record per job, in order.

    ``data`` maps a database to its root or roots; without it ``abawbench.toml`` of the working folder is read, and
    without that the synthetic database is made (``preset`` ``tiny`` or ``small``, seed ``data_seed``). ``settings``
    overrides the model's recipe, ``weights`` names where its parameters come from. ``protocol`` holds options of
    ``abawbench.harness.request.protocol.Protocol``, for example ``{"smoothing": "box:50"}`` or ``{"folds": 5}``, and
    ``readings`` how uncertain facts are taken, for example ``{"absent-class": "left-out"}`` (docs/choices.md).

    ``runtime`` is what the network is timed by; its outputs on the scored split are compared with those of eager
    execution, which makes the scores.

    Results lie under ``out``; a job that is there already is read back unless ``force``.
    ``latency_seconds`` bounds the time for latency, once per model; 0 leaves time and memory out.
    ``finished`` is called with each record as it is ready.

    Jobs run in this process, one after the other, so that they see what it has defined and a debugger sees them. With
    ``limits`` (``abawbench.system.limits.Limits``) each has a process of its own, as on the command line: whatever a
    plugin does there costs its own job.

    Raises UsageError for what cannot be done at all; a job that fails is a record that says so.
    """
    from abawbench.harness.jobs.run import run_jobs
    from abawbench.harness.request.databases import Generated
    from abawbench.harness.request.jobs import Work, plan
    from abawbench.harness.request.protocol import protocol_of

    plugins = plugins or default_plugins()
    jobs = plan(
        plugins,
        _several(model),
        _several(task),
        [seed] if isinstance(seed, int) else list(seed),
        overrides=settings or {},
        weights=weights,
        device=device,
        precision=precision,
        control=control,
        protocol=protocol_of({**(protocol or {}), "readings": dict(readings or {})}),
        runtime=runtime,
    )
    roots = {name: _paths(value) for name, value in data.items()} if data else read_config(Path.cwd())
    return run_jobs(
        jobs,
        Work(
            plugins=plugins,
            roots=roots,
            generated=Generated(preset, data_seed),
            out=Path(out).absolute(),  # a plugin may change the working folder
            force=force,
            costs={"seconds": latency_seconds},
        ),
        limits=limits,
        progress=progress or Progress(),
        finished=finished or (lambda record: None),
    )


def score(
    predictions: str | Path,
    task: str | None = None,
    data: Mapping[str, str | Path | Sequence[str | Path]] | None = None,
    *,
    split: str = "val",
    missing: "Missing" = "error",
    readings: Mapping[str, str] | None = None,
    preset: str = "small",
    data_seed: int = 0,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "ScoredFile":
    """Return the official score, interval, parts, floor and coverage of predictions from any framework.

    ``predictions`` is a file (Parquet, CSV, the task's official form), a folder with one file per track, or a run
    folder, whose stored value must come out. ``missing`` fills annotated frames without a prediction: ``nearest`` or
    ``interpolate``. The database is found as for ``run``. ``readings`` as for ``run``; a run folder keeps its own.
    Raises DataError naming file and line, and UsageError.
    """
    from abawbench.harness.score.score_file import score_file, score_run
    from abawbench.records.store import RESULT

    plugins = plugins or default_plugins()
    path = Path(predictions)
    databases = _databases(plugins, data, preset, data_seed, progress)
    if (path / RESULT).is_file():
        if readings:
            raise UsageError(f"{path}: a run is scored under its own readings; leave --reading out")
        return score_run(path, task, plugins, databases)
    if task is None:
        raise UsageError(f"{path}: not a run folder, so say which task it predicts with --task")
    return score_file(path, task, plugins, databases, split=split, missing=missing, readings=readings)


def load_run(
    run: str | Path, *, weights: str | None = None, plugins: Plugins | None = None
) -> "tuple[Record, Model, nn.Module]":
    """Return the record of a run, its model, and its network with the trained parameters, in evaluation mode.

    ``weights`` says where those that it started from lie, when they came from a file. Raises DataError when the folder
    holds no whole run, UsageError when its weights cannot be had.
    """
    from abawbench.harness.stored.load import restored
    from abawbench.records.store import read
    from abawbench.system.repeatable import repeatable

    plugins = plugins or default_plugins()
    record = read(Path(run))
    with repeatable(record.seed):
        task = plugins.get("task", record.task, record.near("task")).build()
        model, network = restored(Path(run), record, plugins, task, weights)
    return record, model, network.eval()


def submit(
    run: str | Path,
    out: str | Path,
    task: str | None = None,
    data: Mapping[str, str | Path | Sequence[str | Path]] | None = None,
    *,
    template: str | Path | None = None,
    split: str = "test",
    weights: str | None = None,
    device: str = "auto",
    readings: Mapping[str, str] | None = None,
    preset: str = "small",
    data_seed: int = 0,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "Submitted":
    """Predict a split with the stored weights of a run, write the official file to ``out`` and return what it holds.

    Rows and order are those of ``template``, or of the one the database has. ``weights`` says where the weights lie
    that the run started from, when they came from a file. ``readings`` are the run's unless given. Nothing is written
    unless every row is predicted.
    """
    from abawbench.harness.stored.submit import submit

    plugins = plugins or default_plugins()
    return submit(
        Path(run),
        Path(out),
        plugins,
        _databases(plugins, data, preset, data_seed, progress),
        task_name=task,
        template=None if template is None else Path(template),
        split=split,
        weights=weights,
        device=device,
        readings=readings,
        progress=progress or Progress(),
    )


def export(
    run: str | Path,
    format: str,
    task: str | None = None,
    data: Mapping[str, str | Path | Sequence[str | Path]] | None = None,
    *,
    out: str | Path | None = None,
    weights: str | None = None,
    preset: str = "small",
    data_seed: int = 0,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "Exported":
    """Write the network of a run as a folder that runs without abawbench and return what it holds.

    ``format`` is one that a runtime writes, such as ``onnx`` or ``openvino``. The database is that of the run, found as
    for ``run``: the files are compared with eager execution on its scored split.
    """
    from abawbench.harness.stored.export import export

    plugins = plugins or default_plugins()
    return export(
        Path(run),
        plugins,
        _databases(plugins, data, preset, data_seed, progress),
        format=format,
        out=None if out is None else Path(out),
        task_name=task,
        weights=weights,
        progress=progress or Progress(),
    )


def profile(
    model: str,
    task: str = "va",
    *,
    weights: str | None = None,
    settings: Mapping[str, Any] | None = None,
    runtime: str | Sequence[str] = (),
    scenario: str | Sequence[str] = (),
    threads: int | None = None,
    seconds: float = 60.0,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
    **options: Any,
) -> "Profile":
    """Return what a model's network costs, without training: parameters, MACs by module and stage, time and memory.

    ``scenario`` is any of ``single-stream``, ``offline`` and ``live``, all by default. Of several runtimes the first is
    measured in the scenarios and all by turns, beside plain eager execution. Further ``options`` are fields of
    ``abawbench.harness.measure.profile.Wanted``. Raises UsageError for unknown names and what this machine cannot do.
    """
    from abawbench.harness.measure.profile import SCENARIOS, Wanted, profile

    wanted = Wanted(
        model=model,
        task=task,
        weights=weights,
        overrides=settings or {},
        runtimes=_several(runtime),
        scenarios=_several(scenario) or SCENARIOS,
        threads=threads,
        seconds=seconds,
        **options,
    )
    return profile(wanted, plugins or default_plugins(), progress or Progress())


def _databases(
    plugins: Plugins,
    data: Mapping[str, str | Path | Sequence[str | Path]] | None,
    preset: str,
    data_seed: int,
    progress: Progress | None,
) -> "Databases":
    from abawbench.harness.request.databases import Databases, Generated

    roots = {name: _paths(value) for name, value in data.items()} if data else read_config(Path.cwd())
    return Databases(plugins, roots, Generated(preset, data_seed), progress or Progress())


def _several(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _paths(value: str | Path | Sequence[str | Path]) -> tuple[Path, ...]:
    return (Path(value),) if isinstance(value, str | Path) else tuple(Path(path) for path in value)
