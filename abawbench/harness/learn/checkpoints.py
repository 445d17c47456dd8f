"""Checkpoints: the whole state of a training, on the disk, so that one that was killed goes on where it was."""

import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors import SafetensorError
from torch import Tensor

from abawbench.contracts import DataError
from abawbench.progress import Progress
from abawbench.system.files import sync

_PROGRESS = "progress_{}.pt"
"""What accelerate does not know of, one file per process."""
_WHOLE = re.compile(r"\d{8}")
_SPARED = 50
"""A checkpoint at the end of an epoch waits until the training has taken so many times what the last one took to write:
where epochs take less than a second, one after each would cost more than it saves."""


@dataclass(frozen=True)
class Keeping:
    """Where the checkpoints of a job lie, and how often they are written."""

    folder: Path
    job: str
    """The digest of the job: the checkpoint of another is of no use."""
    minutes: float
    """Between two checkpoints within an epoch; 0 writes them at the ends of epochs only."""

    def of_split(self, number: int) -> "Keeping":
        """Return where those of one of several trainings lie."""
        return Keeping(self.folder / f"split-{number}", self.job, self.minutes)

    def remove(self) -> None:
        """Remove them all."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Checkpoints:
    """The checkpoints of one training. Each is written whole and takes its place by a rename; one is kept.

    All that ``accelerator`` prepared is in them, the random states, and what ``save`` is given: numbers, texts,
    tensors, lists and mappings. All processes of a training call each method together.
    """

    def __init__(self, keeping: Keeping | None, accelerator: Accelerator, progress: Progress) -> None:
        self._keeping, self._accelerator, self._progress = keeping, accelerator, progress
        self._written, self._cost = time.monotonic(), 0.0

    def load(self) -> Mapping[str, Any] | None:
        """Put back the state of the newest checkpoint and return what it was given; None where there is none.

        Raises DataError where it cannot be read.
        """
        newest = self._newest()
        if self._keeping is None or newest is None:
            return None
        try:
            found = torch.load(newest / self._own_file, map_location="cpu", weights_only=True)
            if (found["job"], found["processes"]) != (self._keeping.job, self._accelerator.num_processes):
                return None
            self._accelerator.load_state(str(newest))
            # accelerate goes on without the random states where it cannot read them
            if not torch.equal(torch.get_rng_state(), found["random"]):
                raise DataError("the random states are missing")
        except Exception as error:
            raise DataError(f"{newest}: this checkpoint cannot be read ({error}); delete it and run again") from error
        given: Mapping[str, Any] = found["given"]
        return given

    def due(self, epoch_over: bool = False) -> bool:
        """Return whether it is time for the next one, within an epoch or at its end."""
        if self._keeping is None or not (self._keeping.minutes or epoch_over):
            return False
        passed = time.monotonic() - self._written
        if (epoch_over and passed >= _SPARED * self._cost) or 0 < 60 * self._keeping.minutes <= passed:
            self._accelerator.set_trigger()
        due: bool = self._accelerator.check_trigger()  # true in all processes once it is in one
        return due

    def save(self, given: Mapping[str, Any]) -> None:
        """Write the state; where that fails, the training goes on without the checkpoint."""
        if self._keeping is None:
            return
        started = time.monotonic()
        newest = self._newest()
        # never the name of one that is there: it stays until the new one has taken its place
        number = int(newest.name) + 1 if newest else 1
        target = self._keeping.folder / f"{number:08d}"
        temporary = target.with_name(f".{target.name}.tmp")
        # every process gets to the end, whatever fails in one: the others would wait for it
        done = self._try(lambda: self._write(temporary, given))
        done = self._try(lambda: self._replace(temporary, target), alone=True) if done else done
        if not done:
            shutil.rmtree(temporary, ignore_errors=True)
        self._written = time.monotonic()
        self._cost = self._written - started

    def _try(self, action: Callable[[], None], alone: bool = False) -> bool:
        """Return whether an action succeeded in all processes, ``alone`` in the first one only."""
        failed = 0
        try:
            if self._accelerator.is_main_process or not alone:
                action()
        except (OSError, RuntimeError, SafetensorError) as error:
            self._progress.note(f"no checkpoint was written: {error}; training goes on without it")
            failed = 1
        count: Tensor = self._accelerator.reduce(torch.tensor(failed, device=self._accelerator.device))
        return not count.item()

    def _write(self, folder: Path, given: Mapping[str, Any]) -> None:
        assert self._keeping is not None
        folder.mkdir(parents=True, exist_ok=True)
        self._accelerator.save_state(str(folder))
        own = {
            "job": self._keeping.job,
            "processes": self._accelerator.num_processes,
            "random": torch.get_rng_state(),
            "given": given,
        }
        torch.save(own, folder / self._own_file)

    def _replace(self, temporary: Path, target: Path) -> None:
        for file in temporary.iterdir():
            sync(file)
        temporary.replace(target)
        for other in target.parent.iterdir():
            if other != target:
                shutil.rmtree(other, ignore_errors=True)

    def _newest(self) -> Path | None:
        if self._keeping is None or not self._keeping.folder.is_dir():
            return None
        return max((one for one in self._keeping.folder.iterdir() if _WHOLE.fullmatch(one.name)), default=None)

    @property
    def _own_file(self) -> str:
        return _PROGRESS.format(self._accelerator.process_index)
