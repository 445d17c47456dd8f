"""What a manifest says: its tracks and their labels, checked, every error naming the line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import DataError, Labels, Task
from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._rows import Rows, read_rows, show
from abawbench_plugins.tasks import ah, ah_video, au, ce, emi, eri, expr, expr_clip, mtl, va, vd

if TYPE_CHECKING:
    import pyarrow as pa

ATTRIBUTE = "attribute:"
"""How a column begins that holds what is known of a track's subject."""
COLUMNS = ("track", "frame", "image", "video", "audio", "text", "split", "subject", "rate")
SPLITS = ("train", "val", "test")
TASKS: Mapping[str, Task] = {
    built.label: built for built in (m.task() for m in (va, expr, au, ce, emi, eri, ah, ah_video, vd, expr_clip))
}
"""Label -> the task that says which values it has."""
TRACK_LEVEL = frozenset(label for label, task in TASKS.items() if task.level == "track")
"""Labels of whole tracks."""
CLASS_COLUMN = {"expr": "expression"}
"""Label -> its column where that has another name; elsewhere a class stands in the column named like the label."""
_LARGEST_FRAME = 10**9
_NO_PATH = r"^[/\\]|^[A-Za-z]:|\x00"
"""Absolute paths, and what no path holds."""


def label_columns(label: str) -> tuple[str, ...]:
    """Return the columns that hold a label: one for a class, else one for each output.

    >>> label_columns("va")
    ('valence', 'arousal')
    """
    task = TASKS[label]
    return (CLASS_COLUMN.get(label, label),) if task.kind == "multiclass" else task.outputs


@dataclass(frozen=True)
class Manifest:
    """The tracks of a manifest by number, their rows in the order of frames and one track after the other."""

    ids: list[str]
    starts: NDArray[np.int64]
    """[tracks + 1]: track t has the rows from ``starts[t]`` to before ``starts[t + 1]``."""
    frames: NDArray[np.int64]
    """[rows], from 1; 0 in the single row of a track that is a whole video."""
    images: "pa.Array | None"
    """[rows], paths; null where the frame has no image."""
    cells: Mapping[str, list[str | None]]
    """``video``, ``audio``, ``text``, ``split``, ``subject`` and attributes -> one per track."""
    rates: NDArray[np.float64]
    """[tracks], NaN where not given."""


def read_manifest(path: Path, problems: Problems) -> tuple[Manifest, dict[str, Labels]]:
    """Return what a manifest says of its tracks, and label -> labels of all rows, or of all tracks at track level.

    Raises DataError, naming file and line, for anything that is not as documented.
    """
    rows = read_rows(path)
    present = _choose_columns(rows, problems)
    if not len(rows):
        raise DataError(f"{path}: has no row; write one for each frame")
    if "track" not in rows:
        raise DataError(f"{path}:1: no column 'track'; it has {', '.join(rows.table.column_names)[:200]}")
    track, ids = rows.encode_texts("track")
    if (track < 0).any():
        rows.fail(int(np.argmax(track < 0)), "'track' is empty; every row names its track")
    order, frames = _order_rows(rows, track, len(ids))
    group = _Groups(rows, track, order, ids)
    whole = frames[order] == 0
    labels = {label: _labels(rows, group, label, whole) for label in present}
    together = mtl.task()
    if all(part.label in labels for part in together.parts):
        labels[together.label] = _side_by_side([labels[part.label] for part in together.parts])
    images = rows.pop_text("image") if "image" in rows else None
    if images is not None and (np.diff(order) != 1).any():
        images = images.take(order)
    cells = {name: group.text(name) for name in ("video", "audio", "text", "split", "subject") if name in rows}
    told = [name for name in rows.table.column_names if name.startswith(ATTRIBUTE)]
    cells |= {name: group.text(name) for name in told}
    _check_paths(rows, group, images, cells)
    _check_splits(rows, group, cells)
    rates = group.numbers("rate", 1e-3, 1e5, "a number of frames per second")
    return Manifest(ids, group.starts, frames[order], images, cells, rates), labels


