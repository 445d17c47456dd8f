"""Writes broken-plugins.md: what ``abawbench check`` and ``abawbench run`` say of fifteen broken plugins.

``python tools/broken_plugins.py`` in a checkout; it takes about two minutes, for two of them have to be waited for.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from abawbench.testing.checks import CheckResult
from abawbench.testing.run import ALLOWANCE, run_checks

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "broken-plugins.md"
PLUGINS = ROOT / "tests" / "broken_plugins"
LIMITED = replace(ALLOWANCE, seconds=12, memory=3 * 2**29)
RUNNING = ("wrong-shape", "nan", "frame-order", "hang", "memory-bomb", "segfault", "os-exit", "network", "huge-output")
UNSEEN = "is not visible in a run: only the check finds it"
HEAD = """# When a plugin is broken

Fifteen broken plugins, installed beside healthy ones. `abawbench check` finds what is wrong with each.
In `abawbench run` only the job of the broken plugin fails; the other jobs complete. The messages are the real ones:
`tools/broken_plugins.py` writes this page, and tests compare it with the program.

Limits on this page: 12 s (`--time-limit`) and 1.5 GiB (`--memory-limit`) for a check, 25 s (`--job-timeout`) and 1 GiB
(`--job-memory`) for a job.

| plugin | what is wrong | `abawbench check` | `abawbench run` |
| --- | --- | --- | --- |
"""


def first_failures(found: Sequence[CheckResult]) -> dict[str, str]:
    """Return plugin -> the first check that it failed, as the page tells it."""
    told: dict[str, str] = {}
    for result in found:
        if result.status == "failed":
            name = result.plugin.split("'")[1] if "'" in result.plugin else result.plugin
            text = f"`{result.check}`: expected {result.expected}; came: {result.came}"
            told.setdefault(name.removeprefix("broken-"), text)
    return told


def said_by_runs(folder: Path) -> dict[str, str]:
    """Return plugin -> what a run says of it."""
    environment = os.environ | {"PYTHONPATH": str(PLUGINS), "ABAWBENCH_STRICT": "0", "OMP_NUM_THREADS": "1"}

    def call(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "abawbench", *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    task = ("--task", "colours", "--data", "coloured", "--set", "epochs=2", "--latency-seconds", "0")
    limits = ("--job-timeout", "25", "--job-memory", "1G", "--json")
    models = [word for name in RUNNING for word in ("--model", f"broken-{name}")]
    done = call("run", "--model", "healthy", *models, *task, *limits)
    records = {record["model"].removeprefix("broken-"): record for record in json.loads(done.stdout)}
    if records["healthy"]["status"] != "ok":
        raise SystemExit(f"the healthy job did not complete: {records['healthy']['reason']}")
    told = {
        name: "completes" if records[name]["status"] == "ok" else records[name]["reason"].partition("; see log")[0]
        for name in RUNNING
    }
    told["frame-order"] += f"; it {UNSEEN}"
    told["huge-output"] += "; its log keeps the beginning and the end"
    told |= dict.fromkeys(("mask-ignored", "non-additive"), UNSEEN)
    told["duplicate"] = call("run", "--model", "broken-duplicate", *task).stderr.strip().splitlines()[-1]
    warnings = call("list", "models").stderr.splitlines()
    for name in ("import-error", "hook-exception", "old-contract"):
        (told[name],) = [line for line in warnings if f"'{name}'" in line]
    return told


def page(broken: Mapping[str, tuple[str, str]], checked: Mapping[str, str], ran: Mapping[str, str]) -> str:
    """Return the page."""
    rows = [[f"`{name}`", what, checked[name], ran[name]] for name, (_, what) in broken.items()]
    cells = [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return HEAD + "".join(f"| {row} |\n" for row in cells)


def main() -> None:
    """Write the page."""
    sys.path.insert(0, str(PLUGINS))
    os.environ["PYTHONPATH"] = str(PLUGINS)
    from abawbench_broken import BROKEN  # type: ignore[import-not-found]

    checked = first_failures(run_checks("abawbench-broken", allowance=LIMITED))
    with tempfile.TemporaryDirectory() as folder:
        ran = said_by_runs(Path(folder))
    PAGE.write_text(page(BROKEN, checked, ran), encoding="utf-8")


if __name__ == "__main__":
    main()
