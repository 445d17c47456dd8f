"""Let a real small disk (a tmpfs; Linux, as root) fill up in each phase of a run, make room, and run again.

    python tests/simulations/full_disk.py

In every round the folder that a phase writes to is a tmpfs with a few KiB free. The run must end with status 1 and one
clear error, an earlier result must stay as it was, and after growing the tmpfs the same command must finish with the
files of an undisturbed run. Exit status 1 otherwise, 2 where no tmpfs can be mounted.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from kill_and_resume import PLUGINS, outcome

ROUNDS = {"read": "cache", "embed": "cache", "write": "runs"}
"""Phase -> the folder on the small disk."""
SYNTHETIC = ("--model", "mnv4-tam", "--task", "ce", "--data", "synthetic", "--preset", "tiny")
COLOURED = ("--model", "healthy", "--task", "colours", "--data", "coloured")


def main() -> int:
    """Print a line per phase."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for phase, small in ROUNDS.items():
            place = Path(folder) / phase
            (place / small).mkdir(parents=True)
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", place / small]).returncode:
                return 2
            try:
                faults = attempt(place, small, SYNTHETIC if phase == "read" else COLOURED)
            finally:
                subprocess.run(["umount", "-l", place / small], check=True)
            wrong += bool(faults)
            print(f"{phase}: {'; '.join(faults) or 'as it should be'}", flush=True)
    return 1 if wrong else 0


def attempt(place: Path, small: str, words: tuple[str, ...]) -> list[str]:
    """Return what went wrong on one small disk."""
    faults = []
    earlier = {}
    if small == "runs":
        grow(place / small, "8m")
        run(place, *words, "--seed", "7")
        earlier = outcome(place)
    fill(place / small)
    status, reasons = run(place, *words)
    print(f"  {reasons}", flush=True)
    if status != 1 or len(reasons) != 1 or "no space is left on the disk" not in reasons[0]:
        faults.append(f"status {status}, errors {reasons}")
    if any(outcome(place).get(name) != content for name, content in earlier.items()):
        faults.append("an earlier result changed")
    grow(place / small, "1g")
    (place / small / "filler").unlink()
    if run(place, *words)[0] != 0:
        faults.append("it did not finish with room")
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    run(elsewhere, *words)
    found = outcome(place)
    faults += [f"differs: {name}" for name, content in outcome(elsewhere).items() if found.get(name) != content]
    return faults


def run(place: Path, *words: str) -> tuple[int, list[str]]:
    """Return the exit status of a run and the reasons of jobs without a result."""
    (place / "tmp").mkdir(exist_ok=True)
    environment = os.environ | {
        "ABAWBENCH_CACHE": str(place / "cache"),
        "ABAWBENCH_STRICT": "0",
        "TMPDIR": str(place / "tmp"),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PLUGINS), os.environ.get("PYTHONPATH")))),
    }
    command = [
        sys.executable,
        "-m",
        "abawbench",
        "run",
        *words,
        "--set",
        "epochs=2",
        "--latency-seconds",
        "0",
        "--json",
    ]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    if not done.stdout:
        return done.returncode, [done.stderr]
    return done.returncode, [record["reason"] for record in json.loads(done.stdout) if record["reason"]]


def fill(folder: Path) -> None:
    """Leave almost nothing on a disk."""
    try:
        with (folder / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
    except OSError:
        pass


def grow(folder: Path, size: str) -> None:
    """Give a tmpfs another size."""
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


if __name__ == "__main__":
    sys.exit(main())
