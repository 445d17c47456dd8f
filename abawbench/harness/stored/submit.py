"""The official file of a test set: predicted by a stored run, in the rows and order of the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Database, DataError, Decided, Submission, Task, Template, Track, UsageError
from abawbench.harness.data.inputs import inputs_of
from abawbench.harness.learn.postprocessing import stretched
from abawbench.harness.learn.prediction import predict
from abawbench.harness.request.assumptions import checked_readings
from abawbench.harness.request.databases import Databases
from abawbench.harness.request.devices import accelerator_on
from abawbench.harness.request.protocol import OFFICIAL, Protocol, protocol_of
from abawbench.harness.score.frame_index import FrameIndex
from abawbench.harness.score.prediction_files import submission_of
from abawbench.harness.stored.load import restored
from abawbench.plugins import Plugins
from abawbench.progress import Progress
from abawbench.records import store
from abawbench.records.record import Record
from abawbench.system.files import replacing, sha256
from abawbench.system.repeatable import repeatable

SHOWN = 10
"""Unknown frames that a message names."""


@dataclass(frozen=True)
class Submitted:
    """The file that was written."""

    file: str
    sha256: str
    task: str
    edition: int
    model: str
    seed: int
    database: str
    synthetic: bool
    split: str
    rows: int
    tracks: int
    frames_without_image: int
    """Frames of the split without a usable image, predicted from another."""


def submit(
    run: Path,
    out: Path,
    plugins: Plugins,
    databases: Databases,
    *,
    task_name: str | None = None,
    template: Path | None = None,
    split: str = "test",
    weights: str | None = None,
    device: str = "auto",
    readings: Mapping[str, str] | None = None,
    progress: Progress,
) -> Submitted:
    """Write the official prediction file of a split and return what it holds.

    Names, their order and the header come from the template: the one given, else the database's own. Only a split that
    has no official template, such as ``val``, is written in the order of the database. The file is read back before it
    takes its place under ``out``; one that would lack a row is not written. Facts that are not certain are taken as
    in the run, unless ``readings`` choose otherwise.
    """
    folder, record = the_run(run, task_name)
    readings = {**(record.protocol.readings if record.protocol else {}), **checked_readings(plugins, readings or {})}
    task: Task = plugins.get("task", record.task, record.near("task")).build_under(readings)
    form = submission_of(task)
    if form is None:
        raise UsageError(f"task '{task.name}' has no official prediction file")
    _, database = databases.under(readings).for_split(task, split)
    tracks = list(database.tracks(task.label, split))
    index = FrameIndex(task, tracks, form)
    wanted = _template(form, task, database, index, split, template, out)
    at = index.find([form.canonical(name) for name in wanted.names])
    _refuse_partial(template, wanted, at, database)
    scores, filled = _predict(folder, record, plugins, task, tracks, weights, device, progress)
    chosen = np.concatenate(scores)[at]
    if not np.isfinite(chosen).all():
        raise DataError(f"{folder}: the model predicts NaN or infinity for '{task.name}'; nothing was written")
    predicted = Decided(task.decide(chosen), chosen.astype(np.float64))
    with replacing(out) as temporary:
        form.write(temporary, wanted, predicted)
        _check(form, temporary, wanted, predicted)
        digest = sha256(temporary)
    return Submitted(
        file=out.name,
        sha256=digest,
        task=task.name,
        edition=task.edition,
        model=record.model,
        seed=record.seed,
        database=database.name,
        synthetic=database.synthetic,
        split=split,
        rows=len(wanted.names),
        tracks=len(tracks),
        frames_without_image=filled,
    )


def the_run(folder: Path, task_name: str | None) -> tuple[Path, Record]:
    """Return the run in a folder, or the only one of a task below it. Raises UsageError when there is not just one."""
    alone = (folder / store.RESULT).is_file()
    found = [(folder, store.read(folder))] if alone else store.find(folder)
    chosen = [(path, r) for path, r in found if r.status == "ok" and task_name in (None, r.task)]
    if len(chosen) == 1:
        return chosen[0]
    kind = f"run of task '{task_name}'" if task_name else "run"
    if not chosen:
        raise UsageError(f"{folder}: no finished {kind} here")
    names = ", ".join(path.relative_to(folder).as_posix() for path, _ in chosen[:5])
    raise UsageError(f"{folder}: {len(chosen)} runs here; name one of them, for example {names}")


def _template(
    form: Submission, task: Task, database: Database, index: FrameIndex, split: str, given: Path | None, out: Path
) -> Template:
    path = given or (database.template(task.label) if split == "test" else None)
    if path is not None:
        if out.exists() and out.samefile(path):
            raise UsageError(f"--out {out} is the template itself; choose another name")
        return form.template(path)
    if split == "test":
        raise UsageError(f"database '{database.name}' has no template for task '{task.name}'; give --template FILE")
    return Template(index.names, None if form.header is None else ",".join(form.header))


def _refuse_partial(given: Path | None, wanted: Template, at: NDArray[np.int64], database: Database) -> None:
    unknown = np.flatnonzero(at < 0)
    if unknown.size:
        shown = ", ".join(wanted.names[row] for row in unknown[:SHOWN])
        more = f" and {unknown.size - SHOWN} more" if unknown.size > SHOWN else ""
        raise DataError(
            f"{given or 'the template'}: {unknown.size} of its {len(at)} rows are not in database '{database.name}': "
            f"{shown}{more}; a partial file is not written, unpack what is missing"
        )
    if len(np.unique(at)) < len(at):
        raise DataError(f"{given or 'the template'}: two of its rows name the same frame; take the official one")


def _predict(
    folder: Path,
    record: Record,
    plugins: Plugins,
    task: Task,
    tracks: Sequence[Track],
    weights: str | None,
    device_name: str,
    progress: Progress,
) -> tuple[list[NDArray[np.float32]], int]:
    """Return the scores of each track, and the number of frames that show another's image."""
    device = accelerator_on(device_name, "no").device
    protocol, thresholds = protocol_of_record(record)
    numbers = range(len(tracks))
    with repeatable(record.seed):
        model, network = restored(folder, record, plugins, task, weights)
        network = network.to(device)
        source = inputs_of(network, model, tracks, device, progress, protocol)
        scores = predict(
            network,
            model.clip,
            task,
            source,
            numbers,
            batch=model.settings.batch,
            device=device,
            progress=progress,
            protocol=protocol,
        )
    found = [stretched(task, scores[number], thresholds) for number in numbers]
    return found, sum(source.images[number].filled for number in numbers)


def protocol_of_record(record: Record) -> tuple[Protocol, dict[str, float]]:
    """Return the protocol of a run, and its tuned thresholds by output (empty where they are fixed)."""
    said = record.protocol
    if said is None:
        return OFFICIAL, {}
    names = [field.name for field in fields(Protocol)]
    tuned = said.threshold_values[0] if said.threshold_values else {}
    return protocol_of({name: getattr(said, name) for name in names}), {n: v for n, v in tuned.items() if v is not None}


def _check(form: Submission, path: Path, wanted: Template, predicted: Decided) -> None:
    """Return nothing. Raises DataError unless the file reads back as what was to be written."""
    sheet = form.read(path)
    if list(sheet.names) != [name.strip() for name in wanted.names] or not np.array_equal(
        sheet.predicted.decisions, predicted.decisions
    ):
        raise DataError(f"{path}: does not read back as what was predicted; nothing was written")
