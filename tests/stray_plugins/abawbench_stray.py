"""Models that do well and leave something behind them; installed as the broken plugins are, which they need."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from abawbench_broken.world import Small
from torch import nn

from abawbench.contracts import Declaration, ModelDeclaration, Task, Weights
from abawbench.hookspecs import hookimpl
from abawbench.records import store


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    return [
        ModelDeclaration(
            name=f"stray-{build.lower()}",
            summary=build,
            build=f"{__name__}:{build}",
            licence="Apache-2.0",
            weights="none",
        )
        for build in ("Elsewhere", "Undone", "Daemon", "Orphan", "Parent", "Deserter", "Group", "Regicide", "Chance")
    ]


class Elsewhere(Small):
    """Changes the working folder."""

    def network(self, task: Task, weights: Weights) -> nn.Module:
        os.chdir("/")
        return super().network(task, weights)


class Undone(Small):
    """Takes its result away again."""

    def network(self, task: Task, weights: Weights) -> nn.Module:
        written = store.write

        def undone(folder: Path, *given: Any, **named: Any) -> Any:
            record = written(folder, *given, **named)
            (folder / store.RESULT).unlink()
            return record

        store.write = undone  # type: ignore[assignment]
        return super().network(task, weights)


class Daemon(Small):
    """Starts a process in a session of its own."""

    def network(self, task: Task, weights: Weights) -> nn.Module:
        subprocess.Popen(["sleep", "300"], start_new_session=True)
        return super().network(task, weights)


class Orphan(Small):
    """Starts a process whose parent ends at once."""

    def network(self, task: Task, weights: Weights) -> nn.Module:
        subprocess.run(["sh", "-c", "setsid sleep 300 & exit 0"], check=True)
        return super().network(task, weights)


class Deserter(Small):
    """Starts a process, which holds its output, and ends."""

    def network(self, task: Task, weights: Weights) -> nn.Module:
        subprocess.Popen(["sleep", "300"], start_new_session=True)
        os._exit(3)


class Parent(Small):
    """Starts a process and waits for it."""

    def network(self, task: Task, weights: Weights) -> nn.Module:
        child = subprocess.Popen(["sleep", "300"], start_new_session=True)
        Path("started").touch()
        child.wait()
        return super().network(task, weights)


class Group(Small):
    """Ends its process group, which is that of its workers alone."""

    def network(self, task: Task, weights: Weights) -> nn.Module:
        os.killpg(0, signal.SIGTERM)
        return super().network(task, weights)


class Regicide(Small):
    """Ends the process that started it."""

    def network(self, task: Task, weights: Weights) -> nn.Module:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
        return super().network(task, weights)


class Chance(Small):
    """Says what Python's own chance gives."""

    def network(self, task: Task, weights: Weights) -> nn.Module:
        with open("chance.txt", "a") as file:
            print(random.random(), hash("a word"), file=file)
        return super().network(task, weights)
