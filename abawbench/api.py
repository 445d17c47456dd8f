"""The Python API: what the command line calls."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from abawbench.config import Roots, read_config
from abawbench.contracts.errors import DataError, JobWarning, UsageError
from abawbench.harness.request.databases import Databases, Sources, sources_of_run
from abawbench.harness.request.jobs import Job, Machine
from abawbench.harness.request.protocol import Protocol, protocol_of
from abawbench.harness.request.trackers import check_trackers
from abawbench.plugins import Plugins, default_plugins
from abawbench.progress import Progress
from abawbench.system.cache import cache_folder
from abawbench.system.files import require_folder
from abawbench.system.limits import Limits

if TYPE_CHECKING:
    from torch import nn

    from abawbench.contracts import Database, Model, Task
    from abawbench.harness.engines.engine import Engine, Errand
    from abawbench.harness.engines.forecast import Forecast
    from abawbench.harness.request.plan import Plan
    from abawbench.harness.score.frame_index import Surplus
    from abawbench.harness.score.official import Checked, Filled
    from abawbench.harness.score.score_file import Missing
    from abawbench.harness.stored.export import Exported
    from abawbench.harness.stored.parts import Spread
    from abawbench.harness.stored.submit import Submitted
    from abawbench.records.profile import Profile
    from abawbench.records.record import Record, Records
    from abawbench.records.scored_file import ScoredFile

Data: TypeAlias = "Mapping[str, str | Path | Sequence[str | Path]] | Sources | None"
"""Database -> its root or roots; or ``Sources``, which also say how a synthetic database is made. None: abawbench.toml
of the working folder, and without that the synthetic database."""
Options: TypeAlias = "Mapping[str, Any] | Protocol | None"
"""Protocol options by name, for example ``{"smoothing": "box:50"}``, or a ``Protocol``. None: the official one."""


def run(
    model: str | Sequence[str],
    task: str | Sequence[str] = "all",
    data: Data = None,
    *,
    settings: Mapping[str, Any] | None = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    weights: str | None = None,
    seed: int | Sequence[int] = 0,
    protocol: Options = None,
    control: str | None = None,
    machine: Machine | None = None,
    out: str | Path = "runs",
    force: bool = False,
    engine: "Engine | None" = None,
    finished: "Callable[[Record], None] | None" = None,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "Records":
    """Train, predict, score and measure each model on each task; return one record per job, in order.

    ``settings`` overrides the model's recipe, ``grid`` holds several values of some: each combination is a job.
    ``weights`` names where its parameters come from. ``machine`` says on what the jobs run and by which runtime the
    network is timed; its outputs on the scored split are compared with those of eager execution, which makes the
    scores. ``control="shuffled-labels"`` trains on labels shuffled across tracks.

    Results lie under ``out``; a job that is there already is read back unless ``force``. ``finished`` is called with
    each record as it is ready.

    Jobs run in this process, one after the other, so that they see what it has defined and a debugger sees them. With
    ``machine.limits`` each has a process of its own, as on the command line: whatever a plugin does there costs its own
    job.

    Raises UsageError for what cannot be done at all; a job that fails is a record that says so, and without a
    ``progress`` that notes it a JobWarning. ``raise_for_status()`` of what is returned makes it an error.
    """
    from abawbench.harness.engines.engine import Errand
    from abawbench.records.record import Records

    plugins, machine = plugins or default_plugins(), machine or Machine()
    planned = plan(
        model,
        task,
        data,
        settings=settings,
        grid=grid,
        weights=weights,
        seed=seed,
        protocol=protocol,
        control=control,
        machine=machine,
        plugins=plugins,
    )
    errand = Errand(
        plan=planned,
        numbers=tuple(range(len(planned.jobs))),
        out=_results_folder(out),
        limits=machine.limits,
        force=force,
        noted=engine is not None,
        plugins=plugins,
        progress=progress or Progress(),
    )
    return Records(_do(errand, engine, finished, warn=progress is None))


def plan(
    model: str | Sequence[str],
    task: str | Sequence[str] = "all",
    data: Data = None,
    *,
    settings: Mapping[str, Any] | None = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    weights: str | None = None,
    seed: int | Sequence[int] = 0,
    protocol: Options = None,
    control: str | None = None,
    machine: Machine | None = None,
    plugins: Plugins | None = None,
) -> "Plan":
    """Return the jobs that ``run`` would do, as a plan that can be written to a file and done anywhere.

    The arguments are those of ``run``. Raises UsageError for what cannot be done at all; no file is opened.
    """
    from abawbench.harness.request.jobs import list_jobs
    from abawbench.harness.request.plan import Plan

    plugins, machine = plugins or default_plugins(), machine or Machine()
    check_trackers(machine.trackers)
    like = Job(
        overrides=settings or {},
        weights=weights,
        device=machine.device,
        precision=machine.precision,
        workers=machine.workers,
        runtime=machine.runtime,
        protocol=as_protocol(protocol),
        control=control,
    )
    seeds = [seed] if isinstance(seed, int) else list(seed)
    return Plan(
        jobs=tuple(list_jobs(plugins, _several(model), _several(task), seeds, like, grid)),
        sources=as_sources(data),
        latency_seconds=machine.latency_seconds,
        checkpoint_minutes=machine.checkpoint_minutes,
        trackers=machine.trackers,
    )


def run_plan(
    plan: "Plan",
    jobs: str | None = None,
    *,
    limits: Limits | None = None,
    engine: "Engine | None" = None,
    out: str | Path = "runs",
    force: bool = False,
    finished: "Callable[[Record], None] | None" = None,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "Records":
    """Do some jobs of a plan, ``"0-99"``, or all, and return the record of each, in order.

    Results lie under ``out`` as those of ``run`` do, with a note of how each job ended, which ``collect`` reads.
    Raises UsageError for a number that the plan does not have.
    """
    from abawbench.harness.engines.engine import Errand
    from abawbench.records.record import Records

    errand = Errand(
        plan=plan,
        numbers=plan.pick(jobs),
        out=_results_folder(out),
        limits=limits,
        force=force,
        plugins=plugins or default_plugins(),
        progress=progress or Progress(),
    )
    return Records(_do(errand, engine, finished, warn=progress is None))


def forecast(
    plan: "Plan",
    jobs: str | None = None,
    *,
    out: str | Path = "runs",
    force: bool = False,
    sample_seconds: float = 10.0,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "list[Forecast]":
    """Return what each job of a plan would be and about how long it would take; no result is written.

    Databases are opened. Training is tried for ``sample_seconds`` on a few tracks, once for jobs that differ by their
    seed alone; the features of these tracks are kept. Raises UsageError for a number that the plan does not have.
    """
    from abawbench.harness.engines.forecast import forecast as foretell
    from abawbench.harness.request.jobs import Work

    chosen = [plan.jobs[number] for number in plan.pick(jobs)]
    work = Work(plugins=plugins or default_plugins(), sources=plan.sources, out=Path(out).absolute(), force=force)
    return list(foretell(chosen, work, progress or Progress(), sample_seconds))


def _do(
    errand: "Errand", engine: "Engine | None", finished: "Callable[[Record], None] | None", warn: bool
) -> "list[Record]":
    from abawbench.harness.engines.local import Local

    records: dict[int, Record] = {}

    def ended(number: int, record: "Record") -> None:
        records[number] = record
        if record.status != "ok" and warn:
            warnings.warn(record.trouble, JobWarning, stacklevel=2)
        if finished is not None:
            finished(record)

    (engine or Local()).run(errand, ended)
    return [records[number] for number in errand.numbers if number in records]


def open_database(
    name: str,
    data: "str | Path | Sequence[str | Path] | Sources | None" = None,
    *,
    assumptions: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "Database":
    """Return a database, to look at its tracks and labels: no image is read before one is asked for.

    ``data`` is its root or roots; or ``Sources``, which also say how a synthetic one is made; or None, for the roots in
    ``abawbench.toml`` and for a database that makes its own files. Raises UsageError for an unknown name or a missing
    root, DataError when there is nothing of it.

    >>> from abawbench import Sources, open_database
    >>> database = open_database("synthetic", Sources(preset="tiny"))  # doctest: +SKIP
    >>> database.splits("va")  # doctest: +SKIP
    ('train', 'val')
    >>> for name, labels in database.labels("va", "val").items():  # doctest: +SKIP
    ...     print(name, labels.values.shape, labels.mask.mean())
    """
    from abawbench.harness.request.assumptions import check_assumptions

    plugins = plugins or default_plugins()
    sources = data if isinstance(data, Sources) else Sources({} if data is None else {name: as_paths(data)})
    roots = sources.roots.get(name) or read_config(Path.cwd()).get(name, ())
    chosen = check_assumptions(plugins, assumptions or {})
    return Databases(plugins, replace(sources, roots={name: roots}), progress or Progress(), chosen).open(name)


def score(
    predictions: str | Path,
    task: str | None = None,
    data: Data = None,
    *,
    split: str = "val",
    missing: "Missing" = "error",
    surplus: "Surplus" = "error",
    form: str | None = None,
    assumptions: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "ScoredFile":
    """Return the official score, interval, parts, floor and coverage of predictions from any framework.

    ``predictions`` is a file (Parquet, CSV, the task's official form), a folder with one file per track, or the
    folder of a run, or one with a single run below it, whose stored value must come out. ``missing`` fills
    annotated frames without a prediction: ``nearest`` or ``interpolate``; ``surplus="ignore"`` passes over
    predictions of frames that the split does not have, and counts them; ``form`` names the toolkit whose tables it
    holds (``openface``, ``py-feat``, ``libreface``). ``assumptions`` are about uncertain facts; a run folder keeps
    its own. Raises DataError naming file and line, and UsageError.
    """
    from abawbench.harness.score.score_file import ScoreRequest, score_file, score_run
    from abawbench.records.store import FAILED, RESULT, read

    plugins = plugins or default_plugins()
    path = _run_at(Path(predictions))
    progress = progress or Progress()
    if (path / RESULT).is_file():
        if assumptions:
            raise UsageError(f"{path}: a run is scored under its own assumptions; leave --assume out")
        return score_run(path, task, plugins, Databases(plugins, sources_of(read(path), data), progress))
    if (path / FAILED).is_file():
        raise DataError(f"{path}: nothing to score, the run gave no result: {read(path / FAILED).trouble}")
    if task is None:
        raise UsageError(f"{path}: not a run folder, so say which task it predicts with --task")
    wanted = ScoreRequest(
        task=task, split=split, missing=missing, surplus=surplus, form=form, assumptions=assumptions or {}
    )
    return score_file(path, wanted, plugins, Databases(plugins, as_sources(data), progress))


def _results_folder(out: str | Path) -> Path:
    """Return where results lie, absolute: a plugin may change the working folder. Raises UsageError for no folder."""
    try:
        return require_folder(Path(out))
    except OSError as error:
        raise UsageError(f"results cannot lie in {out}: {error.filename or out}: {error.strerror}") from error


def _run_at(path: Path) -> Path:
    """Return the one run below a folder, or the path where there is none. Raises UsageError where there are several."""
    from abawbench.records.store import RESULT

    for depth in range(4):
        if found := sorted(result.parent for result in path.glob("*/" * depth + RESULT)):
            if len(found) > 1:
                raise UsageError(f"{path}: {len(found)} runs lie below; name one of them, for example {found[0]}")
            return found[0]
    return path


def load_run(
    run: str | Path, *, weights: str | None = None, plugins: Plugins | None = None
) -> "tuple[Record, Model, nn.Module]":
    """Return the record of a run, its model, and its network with the trained parameters, in evaluation mode.

    ``weights`` says where those that it started from lie, when they came from a file. Raises DataError when the folder
    holds no whole run, UsageError when its weights cannot be had.
    """
    from abawbench.harness.stored.load import StoredRun
    from abawbench.records.store import read

    record = read(Path(run))
    learner = StoredRun(Path(run), record, plugins or default_plugins(), weights).learner("cpu")
    return record, learner.model, learner.network.eval()


def submit(
    run: str | Path,
    out: str | Path,
    task: str | None = None,
    data: Data = None,
    *,
    template: str | Path | None = None,
    split: str = "test",
    weights: str | None = None,
    members: "str | Path | Sequence[str | Path]" = (),
    device: str = "auto",
    assumptions: Mapping[str, str] | None = None,
    engine: "Engine | None" = None,
    shards: int = 1,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "Submitted":
    """Predict a split with the stored weights of a run, write the official file to ``out`` and return what it holds.

    Rows and order are those of ``template``, or of the one the database has. ``weights`` says where the weights lie
    that the run started from, when they came from a file, and ``members`` where the runs of an ensemble lie.
    ``assumptions`` are the run's unless given. With an ``engine`` the network computes in ``shards`` parts, on nodes
    that see the folder of the run and the database. Nothing is written unless every row is predicted.
    """
    from abawbench.harness.request.assumptions import check_assumptions
    from abawbench.harness.stored.load import find_run
    from abawbench.harness.stored.submit import SubmitRequest, submit

    plugins, progress = plugins or default_plugins(), progress or Progress()
    stored = find_run(Path(run), plugins, task, weights, check_assumptions(plugins, assumptions or {}))
    sources = sources_of(stored.record, data)
    wanted = SubmitRequest(
        split=split,
        template=None if template is None else Path(template),
        device=device,
        members=as_paths(members),
        spread=None if engine is None else _spread(engine, shards, sources, progress),
    )
    databases = Databases(plugins, sources, progress)
    return submit(stored, Path(out), databases, wanted, progress)


def _spread(engine: "Engine", shards: int, sources: Sources, progress: Progress) -> "Spread":
    """Return an engine as who does the parts of a prediction."""
    from abawbench.harness.engines.engine import Lost, Parts
    from abawbench.harness.stored.parts import Spread

    def do(work: "Callable[..., Any]", given: "Sequence[tuple[Any, ...]]") -> list[Any]:
        log = cache_folder() / "nodes-predict"
        limits = Limits(jobs=shards, seconds=None)
        found = engine.spread(
            Parts(work=work, given=tuple(given), on_gpu=True, log=log, limits=limits, progress=progress)
        )
        if lost := [one for one in found if isinstance(one, Lost)]:
            raise UsageError(f"{len(lost)} of {shards} shards gave nothing ({lost[0].why}); nothing was written")
        return found

    return Spread(parts=shards, do=do, sources=sources)


def fill_template(
    predictions: str | Path,
    template: str | Path,
    out: str | Path,
    task: str,
    *,
    form: str | None = None,
    surplus: "Surplus" = "error",
    assumptions: Mapping[str, str] | None = None,
    plugins: Plugins | None = None,
) -> "Filled":
    """Write the official file of a template from predictions of any framework; return what it holds.

    ``predictions`` are in any form that ``score`` reads. Neither database nor model is needed. Raises DataError naming
    file and line for predictions that cannot be used or do not cover the template; nothing is written then.
    """
    from abawbench.harness.score.official import fill_template

    built = _task(task, assumptions, plugins)
    return fill_template(Path(predictions), built, Path(template), Path(out), form=form, surplus=surplus)


def check_submission(
    file: str | Path,
    template: str | Path,
    task: str,
    *,
    assumptions: Mapping[str, str] | None = None,
    plugins: Plugins | None = None,
) -> "Checked":
    """Return what is wrong with an official file that anybody wrote: ``findings``, each naming file and line."""
    from abawbench.harness.score.official import check_official

    return check_official(Path(file), _task(task, assumptions, plugins), Path(template))


def _task(name: str, assumptions: Mapping[str, str] | None, plugins: Plugins | None) -> "Task":
    from abawbench.harness.request.assumptions import check_assumptions

    plugins = plugins or default_plugins()
    task: Task = plugins.get("task", name).build_under(check_assumptions(plugins, assumptions or {}))
    return task


def export(
    run: str | Path,
    format: str,
    task: str | None = None,
    data: Data = None,
    *,
    out: str | Path | None = None,
    weights: str | None = None,
    members: "str | Path | Sequence[str | Path]" = (),
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "Exported":
    """Write the network of a run as a folder that runs without abawbench and return what it holds.

    ``format`` is one that a runtime writes, such as ``onnx`` or ``openvino``. The database is that of the run: the
    files are compared with eager execution on its scored split. Of an ensemble the network of each member is written;
    ``members`` says where their runs lie.
    """
    from abawbench.harness.stored.export import export
    from abawbench.harness.stored.export_ensemble import export_ensemble
    from abawbench.harness.stored.load import find_run
    from abawbench.harness.stored.members import members_of

    plugins, progress = plugins or default_plugins(), progress or Progress()
    stored = find_run(Path(run), plugins, task, weights)
    databases = Databases(plugins, sources_of(stored.record, data), progress)
    folder = None if out is None else Path(out)
    if stored.record.ensemble is None:
        return export(stored, databases, format, folder, progress)
    return export_ensemble(stored, members_of(stored, as_paths(members)), databases, format, folder, progress)


def profile(
    model: str,
    task: str = "va",
    *,
    weights: str | None = None,
    settings: Mapping[str, Any] | None = None,
    runtime: str | Sequence[str] = (),
    scenario: str | Sequence[str] = (),
    progress: Progress | None = None,
    plugins: Plugins | None = None,
    **options: Any,
) -> "Profile":
    """Return what a model's network costs, without training: parameters, MACs by module and stage, time and memory.

    ``scenario`` is any of ``single-stream``, ``offline`` and ``live``, all by default. Of several runtimes the first is
    measured in the scenarios and all are interleaved with plain eager execution. Further ``options`` are fields of
    ``abawbench.harness.measure.profile.ProfileRequest``. Raises UsageError for unknown names and for what this machine
    cannot do.
    """
    from abawbench.harness.measure.profile import SCENARIOS, ProfileRequest, profile

    wanted = ProfileRequest(
        model=model,
        task=task,
        weights=weights,
        overrides=settings or {},
        runtimes=_several(runtime),
        scenarios=_several(scenario) or SCENARIOS,
        **options,
    )
    return profile(wanted, plugins or default_plugins(), progress or Progress())


def as_sources(data: Data) -> Sources:
    """Return where databases lie; what is not said is taken from ``abawbench.toml`` of the working folder."""
    if isinstance(data, Sources):
        return data if data.roots else replace(data, roots=read_config(Path.cwd()))
    return Sources(_roots(data) or read_config(Path.cwd()))


def sources_of(record: "Record", data: Data) -> Sources:
    """Return where the database of a run lies: as given, else as in the run, else as in ``abawbench.toml``."""
    given = data if isinstance(data, Sources) else Sources(_roots(data))
    if given.roots or record.database.roots or record.database.preset:
        return sources_of_run(record.database, given)
    return as_sources(data)


def as_protocol(options: Options) -> Protocol:
    """Return the protocol with some options. Raises UsageError for one that does not exist or is not possible."""
    return options if isinstance(options, Protocol) else protocol_of(options or {})


def _roots(data: "Mapping[str, str | Path | Sequence[str | Path]] | None") -> Roots:
    return {name: as_paths(value) for name, value in (data or {}).items()}


def _several(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def as_paths(value: str | Path | Sequence[str | Path]) -> tuple[Path, ...]:
    """Return one path or several as a tuple."""
    return (Path(value),) if isinstance(value, str | Path) else tuple(Path(path) for path in value)
