"""Jobs that gave no result: in which phase, through whose fault, and the record that says so."""

import errno
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from abawbench._version import __version__
from abawbench.contracts import AbawbenchError, DataError, PluginError, UsageError
from abawbench.contracts.task import Level
from abawbench.harness.jobs.blame import blame_exception
from abawbench.harness.request.jobs import Job
from abawbench.harness.request.journal import READ, Journal
from abawbench.plugins import Plugin, one_line
from abawbench.records import store
from abawbench.records.record import Blamed, DatabaseRecord, Record, Status

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_SPACE_TEXTS = ("No space left", "StorageFull", "File too large", "Disk quota exceeded")


@dataclass(frozen=True)
class About:
    """What is known of a job once its files are opened."""

    edition: int
    level: Level
    database: str
    synthetic: bool
    digest: str

    def folder(self, job: Job, out: Path) -> Path:
        """Return the job's run folder."""
        return store.run_folder(out, job.model, job.task, f"{self.database}-seed{job.seed}", self.digest)


def describe_unopened(job: Job) -> About:
    """Return what is known of a job whose files were never opened; its digest is that of what was asked for."""
    return About(0, "frame", "none", False, hashlib.sha256(repr(job).encode()).hexdigest())


@dataclass(frozen=True)
class Failure:
    """Why a job gave no result."""

    status: Status
    what: str
    """What happened, in one sentence."""
    phase: str = READ
    plugin: Plugin | None = None
    """Who is to blame; None where it is no plugin's fault."""
    disk_full: bool = False
    explains_itself: bool = False
    """Whether the sentence needs no phase and no plugin before it."""

    @property
    def reason(self) -> str:
        """Return phase, plugin and what happened as one sentence."""
        if self.explains_itself:
            return self.what
        who = f", {self.plugin}" if self.plugin else ""
        return f"in {self.phase}{who}: {self.what}"


def failure_of(error: BaseException, journal: Journal) -> Failure:
    """Return why a job ended that raised.

    A usage error leaves it unsupported. A data error is of the database's files, whoever met it. Anything else is the
    fault of the plugin whose code raised it, or of the one at work.
    """
    phase = journal.phase
    if isinstance(error, UsageError):
        return Failure("unsupported", str(error), phase, explains_itself=True)
    if is_disk_full(error):
        what = (
            f"no space is left on the disk ({one_line(error)}); free some and run again: what is finished is read back"
        )
        return Failure("failed", what, phase, disk_full=True)
    ours = isinstance(error, AbawbenchError)
    if isinstance(error, DataError):
        plugin = journal.of_kind("database")
    else:
        plugin = blame_exception(error, journal.took_part, journal.plugin) or journal.plugin
    what = str(error) if ours else one_line(error)
    of_files = ours and not isinstance(error, PluginError)
    return Failure("failed", what, phase, plugin, explains_itself=of_files and phase == READ)


def record_of(job: Job, about: About, failure: Failure) -> Record:
    """Return the record of a job that gave no result."""
    now = datetime.now(UTC)
    return Record(
        abawbench=__version__,
        job=about.digest,
        status=failure.status,
        reason=failure.reason,
        phase=failure.phase,
        blamed=None if failure.plugin is None else Blamed.of(failure.plugin),
        started=now,
        finished=now,
        model=job.model,
        task=job.task,
        edition=about.edition,
        level=about.level,
        database=DatabaseRecord(
            name=about.database, synthetic=about.synthetic, fingerprint="", split=job.protocol.scored_split
        ),
        seed=job.seed,
    )


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error, or one that led to it, is a full disk, an exhausted quota or a file-size limit."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            return True
        if any(text in str(error) for text in _NO_SPACE_TEXTS):  # libraries that write for themselves
            return True
        error = error.__cause__ or error.__context__
    return False
