"""How the jobs of a plan ended: a small file for each beside the results, whoever did it and wherever."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from abawbench.contracts import DataError
from abawbench.harness.request.plan import Plan
from abawbench.records import store
from abawbench.records.record import Record
from abawbench.system.files import read_whole, replace_file

FOLDER = ".planned"
"""Below the folder of results."""
_MOST = 2**20


@dataclass(frozen=True)
class Ending:
    """How a job of a plan ended, ``missing`` where nobody has finished it."""

    number: int
    state: str
    folder: Path | None = None
    """Of its result, where there is one."""
    reason: str | None = None
    """Why there is no result."""
    record: Record | None = None
    """None where it is missing."""


def note_ending(out: Path, digest: str, record: Record) -> None:
    """Note how a job ended, in place of what was noted before; a full disk must not cost the records of others."""
    ok = record.status == "ok"
    said = {
        "status": record.status,
        "folder": store.folder_of(out, record).relative_to(out).as_posix() if ok else None,
        "record": None if ok else record.to_json(),  # small, and not every one has a file of its own
    }
    with suppress(OSError), replace_file(_file(out, digest)) as temporary:
        temporary.write_text(json.dumps(said) + "\n", encoding="utf-8")


def forget_ending(out: Path, digest: str) -> None:
    """Forget how a job ended, before it is done again."""
    _file(out, digest).unlink(missing_ok=True)


def read_ending(out: Path, plan: Plan, number: int) -> Ending:
    """Return how a job ended. A result that was noted but is gone or damaged is missing, and the reason says so."""
    try:
        said = json.loads(read_whole(_file(out, plan.digest(number)), _MOST))
        status, folder = said["status"], said["folder"]
        failed = None if status == "ok" else Record.from_json(said["record"])
    except FileNotFoundError:
        return Ending(number, "missing")
    except (OSError, ValueError, KeyError, TypeError):
        return Ending(number, "missing", reason="the note of how it ended cannot be read; run it again")
    if failed is not None:
        return Ending(number, failed.status, reason=failed.reason, record=failed)
    place = out / str(folder)
    if not place.resolve().is_relative_to(out.resolve()):
        return Ending(number, "missing", reason="the note of how it ended names a folder outside; run it again")
    try:
        return Ending(number, "ok", place, record=store.read(place))
    except DataError as error:
        return Ending(number, "missing", place, str(error))


def read_endings(out: Path, plan: Plan) -> list[Ending]:
    """Return how each job of a plan ended, in order."""
    return [read_ending(out, plan, number) for number in range(len(plan.jobs))]


def count_states(endings: Sequence[Ending]) -> Mapping[str, int]:
    """Return how many jobs ended in each way, those that did first."""
    counts = Counter(one.state for one in endings)
    return {state: counts[state] for state in ("ok", "failed", "unsupported", "skipped", "missing") if counts[state]}


def _file(out: Path, digest: str) -> Path:
    return out / FOLDER / digest[:2] / f"{digest}.json"