class _Groups:
    """The rows of each track, and what must be the same in all of them."""

    def __init__(self, rows: Rows, track: NDArray[np.int64], order: NDArray[np.int64], ids: Sequence[str]) -> None:
        self.rows, self.track, self.order, self.ids = rows, track, order, ids
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(track, minlength=len(ids)))]).astype(np.int64)

    def same(
        self, column: str, values: NDArray[Any], given: NDArray[np.bool_]
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the value of each track and whether it has one. Raises DataError where a track has two."""
        at = np.flatnonzero(given)
        own = np.zeros(len(self.ids), dtype=values.dtype)
        own[self.track[at[::-1]]] = values[at[::-1]]
        differs = values[at] != own[self.track[at]]
        if differs.any():
            row = int(at[np.argmax(differs)])
            name = self.ids[self.track[row]]
            self.rows.fail(
                row, f"'{column}' differs from an earlier row of track {show(name)}; give it once, or the same"
            )
        has = np.zeros(len(self.ids), dtype=np.bool_)
        has[self.track[at]] = True
        return own, has

    def text(self, column: str) -> list[str | None]:
        """Return the text of each track."""
        codes, texts = self.rows.encode_texts(column)
        own, has = self.same(column, codes, codes >= 0)
        return [texts[code] if there else None for code, there in zip(own.tolist(), has.tolist(), strict=True)]

    def numbers(self, column: str, low: float, high: float, expected: str) -> NDArray[np.float64]:
        """Return the number of each track, NaN where it has none."""
        if column not in self.rows:
            return np.full(len(self.ids), np.nan)
        values = self.rows.numbers(column, low, high, expected)
        own, has = self.same(column, values, ~np.isnan(values))
        return np.where(has, own, np.nan)


def _choose_columns(rows: Rows, problems: Problems) -> list[str]:
    """Return the labels that the manifest has columns of; a misspelt, repeated or missing column is an error."""
    names = rows.table.column_names
    known = [*COLUMNS, *(name for label in TASKS for name in label_columns(label))]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{rows.path}:1: column {show(name)} stands twice")
        if name not in known and not name.startswith(ATTRIBUTE):
            near = get_close_matches(name.casefold(), {k.casefold(): k for k in known}, n=1, cutoff=0.75)
            if near:
                meant = next(k for k in known if k.casefold() == near[0])
                raise DataError(f"{rows.path}:1: unknown column {show(name)}; did you mean '{meant}'?")
            problems.add(rows.path, f"column {show(name)} is not one abawbench knows; ignored", 1, extra=True)
    found = [label for label in TASKS if set(label_columns(label)) <= set(names)]
    # two tasks may share a column: it asks for the others of a task only where no task has it whole
    used = {name for label in found for name in label_columns(label)}
    for label in TASKS:
        columns = label_columns(label)
        missing = [name for name in columns if name not in names]
        if missing and set(columns) - set(missing) - used:
            raise DataError(f"{rows.path}:1: no column {', '.join(missing)}; task {label} needs all of its columns")
    return found


def _order_rows(rows: Rows, track: NDArray[np.int64], tracks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows sorted by track and frame, and the frame of each row: 0 for a whole video."""
    sizes = np.bincount(track, minlength=tracks)
    videos = rows.encode_texts("video")[0] >= 0 if "video" in rows else np.zeros(len(rows), dtype=np.bool_)
    if "frame" in rows:
        given = rows.numbers("frame", 1, _LARGEST_FRAME, "a whole number from 1", whole=True)
        alone = np.isnan(given) & (sizes[track] == 1)
        if (np.isnan(given) & ~alone).any():
            row = int(np.argmax(np.isnan(given) & ~alone))
            rows.fail(row, "'frame' is empty; only the single row of a track may leave it out")
        frames = np.where(alone, np.where(videos, 0, 1), np.nan_to_num(given)).astype(np.int64)
    else:
        by_track = np.argsort(track, kind="stable")
        frames = np.empty(len(rows), dtype=np.int64)
        frames[by_track] = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1
        frames[(sizes[track] == 1) & videos] = 0
    order = np.lexsort((frames, track)).astype(np.int64)
    step = np.diff(frames[order])
    wrong = (np.diff(track[order]) == 0) & (step != 1)
    if wrong.any():
        at = int(np.argmax(wrong))
        row, frame = int(order[at + 1]), int(frames[order[at + 1]])
        if step[at] == 0:
            rows.fail(row, f"frame {frame} of this track stands twice")
        before = frame - int(step[at])
        rows.fail(
            row, f"frame {frame} follows frame {before}; list every frame, with empty cells where there is nothing"
        )
    return order, frames


def _labels(rows: Rows, group: _Groups, label: str, whole: NDArray[np.bool_]) -> Labels:
    """Return the labels of all rows in order, or of all tracks."""
    task, columns = TASKS[label], label_columns(label)
    if task.kind == "multiclass":
        values: NDArray[Any] = rows.choices(columns[0], task.outputs)
        mask = values >= 0
    else:
        low, high = task.ranges or (0.0, 1.0)
        expected = "0 or 1" if task.kind == "multilabel" else f"a number from {low:g} to {high:g}"
        cells = np.stack(
            [rows.numbers(name, low, high, expected, whole=task.kind == "multilabel") for name in columns], axis=1
        )
        given = ~np.isnan(cells)
        mask = np.asarray(given.all(axis=1))
        partial = given.any(axis=1) & ~mask
        if partial.any():
            row = int(np.argmax(partial))
            rows.fail(
                row, f"'{columns[int(np.argmin(given[row]))]}' is empty; give all of {', '.join(columns)}, or none"
            )
        values = np.where(mask[:, None], cells, 0).astype(np.int64 if task.kind == "multilabel" else np.float64)
    if task.level == "track":
        own = [group.same(name, column, mask) for name, column in zip(columns, np.atleast_2d(values.T), strict=True)]
        return Labels(np.stack([of_track for of_track, _ in own], axis=1).reshape(-1, *values.shape[1:]), own[0][1])
    mask, values = mask[group.order], values[group.order]
    if (mask & whole).any():
        row = int(group.order[np.argmax(mask & whole)])
        rows.fail(
            row, f"'{columns[0]}' is a label of single frames, and this row stands for a whole video; number frames"
        )
    return Labels(values, mask)


def _side_by_side(parts: Sequence[Labels]) -> Labels:
    """Return the labels of several tasks as those of a task that has them as its parts."""
    values = np.column_stack([part.values for part in parts]).astype(np.float64)
    return Labels(values, np.stack([part.mask for part in parts], axis=1))


def _check_paths(rows: Rows, group: _Groups, images: "pa.Array | None", cells: Mapping[str, list[str | None]]) -> None:
    """Raise DataError for an absolute path, and for a frame that has both an image and a video."""
    import pyarrow.compute as pc

    def fail(bad: NDArray[np.bool_], what: str) -> None:
        rows.fail(int(np.argmax(bad)), what)

    def refuse(name: str, path: str | None) -> str:
        return f"'{name}' must be a path relative to the manifest, not {show(path or '')}"

    for name in ("video", "audio"):
        if name in cells:
            codes, paths = rows.encode_texts(name)
            wrong = [re.search(_NO_PATH, path) is not None for path in paths]
            if any(wrong):
                bad = np.array([*wrong, False])[codes]
                fail(bad, refuse(name, paths[codes[int(np.argmax(bad))]]))
    if images is None:
        return
    places = np.empty_like(group.order)
    places[group.order] = np.arange(len(places))  # of each row among the images
    bad = np.asarray(pc.match_substring_regex(images, _NO_PATH).fill_null(False), dtype=np.bool_)[places]
    if bad.any():
        fail(bad, refuse("image", images[int(places[np.argmax(bad)])].as_py()))
    if "video" in cells:
        both = np.array([cell is not None for cell in cells["video"]])[group.track]
        both &= np.asarray(images.is_valid(), dtype=np.bool_)[places]
        if both.any():
            fail(both, "the track has a video and an image; give one of them")


def _check_splits(rows: Rows, group: _Groups, cells: Mapping[str, list[str | None]]) -> None:
    """Raise DataError for a split of another name, and for a track without one where others have one."""
    if "split" not in cells:
        return
    codes, texts = rows.encode_texts("split")
    wrong = next((place for place, text in enumerate(texts) if text not in SPLITS), None)
    if wrong is not None:
        rows.fail(int(np.argmax(codes == wrong)), f"'split' must be train, val or test, not {show(texts[wrong])}")
    if None in cells["split"]:
        row = int(group.order[group.starts[cells["split"].index(None)]])
        rows.fail(row, "the track has no 'split'; give train, val or test on one of its rows")
