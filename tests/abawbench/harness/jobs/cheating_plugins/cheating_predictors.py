"""Predictors that try to see the labels of what they predict, or to change them."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from abawbench.contracts import (
    BaseSettings,
    Declaration,
    LabelledTrack,
    Labels,
    ModelDeclaration,
    Predictor,
    Task,
    Track,
)
from abawbench.hookspecs import hookimpl


def reachable(root: object) -> Iterator[object]:
    """Yield everything that can be reached from an object by attributes, items, cells and bound arguments."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, str | bytes | int | float | type | ModuleType | None):
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        elif isinstance(one, MethodType):
            waiting.append(one.__self__)
        elif isinstance(one, partial):
            waiting += [one.func, one.args, one.keywords]
        elif isinstance(one, FunctionType):
            waiting += [cell.cell_contents for cell in one.__closure__ or ()]
        else:
            slots = [name for kind in type(one).__mro__ for name in vars(kind).get("__slots__", ())]
            waiting += [getattr(one, name) for name in slots if hasattr(one, name)]
            waiting += getattr(one, "__dict__", {}).values()


class Honest(Predictor):
    """Predicts how often it has seen each class."""

    def fit(self, task: Task, tracks: Sequence[LabelledTrack], seed: int) -> None:
        values = np.concatenate([one.known.values for one in tracks])
        self.shares = np.bincount(values, minlength=3) / len(values)

    def predict(self, task: Task, track: Track) -> Any:
        return np.tile(self.shares, (track.n_frames, 1))


class Asks(Honest):
    def predict(self, task: Task, track: Track) -> Any:
        return np.eye(3)[track.labels(task.label).values]


class AsksAndGoesOn(Honest):
    def predict(self, task: Task, track: Track) -> Any:
        with suppress(Exception):
            return np.eye(3)[track.labels(task.label).values]
        return super().predict(task, track)


class Digs(Honest):
    """Takes whatever could be labels among all that it can reach from a track."""

    def predict(self, task: Task, track: Track) -> Any:
        for one in reachable(track):
            found: Any = one.values if isinstance(one, Labels) else one
            if isinstance(found, np.ndarray) and found.dtype.kind == "i" and found.shape == (track.n_frames,):
                return np.eye(3)[found]
        return super().predict(task, track)


class Remembers(Honest):
    """Knows the labels of every track that it was ever given, by name."""

    def __init__(self, settings: BaseSettings) -> None:
        super().__init__(settings)
        self.known: dict[str, Any] = {}

    def fit(self, task: Task, tracks: Sequence[LabelledTrack], seed: int) -> None:
        super().fit(task, tracks, seed)
        self.known |= {one.track.id: one.known.values for one in tracks}

    def predict(self, task: Task, track: Track) -> Any:
        return np.eye(3)[self.known[track.id]] if track.id in self.known else super().predict(task, track)


class Notes(Honest):
    """Writes the labels onto the tracks, where it may find them again."""

    def fit(self, task: Task, tracks: Sequence[LabelledTrack], seed: int) -> None:
        super().fit(task, tracks, seed)
        for one in tracks:
            vars(one.track)["noted"] = one.known.values

    def predict(self, task: Task, track: Track) -> Any:
        return np.eye(3)[vars(track)["noted"]] if "noted" in vars(track) else super().predict(task, track)


def overwrite(array: Any) -> None:
    """Try every way to write zeros into an array."""
    for target in (array, array.base, array.view()):
        with suppress(Exception):
            target[...] = 0
        with suppress(Exception):
            target.setflags(write=True)
            target[...] = 0
        with suppress(Exception):
            memoryview(target).cast("B")[:] = bytes(array.nbytes)


class Relabels(Honest):
    """Makes all labels the class that it predicts, or tries to put other labels in their place."""

    def fit(self, task: Task, tracks: Sequence[LabelledTrack], seed: int) -> None:
        super().fit(task, tracks, seed)
        for one in tracks:
            overwrite(one.known.values)
            overwrite(one.known.mask)
            zeros = Labels(np.zeros_like(one.known.values), one.known.mask)
            object.__setattr__(one.known, "values", zeros.values)
            object.__setattr__(one, "labels", zeros)
        with suppress(Exception):
            tracks.clear()  # type: ignore[attr-defined]


class Scribbles(Honest):
    """Writes to the arrays that a track gives, and to the track itself."""

    def predict(self, task: Task, track: Track) -> Any:
        found = super().predict(task, track)
        for given in (track.frame_mask(), track.times(), track.frames(np.arange(3))[0]):
            overwrite(given)
        track.id, track.subject, track.n_frames = "somebody", track.id, 1
        return found


class Withdraws(Honest):
    """Changes what it gave before."""

    def __init__(self, settings: BaseSettings) -> None:
        super().__init__(settings)
        self.given: list[Any] = []

    def predict(self, task: Task, track: Track) -> Any:
        for earlier in self.given:
            earlier[...] = np.nan
        self.given.append(super().predict(task, track))
        return self.given[-1]


class RewritesTask(Honest):
    """Changes how the task decides, and what it is."""

    def fit(self, task: Task, tracks: Sequence[LabelledTrack], seed: int) -> None:
        super().fit(task, tracks, seed)
        object.__setattr__(task, "decide", lambda scores: np.zeros(len(scores), dtype=np.int64))
        object.__setattr__(task, "outputs", ("one", "other"))

    def predict(self, task: Task, track: Track) -> Any:
        return np.tile(self.shares, (track.n_frames, 1))


CHEATS = {
    "honest": Honest,
    "asks": Asks,
    "asks-and-goes-on": AsksAndGoesOn,
    "digs": Digs,
    "remembers": Remembers,
    "notes": Notes,
    "relabels": Relabels,
    "scribbles": Scribbles,
    "withdraws": Withdraws,
    "rewrites-task": RewritesTask,
}


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    return [
        ModelDeclaration(name=name, summary="cheats", build=f"{__name__}:{kind.__name__}", inputs=())
        for name, kind in CHEATS.items()
    ]
