"""Kill a run with all its processes at random moments, run it again, and compare with a run that nobody disturbed.

    python tests/simulations/kill_and_resume.py --kills 50 --model mnv4-tam --task ah --task ce

Every round starts with an empty cache and an empty output folder, is killed (SIGKILL to the process group) at a moment
drawn evenly over the length of the undisturbed run, and is run again to its end. Records (times apart), predictions,
statistics and weights must be the very same, no temporary file may be left, and no process. Exit status 1 otherwise.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMES = ("started", "finished", "seconds", "cost", "hardware", "job")
"""Fields that differ between two undisturbed runs; the job's digest knows when the synthetic files were made."""
PLUGINS = Path(__file__).parents[1] / "broken_plugins"


def main() -> int:
    """Print a line per round and a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="mnv4-tam")
    parser.add_argument("--task", action="append")
    parser.add_argument("--data", default="synthetic")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    given = parser.parse_args()
    words = ["--model", given.model, "--data", given.data, "--preset", "tiny", "--latency-seconds", "0"]
    words += [word for task in given.task or ["ah", "ce"] for word in ("--task", task)]
    words += [word for setting in given.settings for word in ("--set", setting)]
    moments = random.Random(given.seed)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        start = time.monotonic()
        finish(begin(words, root / "undisturbed"))
        length = time.monotonic() - start
        wanted = outcome(root / "undisturbed")
        print(f"undisturbed: {length:.1f} s, {len(wanted)} files", flush=True)
        for number in range(given.kills):
            place, moment = root / f"round{number}", moments.uniform(0, length)
            killed = kill(begin(words, place), moment)
            there = sum(1 for _ in place.glob("runs/**/result.json"))
            finish(begin(words, place))
            faults = [*differences(wanted, outcome(place)), *left_behind(place)]
            wrong += bool(faults)
            what = "; ".join(faults) or "the same"
            when = "killed" if killed else "already done"
            print(f"{number + 1}: {when} after {moment:.1f} s with {there} results whole: {what}", flush=True)
    print(f"{given.kills - wrong} of {given.kills} runs that were killed and run again are the same as undisturbed")
    return 1 if wrong else 0


def begin(words: list[str], place: Path) -> "subprocess.Popen[bytes]":
    """Start a run in a process group of its own."""
    (place / "tmp").mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "ABAWBENCH_CACHE": str(place / "cache"),
        "ABAWBENCH_STRICT": "0",
        "TMPDIR": str(place / "tmp"),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PLUGINS), os.environ.get("PYTHONPATH")))),
    }
    command = [sys.executable, "-m", "abawbench", "run", *words, "--quiet"]
    return subprocess.Popen(
        command, cwd=place, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def finish(run: "subprocess.Popen[bytes]") -> None:
    """Wait for the end of a run, which must be a good one."""
    said = run.communicate()[1]
    if run.returncode:
        raise SystemExit(f"a run failed with status {run.returncode}: {said.decode(errors='replace')}")


def kill(run: "subprocess.Popen[bytes]", moment: float) -> bool:
    """Kill a run and all its processes after some seconds; return whether it was still at work."""
    try:
        run.wait(moment)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        return True
    run.communicate()
    return False


def outcome(place: Path) -> dict[str, bytes]:
    """Return path -> content of what a run left, without its times."""
    found = {}
    for path in sorted((place / "runs").rglob("*")):
        if path.is_file():
            name = re.sub(r"-[0-9a-f]{8}/", "/", path.relative_to(place).as_posix())
            while name in found:
                name += " (again)"
            found[name] = timeless(path) if path.suffix == ".json" else path.read_bytes()
    return found


def timeless(path: Path) -> bytes:
    """Return a record without what differs between two undisturbed runs."""
    record = json.loads(path.read_bytes())
    return json.dumps({name: value for name, value in record.items() if name not in TIMES}, sort_keys=True).encode()


def differences(wanted: dict[str, bytes], found: dict[str, bytes]) -> list[str]:
    """Return what is missing, too much or different."""
    names = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    return [f"differs: {name}" for name in names]


def left_behind(place: Path) -> list[str]:
    """Return temporary files and processes that outlived the runs."""
    # torch keeps a cache of its own there, for later runs
    stray = [path for path in (place / "tmp").iterdir() if not path.name.startswith("torchinductor_")]
    stray += [p for p in place.rglob("*") if p.name.startswith(".") or p.suffix in {".tmp", ".lock"}]
    alive = [
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/environ")
        if readable(path) and str(place).encode() in path.read_bytes()
    ]
    return [f"left behind: {path.relative_to(place)}" for path in stray] + [f"still runs: {pid}" for pid in alive]


def readable(path: Path) -> bool:
    """Return whether a process is there and ours."""
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
