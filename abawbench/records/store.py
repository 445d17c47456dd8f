"""Run folders: ``<out>/<model>/<task>/<database>-seed<seed>-<job>/`` with ``result.json`` and predictions beside it."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from abawbench.contracts.errors import DataError
from abawbench.records.predictions import Predictions, read_predictions, write_predictions
from abawbench.records.record import SCHEMA_VERSION, NamedFile, Record, seal_of
from abawbench.records.scores import CalibrationRecord
from abawbench.records.track_statistics import TrackStatistics, read_statistics, write_statistics
from abawbench.system import locks
from abawbench.system.files import read_whole, replace_file, sha256, sweep, sync
from abawbench.system.text import plain

RESULT = "result.json"
FAILED = "failed.json"
"""The record of a job that gave no result; a result beside it is of an earlier run."""
ASKED = "asked.txt"
"""When a result that lies here was last asked for and read back, where it was."""
LOG = "log.txt"
"""What the job's process printed."""
PREDICTIONS = "predictions.parquet"
STATISTICS = "statistics.parquet"
WEIGHTS = "weights.safetensors"
CALIBRATION = "calibration.json"
"""What ``abawbench calibration --keep`` leaves."""

_log = logging.getLogger(__name__)


def run_folder(out: Path, model: str, task: str, data: str, job: str) -> Path:
    """Return the folder of a run; ``data`` names database and seed.

    The first eight characters of the job's digest keep runs with other settings, splits or files apart. Names are
    percent-encoded, so that one from a plugin never leaves ``out`` and two never meet.

    >>> run_folder(Path("runs"), "mnv4-tam", "va", "synthetic-seed0", "0f3a" * 16).as_posix()
    'runs/mnv4-tam/va/synthetic-seed0-0f3a0f3a'
    """
    return out / _safe(model) / _safe(task) / f"{_safe(data)}-{_safe(job[:8])}"


def folder_of(out: Path, record: Record) -> Path:
    """Return the folder of the run that a record tells of."""
    return run_folder(out, record.model, record.task, f"{record.database.name}-seed{record.seed}", record.job)


def _safe(name: str) -> str:
    encoded = quote(name, safe="")
    return f"%2E{encoded[1:]}" if encoded.startswith(".") else encoded


def write(
    folder: Path,
    record: Record,
    predictions: Predictions | None = None,
    weights: bytes | None = None,
    statistics: TrackStatistics | None = None,
) -> Record:
    """Write a run and return its record, which names the files beside it.

    Those are the predictions, the trained weights (safetensors) and the statistics of the tracks, where given.

    Everything is written to the disk under temporary names first, and ``result.json`` takes its place last: a reader
    finds the old run, none, or the new one, and a full disk leaves the old one.
    """
    result = folder / RESULT
    written: list[Path] = []
    named: dict[str, NamedFile | None] = {"predictions": None, "statistics": None, "trained": None}
    with ExitStack() as stack:
        last = stack.enter_context(replace_file(result))  # the first to be entered is the last to be renamed
        if predictions is not None:
            fresh = stack.enter_context(replace_file(folder / PREDICTIONS))
            write_predictions(fresh, predictions)
            written.append(fresh)
            named["predictions"] = NamedFile(file=PREDICTIONS, sha256=sha256(fresh))
        if statistics is not None:
            fresh = stack.enter_context(replace_file(folder / STATISTICS))
            write_statistics(fresh, statistics)
            written.append(fresh)
            named["statistics"] = NamedFile(file=STATISTICS, sha256=sha256(fresh))
        if weights is not None:
            fresh = stack.enter_context(replace_file(folder / WEIGHTS))
            fresh.write_bytes(weights)
            written.append(fresh)
            named["trained"] = NamedFile(file=WEIGHTS, sha256=sha256(fresh))
        record = record.model_copy(update=named).sealed()
        last.write_text(record.to_json(), encoding="utf-8")
        written.append(last)
        for path in written:
            sync(path)
        result.unlink(missing_ok=True)
    for kind, name in (("predictions", PREDICTIONS), ("statistics", STATISTICS), ("trained", WEIGHTS)):
        if named[kind] is None:
            (folder / name).unlink(missing_ok=True)
    for name in (FAILED, ASKED):
        (folder / name).unlink(missing_ok=True)
    return record


def write_failed(folder: Path, record: Record) -> None:
    """Write the sealed record of a job that gave no result. A result that lies there stays."""
    with replace_file(folder / FAILED) as temporary:
        temporary.write_text(record.to_json(), encoding="utf-8")


def has_result_beside(folder: Path) -> bool:
    """Return whether an earlier run of the same model and task left a result, which a newer failure makes old."""
    return any(folder.parent.glob(f"*/{RESULT}"))


def note_asked(folder: Path) -> None:
    """Note that the result in a folder was asked for now and read back: it is newer than a failure of before."""
    with suppress(OSError):  # a folder that cannot be written to can still be read
        with replace_file(folder / ASKED) as temporary:
            temporary.write_text(datetime.now(UTC).isoformat() + "\n", encoding="utf-8")
        (folder / FAILED).unlink(missing_ok=True)


