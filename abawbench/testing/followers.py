"""The checks of hooks that follow runs: each hears an example of what a run tells, and leaves it as it was."""

from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from abawbench.contracts import EpochEnd
from abawbench.plugins import Callback, one_line
from abawbench.records.record import Counts, DatabaseRecord, Epoch, Record
from abawbench.records.scores import Floor, Score
from abawbench.testing.checks import CheckResult

PAGE = "docs/plugins.md"
CHECK = "hears"
PROMISE = "it takes what a run tells and leaves it unchanged"


def check_callback(callback: Callback) -> CheckResult:
    """Return what became of telling a hook of an example run."""
    with TemporaryDirectory() as folder:
        told = _example(callback.name, Path(folder))
        before = deepcopy(told)
        try:
            callback.call(**told)
        except Exception as error:
            return CheckResult(str(callback), CHECK, "failed", f"that {PROMISE}", one_line(error), PAGE)
        if told != before:
            return CheckResult(str(callback), CHECK, "failed", f"that {PROMISE}", "it changed what it was given", PAGE)
    return CheckResult(str(callback), CHECK, "passed", PROMISE)


def _example(hook: str, folder: Path) -> dict[str, Any]:
    """Return the arguments of a hook, of a run that never was."""
    run: dict[str, Any] = {"model": "an-example", "task": "va", "seed": 0, "job": "0" * 64}
    if hook == "on_epoch":
        settings = {"epochs": 2}
        told = EpochEnd(**run, database="toy", settings=settings, fold=None, epoch=1, loss=0.5, held_out=0.25)
        return {"event": told}
    now = datetime.now(UTC)
    record = Record(
        **run,
        abawbench="0",
        started=now,
        finished=now,
        edition=8,
        level="frame",
        database=DatabaseRecord(name="toy", synthetic=True, fingerprint="0" * 64, split="val"),
        score=Score(metric="ccc", value=0.25),
        floor=Floor(value=0.0, what="the mean of the training labels"),
        counts=Counts(tracks=3, frames=100, annotated_frames=90, coverage=1.0),
        training=(Epoch(epoch=1, loss=0.5, held_out=0.25),),
    )
    return {"record": record.model_dump(mode="json"), "folder": folder}
