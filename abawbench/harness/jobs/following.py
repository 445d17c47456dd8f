"""Who follows a job: the hooks of plugins, and the experiment trackers that were asked for.

Nobody who follows a job can change it or cost its result: they are given copies, they draw other random numbers, and
one that raises is named and left out from then on.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.tracking import LOGGER_TYPE_TO_CLASS

from abawbench.contracts import EpochEnd
from abawbench.harness.jobs.prepare import Prepared
from abawbench.plugins import Callback, one_line
from abawbench.progress import Progress
from abawbench.records.record import Record

PROJECT = "abawbench"
"""Under which trackers that have projects keep the runs."""
FOLDER = "trackers"
"""Below the folder of the runs: what trackers write that keep files."""


class Followers:
    """Tells those who follow a job what happens in it."""

    def __init__(
        self, ready: Prepared, callbacks: Sequence[Callback], trackers: Sequence[str], out: Path, progress: Progress
    ) -> None:
        self._ready, self._progress = ready, progress
        self._calls: list[tuple[str, str, Callable[..., Any]]] = [(one.name, str(one), one.call) for one in callbacks]
        for name in trackers:
            with self._kept_apart(f"tracker {name}"):
                tracker = _Tracker(name, ready, out)
                self._calls += [
                    ("on_epoch", f"tracker {name}", tracker.on_epoch),
                    ("on_result", f"tracker {name}", tracker.on_result),
                ]

    def end_epoch(self, fold: int | None, row: Mapping[str, float]) -> None:
        """Tell that an epoch is over."""
        job = self._ready.job
        told = EpochEnd(
            model=job.model,
            task=job.task,
            seed=job.seed,
            database=self._ready.database.name,
            job=self._ready.digest,
            settings=deepcopy(self._ready.settings_record),
            fold=fold,
            epoch=int(row["epoch"]),
            loss=row["loss"],
            held_out=row.get("held_out"),
        )
        self._tell("on_epoch", event=told)

    def end(self, record: Record, folder: Path) -> None:
        """Tell that the result is written."""
        self._tell("on_result", record=record.model_dump(mode="json"), folder=folder)

    def _tell(self, hook: str, **what: Any) -> None:
        for one in [one for one in self._calls if one[0] == hook]:
            with self._kept_apart(one[1], one):
                one[2](**deepcopy(what))

    @contextmanager
    def _kept_apart(self, who: str, call: tuple[str, str, Callable[..., Any]] | None = None) -> Iterator[None]:
        """Let somebody work who must not disturb the job."""
        states = random.getstate(), np.random.get_state(), torch.get_rng_state()
        on_gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
        try:
            yield
        except (Exception, SystemExit) as error:
            self._progress.note(f"{who} is left out from here on: {one_line(error)}")
            if call is not None:
                self._calls.remove(call)
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.set_rng_state(states[2])
            if on_gpu is not None:
                torch.cuda.set_rng_state_all(on_gpu)


class _Tracker:
    """One of accelerate's trackers with the run of one job in it."""

    def __init__(self, name: str, ready: Prepared, out: Path) -> None:
        job = ready.job
        run = f"{job.model}-{job.task}-seed{job.seed}-{ready.digest[:8]}".replace("/", "-").replace(":", "-")
        folder = out / FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        given: dict[str, tuple[str, dict[str, Any]]] = {
            "tensorboard": (run, {"logging_dir": folder}),
            "wandb": (PROJECT, {"name": run, "dir": str(folder)}),
            "mlflow": (PROJECT, {"run_name": run}),
        }
        project, options = given[name]
        self._tracker = LOGGER_TYPE_TO_CLASS[name](project, **options)
        self._tracker.start()
        settings = {"model": job.model, "task": job.task, "seed": job.seed, "database": ready.database.name}
        self._tracker.store_init_configuration({**settings, **_flat(ready.settings_record)})
        self._step = 0

    def on_epoch(self, event: EpochEnd) -> None:
        fold = "" if event.fold is None else f"fold {event.fold}/"
        values = {f"{fold}loss": event.loss, f"{fold}held_out": event.held_out}
        self._step = event.epoch
        self._tracker.log({name: value for name, value in values.items() if value is not None}, step=event.epoch)

    def on_result(self, record: Mapping[str, Any], folder: Path) -> None:
        score, floor = record["score"] or {}, record["floor"] or {}
        values = {score.get("metric", "value"): score.get("value"), "floor": floor.get("value")}
        values |= {f"part/{name}": part["value"] for name, part in score.get("parts", {}).items()}
        self._tracker.log({name: value for name, value in values.items() if value is not None}, step=self._step)
        self._tracker.finish()


def _flat(settings: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    simple = (str, int, float, bool)
    return {name: value if isinstance(value, simple) else json.dumps(value) for name, value in settings.items()}