def last_asked(path: Path, record: Record) -> datetime:
    """Return when the record at a path, a run folder or a record file, was made or last asked for."""
    try:
        asked = datetime.fromisoformat(read_whole(path / ASKED, 100).decode().strip())
    except (OSError, ValueError):
        return record.finished
    return max(record.finished, asked) if asked.tzinfo else record.finished


@contextmanager
def claim(folder: Path, waits: Callable[[bool], None] = lambda waiting: None) -> Iterator[bool]:
    """Keep other runs off a run folder, waiting for them first, and sweep what killed ones left in it.

    Yields whether it is sure that nobody else writes there; where the folder cannot be locked it is not.

    A folder that is still empty at the end is removed. ``waits`` is told when the waiting begins and ends.
    """
    with locks.hold_alone(folder, waits) as alone:
        try:
            if alone:
                sweep(folder)
            yield alone
        finally:
            with suppress(OSError):
                folder.rmdir()


def remove(path: Path) -> None:
    """Remove a run, given its folder, or a failure, given its file; files that are not a run's stay."""
    folder = path if path.is_dir() else path.parent
    names = (RESULT, FAILED, ASKED, LOG, PREDICTIONS, STATISTICS, WEIGHTS) if path.is_dir() else (path.name,)
    with claim(folder):
        for name in names:
            (folder / name).unlink(missing_ok=True)


def read(folder: Path) -> Record:
    """Return the record of a run folder, or of a record file. Raises DataError naming the file and what is wrong."""
    path = folder / RESULT if folder.is_dir() else folder
    try:
        content = read_whole(path)
        record = Record.from_json(content)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no result here; the run did not finish, or this is not a run folder") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(
            f"{path}: not a record of schema {SCHEMA_VERSION}: {where}: {first['msg']}; "
            "run it again, or read it with the abawbench that wrote it"
        ) from error
    if record.seal is not None and record.seal != seal_of(json.loads(content)):
        raise DataError(f"{path}: edited since it was written, its seal does not fit; run it again")
    return record


def read_run_predictions(folder: Path, outputs: Sequence[str] | None = None) -> Predictions:
    """Return the predictions of a run folder.

    Raises DataError when the run has none and when the file is not the one the record names.
    """
    record = read(folder)
    if record.predictions is None:
        raise DataError(f"{folder}: the run is {record.status} and has no predictions")
    return read_predictions(_require_unchanged(folder / record.predictions.file, record.predictions), outputs)


def read_run_statistics(path: Path, record: Record) -> TrackStatistics:
    """Return the statistics of the tracks of a run, given its folder or record file and its record.

    Beside a record file of another name than ``result.json`` they lie under that name, with ``.parquet``. Raises
    DataError when the run has none and when the file is not the one the record names.
    """
    file = statistics_file(path, record)
    if file is None or record.statistics is None:
        raise DataError(f"{path}: the run has no statistics of its tracks, so it cannot be compared; run it again")
    return read_statistics(_require_unchanged(file, record.statistics))


def statistics_file(path: Path, record: Record) -> Path | None:
    """Return where the statistics of a run lie, None for one without; see ``read_run_statistics``."""
    if record.statistics is None:
        return None
    if path.is_dir():
        return path / record.statistics.file
    return path.with_name(record.statistics.file) if path.name == RESULT else path.with_suffix(".parquet")


def check_run_weights(folder: Path, record: Record) -> None:
    """Raise DataError when the weights that the record of a run names are missing or others."""
    if record.trained is not None:
        _require_unchanged(folder / record.trained.file, record.trained)


def _require_unchanged(path: Path, named: NamedFile) -> Path:
    if not path.is_file():
        raise DataError(f"{path}: named in the record beside it but missing; run it again")
    if sha256(path) != named.sha256:
        raise DataError(f"{path}: not the file that the record beside it names; run it again")
    return path


def find(out: Path, unreadable: Callable[[DataError], None] | None = None) -> list[tuple[Path, Record]]:
    """Return the runs at or below a folder, sorted by path.

    A result that cannot be read is skipped and handed to ``unreadable``; without it, it is named in the log.
    """
    return [(path.parent, record) for path, record in _find(out, RESULT, unreadable)]


def find_failed(out: Path, unreadable: Callable[[DataError], None] | None = None) -> list[tuple[Path, Record]]:
    """Return the jobs at or below a folder that gave no result, with the files of their records; see ``find``."""
    return _find(out, FAILED, unreadable)


def _find(out: Path, name: str, unreadable: Callable[[DataError], None] | None) -> list[tuple[Path, Record]]:
    report = unreadable or (lambda error: _log.warning("skipped %s", plain(str(error))))
    found = []
    for path in sorted(out.rglob(name)):
        try:
            found.append((path, read(path)))
        except DataError as error:
            report(error)
    return found


def write_calibration(folder: Path, found: CalibrationRecord) -> Path:
    """Write the calibration of the run in a folder."""
    with replace_file(folder / CALIBRATION) as temporary:
        temporary.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return folder / CALIBRATION


def read_calibration(folder: Path, record: Record) -> CalibrationRecord | None:
    """Return what was kept of a run, or None without, or where it is that of an earlier run.

    Raises DataError for a file that is not one.
    """
    path = folder / CALIBRATION
    if not path.is_file():
        return None
    try:
        found = CalibrationRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        told = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: not what 'abawbench calibration --keep' writes ({told}); write it again") from error
    return found if found.seal == record.seal else None
