"""Checks in a process of their own: one that hangs, crashes or eats memory ends itself and nothing else."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from abawbench.system.limits import Tree
from abawbench.testing.checks import Outcome

OUTPUT_BYTES = 4 * 2**20
"""More than a plugin may print while it is checked."""
TICK_S = 0.05
LAST_WORDS_S = 1.0
"""Time for what a process printed to be read once it has ended; what it left behind may hold its output open."""


@dataclass(frozen=True)
class Limits:
    """What one check may take."""

    seconds: float = 120.0
    memory_bytes: int = 4 * 2**30
    """Of its own, by all its processes together."""


def outcomes(
    name: str,
    kind: str = "",
    roots: Sequence[Path] = (),
    limits: Limits | None = None,
    finished: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Return the outcome of every check of every plugin of that name; none when there is no such plugin.

    ``finished`` is called with each as it is there. A check that does not come back is broken, and those after it are
    ``not run``.
    """
    found: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        found.append(outcome)
        finished(outcome)

    # a plugin that ended its process is left, and those after it get a new one
    while _once(name, kind, roots, limits or Limits(), sorted({outcome.plugin for outcome in found}), note):
        pass
    return found


def _once(
    name: str, kind: str, roots: Sequence[Path], limits: Limits, skip: Sequence[str], note: Callable[[Outcome], None]
) -> str | None:
    """Check in one process; return the plugin that ended it before its time, "" while loading, None for none."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.jsonl"
        report.touch()
        command = [
            sys.executable,
            "-m",
            "abawbench.testing",
            str(report),
            name,
            kind,
            json.dumps(skip),
            *map(str, roots),
        ]
        temporary = Path(folder) / "tmp"
        temporary.mkdir()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"TMPDIR": str(temporary)},
        )
        tree, output = Tree(process.pid), _Output(process)
        try:
            return _follow(process, tree, output, report, limits, note)
        finally:
            _end(process, tree)
            output.join(LAST_WORDS_S)


def _follow(
    process: "subprocess.Popen[bytes]",
    tree: Tree,
    output: "_Output",
    report: Path,
    limits: Limits,
    note: Callable[[Outcome], None],
) -> str | None:
    running, since, plan, done = ["", "load", "it loads", ""], monotonic(), [], False
    with report.open(encoding="utf-8") as file:
        ended = None
        while not done and ended is None:
            # look whether it lives before reading what it wrote: its last words are then not missed
            lives = process.poll() is None
            for line in _lines(file):
                if "plan" in line:
                    plan = line["plan"]
                elif "starts" in line:
                    running, since = line["starts"], monotonic()
                elif "outcome" in line:
                    outcome = Outcome(**line["outcome"])
                    plan = [each for each in plan if each != [outcome.plugin, outcome.check]]
                    note(outcome)
                else:
                    done = True
            ended = None if done else _why(None if lives else process, tree, output, since, limits)
            if not done and ended is None:
                sleep(TICK_S)
    if ended is None:
        return None
    plugin, check, promise, page = running
    note(Outcome(plugin, check, "broken", f"that {promise}", ended, page))
    for owner, left in plan:
        if owner == plugin and left != check:
            note(Outcome(owner, left, "not run"))
    return plugin


def _lines(file: Any) -> Iterator[dict[str, Any]]:
    while True:
        start = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(start)
            return
        yield json.loads(line)


def _why(
    ended: "subprocess.Popen[bytes] | None", tree: Tree, output: "_Output", since: float, limits: Limits
) -> str | None:
    """Return why a check is over without an outcome, None while it may go on."""
    if output.bytes > OUTPUT_BYTES:
        return f"more than {OUTPUT_BYTES // 2**20} MiB of output; it was ended"
    if ended is not None:
        output.join(LAST_WORDS_S)
        said = f"; it last said: {output.last}" if output.last else ""
        if ended.returncode < 0:
            return f"the end of its process by {signal.Signals(-ended.returncode).name}{said}"
        return f"the end of its process with status {ended.returncode}{said}"
    if monotonic() - since > limits.seconds:
        return f"nothing within {limits.seconds:g} s; it was ended"
    if tree.bytes() > limits.memory_bytes:
        return f"more than {limits.memory_bytes / 2**30:.3g} GiB of memory; it was ended"
    return None


class _Output(threading.Thread):
    """Reads what a process prints, so that it never waits, counts it and keeps the last line."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._tail = b""
        assert process.stdout is not None
        self._pipe = process.stdout
        self.start()

    @property
    def last(self) -> str:
        """The last line, printable characters alone."""
        lines = self._tail.decode("utf-8", "replace").strip().splitlines()
        return "".join(c for c in lines[-1] if c.isprintable())[:200] if lines else ""

    def run(self) -> None:
        with self._pipe:
            while chunk := os.read(self._pipe.fileno(), 2**16):
                self.bytes += len(chunk)
                self._tail = (self._tail + chunk)[-4096:]


def _end(process: "subprocess.Popen[bytes]", tree: Tree) -> None:
    """End the process and all that it started, in whatever session."""
    tree.kill()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
