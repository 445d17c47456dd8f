"""Predictions as a Parquet file: one row per frame of a track, or one per track for a track-level task.

Columns: ``track`` (string), ``frame`` (int32, counted from 0; 0 for a track-level task), optionally ``frame_name``
(the official name), and per output ``score_<output>`` (float32): the network's output after the activation, so
decisions can be taken again with another threshold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.errors import DataError
from abawbench.system.files import replace_file

if TYPE_CHECKING:
    import pyarrow as pa

PREFIX = "score_"


@dataclass(frozen=True)
class Predictions:
    """Scores of one task on one split."""

    outputs: tuple[str, ...]
    """The K outputs, in the order of the columns of the scores."""
    scores: Mapping[str, NDArray[np.float32]]
    """Track -> scores [N, K] of its frames in order; N is 1 for a track-level task."""
    frame_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Track -> official names of its frames; empty, or complete."""


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions in the order of their tracks; the same predictions give the same bytes.

    Raises ValueError when a shape does not fit the outputs.
    """
    import pyarrow.parquet as pq

    table = _table(predictions)
    with replace_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", use_dictionary=["track"], write_statistics=False)


def _table(predictions: Predictions) -> "pa.Table":
    import pyarrow as pa

    outputs = predictions.outputs
    scores = {track: np.asarray(values, dtype=np.float32) for track, values in predictions.scores.items()}
    for track, values in scores.items():
        if values.ndim != 2 or values.shape[1] != len(outputs):
            raise ValueError(f"scores of track {track!r} are {list(values.shape)}, expected [N, {len(outputs)}]")
    lengths = [len(values) for values in scores.values()]
    stacked = np.concatenate([np.empty((0, len(outputs)), np.float32), *scores.values()])
    frames = np.concatenate([np.empty(0, np.int32), *(np.arange(n, dtype=np.int32) for n in lengths)])
    tracks = pa.DictionaryArray.from_arrays(np.repeat(np.arange(len(scores)), lengths), pa.array(scores, pa.string()))
    columns: dict[str, Any] = {"track": tracks.cast(pa.string()), "frame": pa.array(frames)}
    if predictions.frame_names:
        names = [name for track in scores for name in predictions.frame_names[track]]
        if len(names) != len(frames):
            raise ValueError(f"{len(names)} frame names for {len(frames)} frames")
        columns["frame_name"] = pa.array(names, pa.string())
    columns |= {f"{PREFIX}{output}": np.ascontiguousarray(stacked[:, k]) for k, output in enumerate(outputs)}
    return pa.table(columns)


def read_predictions(path: Path, outputs: Sequence[str] | None = None) -> Predictions:
    """Return the predictions in a Parquet file, whatever the order of its rows.

    ``outputs`` names the outputs expected and fixes their order; without it the file's own are taken. A null score
    becomes NaN. Raises DataError when the file cannot be read, a column is missing, or a track's frames are not
    exactly 0 to N-1.
    """
    table = _read_table(path)
    found = tuple(name.removeprefix(PREFIX) for name in table.column_names if name.startswith(PREFIX))
    wanted = found if outputs is None else tuple(outputs)
    _check_columns(path, table, wanted)
    ids, rows = _rows_by_track(path, table)
    with np.errstate(over="ignore"):
        scores = np.stack([_floats(path, table, f"{PREFIX}{output}") for output in wanted], axis=1).astype(np.float32)
    names = table["frame_name"].to_pylist() if "frame_name" in table.column_names else None
    return Predictions(
        outputs=wanted,
        scores={track: scores[index] for track, index in zip(ids, rows, strict=True)},
        frame_names={t: [names[i] for i in index] for t, index in zip(ids, rows, strict=True)} if names else {},
    )


def read_score_rows(path: Path, outputs: Sequence[str]) -> tuple[list[str], NDArray[np.int64], NDArray[Any]]:
    """Return the track, the frame and the scores [N, K] of every row of a Parquet file as it stands.

    Scores are float32 where every column is no wider, else float64; a null becomes NaN. Raises DataError when the file
    cannot be read or a column is missing or of another type.
    """
    table = _read_table(path)
    _check_columns(path, table, outputs)
    ids, codes, frames = _keys(path, table)
    scores = np.stack([_floats(path, table, f"{PREFIX}{output}") for output in outputs], axis=1)
    return [ids[code] for code in codes.tolist()], frames, scores


def _check_columns(path: Path, table: "pa.Table", outputs: Sequence[str]) -> None:
    columns = ["track", "frame", *(f"{PREFIX}{output}" for output in outputs)]
    missing = [name for name in columns if table.column_names.count(name) != 1]
    if missing or not outputs:
        raise DataError(f"{path}: no column {', '.join(missing) or PREFIX + '<output>'}; it has {table.column_names}")


def _read_table(path: Path) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, partitioning=None)
        table.validate(full=True)  # a damaged file may hold text that is none, in cells or in names
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error})") from error
    return table


def _floats(path: Path, table: "pa.Table", column: str) -> NDArray[Any]:
    import pyarrow as pa

    kind = pa.float32() if table[column].type in (pa.float16(), pa.float32()) else pa.float64()
    try:
        values: NDArray[Any] = table[column].cast(kind, safe=False).to_numpy()
    except pa.ArrowException as error:
        raise DataError(f"{path}: column {column} holds {table[column].type}, expected numbers") from error
    return values


def _keys(path: Path, table: "pa.Table") -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return the tracks in order of appearance, and per row the number of its track and its frame."""
    import pyarrow as pa

    for name in ("track", "frame"):
        if table[name].null_count:
            raise DataError(f"{path}: column {name} holds nulls; every row names its track and frame")
    try:
        tracks = table["track"].cast(pa.string()).combine_chunks().dictionary_encode()
        frames = table["frame"].cast(pa.int64()).to_numpy()
    except pa.ArrowException as error:
        raise DataError(f"{path}: track must be text and frame a whole number ({error})") from error
    ids: list[str] = tracks.dictionary.to_pylist()
    return ids, tracks.indices.to_numpy(zero_copy_only=False).astype(np.int64), frames


def _rows_by_track(path: Path, table: "pa.Table") -> tuple[list[str], list[NDArray[np.intp]]]:
    """Return the tracks in order of appearance, and the rows of each in order of frame."""
    ids, codes, frames = _keys(path, table)
    order = np.lexsort((frames, codes))
    rows = np.split(order, np.searchsorted(codes[order], np.arange(1, len(ids)))) if ids else []
    for track, index in zip(ids, rows, strict=True):
        wrong = np.flatnonzero(frames[index] != np.arange(len(index)))
        if wrong.size:
            expected, found = int(wrong[0]), int(frames[index[wrong[0]]])
            raise DataError(
                f"{path}: track {track!r} has frame {found} where {expected} should follow; "
                "every frame from 0 stands in the file exactly once"
            )
    return ids, rows
