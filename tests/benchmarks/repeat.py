"""Two profiles of the same model, minutes apart: do they differ by less than the noise they report?

    python tests/benchmarks/repeat.py --minutes 3 --threads 2

Compares the median latency and the throughput of two processes. The allowance is the larger of the two reported noises.
Exit status 1: a figure differs by more.
"""

import json
import subprocess
import sys
from pathlib import Path
from time import sleep
from typing import Any

import click
from tabulate import tabulate

COMMAND = Path(sys.executable).with_name("abawbench")
FIGURES = {"latency": "p50_ms", "throughput": "frames_per_second"}


def profiled(model: str, threads: int, seconds: float) -> dict[str, Any]:
    """Return the cost in a profile made by a new process."""
    scenarios = ["--scenario", "single-stream", "--scenario", "offline"]
    command = [str(COMMAND), "profile", model, "--threads", str(threads), "--seconds", str(seconds), *scenarios]
    done = subprocess.run([*command, "--json", "--quiet"], capture_output=True, text=True, check=True)
    cost: dict[str, Any] = json.loads(done.stdout)["cost"]
    return cost


@click.command()
@click.option("--model", default="mnv4-tam", show_default=True)
@click.option("--minutes", default=3.0, show_default=True)
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--threads", default=2, show_default=True)
def main(model: str, minutes: float, seconds: float, threads: int) -> None:
    """Print both profiles' figures, how they differ, and the noise they report."""
    first = profiled(model, threads, seconds)
    sleep(60 * minutes)
    second = profiled(model, threads, seconds)
    rows = []
    for part, figure in FIGURES.items():
        one, two = first[part], second[part]
        difference = abs(two[figure] - one[figure]) / one[figure]
        noise = max(one["noise"] or 0.0, two["noise"] or 0.0)
        rows.append([figure, one[figure], two[figure], difference, noise, "yes" if difference <= noise else "no"])
    print(tabulate(rows, headers=["figure", "first", "second", "difference", "noise", "within"], floatfmt=".4g"))
    for part in FIGURES:
        for one in (first, second):
            print(f"{part}: {'valid' if one[part]['valid'] else 'invalid'} {'; '.join(one[part]['advice'])}")
    if any(row[-1] == "no" for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
