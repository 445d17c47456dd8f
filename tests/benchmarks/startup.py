"""How fast the command line starts: beside other tools, and with 200 plugins installed as a ratio to none.

    python tests/benchmarks/startup.py
    python tests/benchmarks/startup.py --tools FOLDER

Each figure is the median of 20 calls, interleaved so that a slow moment hits all alike. ``FOLDER`` holds one virtual
environment per tool, ``lm_eval``, ``mteb`` and ``tox``; the limits count on an idle machine. Exit status 1: over one.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

OURS = Path(sys.executable).with_name("abawbench")
SECONDS = {"abawbench --help": 0.15, "abawbench list": 0.3}
RATIOS = {"--help": 1.3, "list": 2.0}
OTHERS = {"lm_eval": "--help", "mteb": "--help", "tox": "--version"}
MODULE = """from abawbench.contracts import ModelDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins():
    return [ModelDeclaration(name="{name}", summary="A dummy.", build="{name}_model:Dummy")]
"""


def install_dummies(folder: Path, count: int) -> None:
    """Make ``count`` distributions with a plugin each, as an installer leaves them."""
    for number in range(count):
        name = f"abawbench_dummy{number}"
        (folder / f"{name}.py").write_text(MODULE.format(name=name), encoding="utf-8")
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[abawbench]\n{name} = {name}\n", encoding="utf-8")


def medians(commands: Mapping[str, tuple[Sequence[str], Mapping[str, str]]], rounds: int) -> dict[str, float]:
    """Return the median wall time of each command in seconds; one call each goes before, uncounted."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, (command, more) in commands.items():
            start = perf_counter()
            subprocess.run(command, env={**os.environ, **more}, check=True, capture_output=True)
            if turn:
                times[name].append(perf_counter() - start)
    return {name: median(found) for name, found in times.items()}


def main() -> int:
    """Print a row per command and return 1 if one is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, help="Folder of virtual environments lm_eval, mteb and tox.")
    parser.add_argument("--plugins", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        install_dummies(Path(folder), given.plugins)
        commands: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {}
        for what in RATIOS:
            commands[f"abawbench {what}"] = ([str(OURS), what], {})
            commands[f"with {given.plugins}: {what}"] = ([str(OURS), what], {"PYTHONPATH": folder})
        listed = subprocess.run(
            [str(OURS), "list"], env={**os.environ, "PYTHONPATH": folder}, check=True, capture_output=True, text=True
        )
        if listed.stdout.count("A dummy.") != given.plugins or listed.stderr:
            raise SystemExit(f"the dummies are not all listed: {listed.stderr}")
        if given.tools:
            for tool, option in OTHERS.items():
                commands[f"{tool} {option}"] = ([str(given.tools / tool / "bin" / tool), option], {})
        found = medians(commands, given.rounds)
    failed = False
    for name, seconds in found.items():
        limit = SECONDS.get(name)
        failed |= limit is not None and seconds > limit
        print(f"{name:24} {seconds:.3f} s" + (f"  limit {limit}" if limit else ""))
    for what, most in RATIOS.items():
        ratio = found[f"with {given.plugins}: {what}"] / found[f"abawbench {what}"]
        failed |= ratio > most
        print(f"{what:24} {ratio:.2f} times as long with {given.plugins} plugins  limit {most}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
