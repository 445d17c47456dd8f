"""What a run says of videos, as a table with times, and drawn over the video."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from abawbench.contracts import Task, UsageError
from abawbench.harness.video.decode import decode, frame_rate
from abawbench.harness.video.predict import Shown, Watched
from abawbench.system.files import replace_file

BOX = ("left", "top", "width", "height")


def table_of(task: Task, watched: Sequence[Watched]) -> dict[str, list[Any]]:
    """Return the columns: a row for each person and frame, or for each person of a task that predicts whole tracks.

    ``track`` and ``frame`` (from 0, of the track) and ``score_<output>`` are those that ``score`` reads;
    ``video_frame``, ``time``, the box and whether a face was found stand beside them.
    """
    names = ["video", "track", "frame", "video_frame", "time", *BOX, "face", *(f"score_{o}" for o in task.outputs)]
    columns: dict[str, list[Any]] = {name: [] for name in [*names, *_decisions(task)]}
    for one in watched:
        for person in one.people:
            for row, scores in enumerate(person.scores.tolist()):
                box = person.boxes[row] if task.level == "frame" else None
                values = [one.video, person.name, row, person.first + row, round(float(person.times[row]), 6)]
                values += [None if box is None else round(getattr(box, side), 2) for side in BOX]
                values += [task.level == "track" or box is not None, *scores, *_decided(task, person, row)]
                for column, value in zip(columns.values(), values, strict=True):
                    column.append(value)
    return columns


def _decisions(task: Task) -> list[str]:
    if task.kind == "multiclass":
        return ["class"]
    return list(task.outputs) if task.kind == "multilabel" else []


def _decided(task: Task, person: Shown, row: int) -> list[Any]:
    if task.kind == "multiclass":
        return [task.outputs[int(person.decisions[row])]]
    return [int(one) for one in person.decisions[row]] if task.kind == "multilabel" else []


def write_table(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns to a .parquet or .csv file. Raises UsageError for another ending."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    check_table(path)
    table = pa.table(dict(columns))
    with replace_file(path) as temporary:
        if path.suffix.lower() == ".csv":
            pa.csv.write_csv(table, temporary)
        else:
            pa.parquet.write_table(table, temporary, compression="zstd")


def check_table(path: Path) -> None:
    """Raise UsageError for a file that ends in neither .parquet nor .csv."""
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise UsageError(f"{path}: a table ends in .parquet or .csv")


def draw_overlay(out: Path, task: Task, watched: Watched) -> None:
    """Write a video with the box, the number and the strongest scores of each person, in H.264 or MPEG-4, silent."""
    import av
    import cv2

    with replace_file(out) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream: Any = None
        for at, (time, frame) in enumerate(decode(watched.path)):
            if stream is None:
                rate = frame_rate(np.linspace(0, watched.seconds, watched.frames + 1))
                stream = container.add_stream(codec, rate=Fraction(rate).limit_denominator(1001))
                stream.width, stream.height = frame.shape[1] // 2 * 2, frame.shape[0] // 2 * 2
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = Fraction(1, 90_000)
            image = np.ascontiguousarray(frame[: stream.height, : stream.width])
            for person in watched.people:
                _draw(cv2, image, task, person, at)
            drawn = av.VideoFrame.from_ndarray(image, format="rgb24")
            drawn.pts, drawn.time_base = round(time * 90_000), Fraction(1, 90_000)
            container.mux(stream.encode(drawn))
        if stream is not None:
            container.mux(stream.encode(None))


def _draw(cv2: Any, image: Any, task: Task, person: Shown, at: int) -> None:
    row = at - person.first
    if not 0 <= row < len(person.boxes):
        return
    box = person.boxes[row]
    scores = person.scores[min(row, len(person.scores) - 1)]
    order = range(len(scores)) if task.kind == "regression" else np.argsort(-scores)[:2].tolist()
    lines = [person.name.rpartition("/")[2], *(f"{task.outputs[k]} {scores[k]:.2f}" for k in order)]
    left, top = (10, 10) if box is None else (int(box.left), int(box.top))
    if box is not None:
        corner = int(box.left + box.width), int(box.top + box.height)
        cv2.rectangle(image, (left, top), corner, (255, 220, 0), 2)
    for k, line in enumerate(lines):
        place = (left + 3, top + 16 + 16 * k)
        cv2.putText(image, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(image, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
