"""Jobs that gave no result: who is to blame, and the record that says so."""

import errno
import hashlib
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from abawbench._version import __version__
from abawbench.contracts import AbawbenchError, PluginError, UsageError
from abawbench.contracts.task import Level
from abawbench.harness.jobs.phases import READ
from abawbench.harness.request.jobs import Job
from abawbench.plugins import Plugin, Plugins, one_line
from abawbench.records import store
from abawbench.records.record import DatabaseRecord, Record, Status

FULL = "no space is left"
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
        return store.run_folder(
            out, model=job.model, task=job.task, database=self.database, seed=job.seed, job=self.digest
        )


def unopened(job: Job) -> About:
    """Return what is known of a job whose files were never opened; its digest is that of what was asked for."""
    return About(0, "frame", "none", False, hashlib.sha256(repr(job).encode()).hexdigest())


@dataclass(frozen=True)
class Ending:
    """How a job ended without a result."""

    status: Status
    reason: str

    @property
    def disk_full(self) -> bool:
        """Whether it was for want of space."""
        return FULL in self.reason


def ending_of(error: BaseException, phase: str, job: Job, plugins: Plugins) -> Ending:
    """Return how a job ended that raised: a usage or data error in its own words, anything else with its plugin."""
    if isinstance(error, UsageError):
        return Ending("unsupported", str(error))
    if is_disk_full(error):
        return Ending("failed", f"in {phase}: {FULL} on the disk ({one_line(error)}); free some and run again: "
                      "what is finished is read back")  # fmt: skip
    if isinstance(error, AbawbenchError) and not isinstance(error, PluginError):
        who = _default_blame(phase, job, plugins)
        return Ending("failed", str(error) if phase == READ else f"in {phase}{who}: {error}")
    found = _raised_by(error, _plugins_of(job, plugins))
    who = f", {found}" if found else _default_blame(phase, job, plugins)
    return Ending("failed", f"in {phase}{who}: {error if isinstance(error, PluginError) else one_line(error)}")


def died(phase: str, job: Job, plugins: Plugins, how: str) -> Ending:
    """Return how a job ended whose process is gone."""
    return Ending("failed", f"in {phase}{_default_blame(phase, job, plugins)}: {how}")


def record_of(job: Job, about: About, ending: Ending) -> Record:
    """Return the record of a job that gave no result."""
    now = datetime.now(UTC)
    return Record(
        abawbench=__version__,
        job=about.digest,
        status=ending.status,
        reason=ending.reason,
        started=now,
        finished=now,
        model=job.model,
        task=job.task,
        edition=about.edition,
        level=about.level,
        database=DatabaseRecord(
            name=about.database, synthetic=about.synthetic, fingerprint="", split=job.protocol.scored
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


def _plugins_of(job: Job, plugins: Plugins) -> list[Plugin]:
    """Return whoever may have taken part: the job's model and task, then every metric and database."""
    found = []
    for kind, name in (("model", job.model), ("task", job.task)):
        found += [p for p in plugins.all(kind) if name in (p.name, f"{p.distribution}:{p.name}")]
    return found + plugins.all("metric") + plugins.all("database")


def _raised_by(error: BaseException, plugins: Sequence[Plugin]) -> Plugin | None:
    """Return the plugin whose code is deepest in the traceback."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        module = str(frame.f_globals.get("__name__", ""))
        for plugin in plugins:
            if module == plugin.declaration.build.partition(":")[0]:
                return plugin
    return None


def _default_blame(phase: str, job: Job, plugins: Plugins) -> str:
    if phase == READ:
        return ""
    return next((f", {p}" for p in _plugins_of(job, plugins) if p.kind == "model"), "")
