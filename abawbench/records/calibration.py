"""What ``abawbench calibration --keep`` leaves beside a run, for the page: ``calibration.json``."""

from pathlib import Path

from pydantic import ValidationError

from abawbench.contracts.errors import DataError
from abawbench.records.fields import Count, Number, RecordPart
from abawbench.records.record import Record
from abawbench.system.files import replace_file

FILE = "calibration.json"

Ends = tuple[Number, Number, Number]
"""A value and the ends of its interval; null where nothing is claimed."""


class BinRecord(RecordPart):
    """Answers of about one confidence, and how many of them are right."""

    confidence: Number
    answers: Count
    right: Ends


class KeptRecord(RecordPart):
    """The surest answers, and how many of them are wrong."""

    coverage: Number
    risk: Ends


class PartRecord(RecordPart):
    """How far the scores of one part of a task can be taken as probabilities."""

    part: str
    error: Ends
    """Expected calibration error."""
    brier: Ends
    bins: tuple[BinRecord, ...]
    kept: tuple[KeptRecord, ...]


class CalibrationRecord(RecordPart):
    """The calibration of one run."""

    seal: str | None
    """Of the run's record: another one is another run."""
    parts: tuple[PartRecord, ...]


def write_calibration(folder: Path, found: CalibrationRecord) -> Path:
    """Write the calibration of the run in a folder."""
    with replace_file(folder / FILE) as temporary:
        temporary.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return folder / FILE


def read_calibration(folder: Path, record: Record) -> CalibrationRecord | None:
    """Return what was kept of a run, or None without, or where it is that of an earlier run.

    Raises DataError for a file that is not one.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        found = CalibrationRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        told = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: not what 'abawbench calibration --keep' writes ({told}); write it again") from error
    return found if found.seal == record.seal else None
