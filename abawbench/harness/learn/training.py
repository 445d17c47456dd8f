"""A training from its beginning, or from its last checkpoint, to its end."""

import math
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor, nn

from abawbench.contracts import UsageError
from abawbench.harness.learn.checkpoints import Checkpoints
from abawbench.harness.learn.optimisation import Optimisation
from abawbench.progress import Advance, Progress

Epochs: TypeAlias = list[dict[str, float]]
"""Per epoch: ``epoch``, ``loss``, and ``held_out`` where subjects were held out."""
Judge: TypeAlias = Callable[[], tuple[float, float] | None]
"""Gives the value of the network on the subjects held out, and its merit; None where there are none."""


class Course:
    """How far a training has come: the epochs that are whole, the steps of the one under way, the best parameters."""

    def __init__(self) -> None:
        self.epochs: Epochs = []
        self.losses: list[float] = []
        """Of the steps of the epoch under way."""
        self.clips: list[int] = []
        """In each of these steps."""
        self.waited = 0
        """Epochs since the best one."""
        self.finished = False
        self.seconds = 0.0
        """Of the parts of the training before this one."""
        self._best = -math.inf
        self._parameters: dict[str, Tensor] = {}

    def add_step(self, loss: float, clips: int) -> None:
        """Note a step."""
        self.losses.append(loss)
        self.clips.append(clips)

    def end_epoch(self) -> dict[str, float]:
        """Return the row of the epoch that is over: its number and the mean loss over its clips."""
        row = {"epoch": len(self.epochs) + 1, "loss": float(np.average(self.losses, weights=self.clips))}
        self.epochs.append(row)
        self.losses, self.clips = [], []
        return row

    def judge(self, merit: float, network: nn.Module) -> None:
        """Keep a copy of the parameters if they are better than any before."""
        if merit > self._best:
            self._best, self.waited = merit, 0
            self._parameters = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        else:
            self.waited += 1

    def restore_best(self, network: nn.Module) -> None:
        """Put the best parameters back, if any were kept."""
        if self._parameters:
            network.load_state_dict(self._parameters)

    def state_dict(self) -> dict[str, Any]:
        """Return all of it."""
        return vars(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state_dict`` gave."""
        vars(self).update(state)


class Training:
    """The epochs of one training."""

    def __init__(
        self,
        optimisation: Optimisation,
        checkpoints: Checkpoints,
        progress: Progress,
        end_epoch: Callable[[Mapping[str, float]], None] | None = None,
    ) -> None:
        self._told = end_epoch
        self.course = Course()
        self._optimisation, self._checkpoints, self._progress = optimisation, checkpoints, progress
        self._started = perf_counter()

    def run(self, judge: Judge, task: str) -> Epochs:
        """Train to the end, leave the best parameters in the network and return a row per epoch."""
        course, optimisation = self.course, self._optimisation
        self._resume()
        with self._progress.bar(f"fit {task}", optimisation.recipe.epochs * optimisation.steps, "step") as advance:
            advance(len(course.epochs) * optimisation.steps + len(course.losses))
            while not course.finished:
                self._run_epoch(advance)
                self._end_epoch(judge, task)
                if self._checkpoints.due(epoch_over=True):
                    self._save()
        course.restore_best(optimisation.network)
        return course.epochs

    def _run_epoch(self, advance: Advance) -> None:
        course = self.course
        self._optimisation.network.train()
        for loss, clips in self._optimisation.run_epoch(len(course.epochs) + 1, len(course.losses)):
            course.add_step(loss, clips)
            advance(1)
            if self._checkpoints.due():
                self._save()

    def _end_epoch(self, judge: Judge, task: str) -> None:
        course, recipe = self.course, self._optimisation.recipe
        row = course.end_epoch()
        if not math.isfinite(row["loss"]):
            raise UsageError(f"training of task '{task}' diverged in epoch {row['epoch']}; try --set lr=... lower")
        if (judged := judge()) is not None:
            row["held_out"], merit = judged
            course.judge(merit, self._optimisation.network)
        course.finished = len(course.epochs) >= recipe.epochs or (
            judged is not None and course.waited >= recipe.patience
        )
        if self._told is not None:
            self._told(row)

    def _save(self) -> None:
        spent = self.course.seconds + perf_counter() - self._started
        course = {**self.course.state_dict(), "seconds": spent}
        self._checkpoints.save({"course": course, "optimisation": self._optimisation.state_dict()})

    def _resume(self) -> None:
        found = self._checkpoints.load()
        if found is None:
            return
        self.course.load_state_dict(found["course"])
        self._optimisation.load_state_dict(found["optimisation"])
        done = f"{len(self.course.epochs)} epochs and {len(self.course.losses)} steps"
        self._progress.note(f"training goes on from its checkpoint, after {done}")
