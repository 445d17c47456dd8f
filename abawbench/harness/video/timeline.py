"""What a run says of a video over time, as a picture (SVG): a strip of lines for each person."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from abawbench.contracts import Task
from abawbench.harness.video.predict import Shown, Watched
from abawbench.system.files import replace_file

WIDTH, HEIGHT, LEFT, TOP, BETWEEN = 760, 120, 60, 34, 46
POINTS = 600
"""Places in time that a line has at most."""
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22",
           "#393b79", "#637939")  # fmt: skip
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)


def write_timeline(path: Path, task: Task, videos: Sequence[Watched]) -> None:
    """Write a strip for each person of each video: a line for each output over the seconds of the video.

    Grey below a strip: the face was not found. A task that predicts whole tracks has a bar for each output.
    """
    low, high = _range(task, videos)
    parts, y = _legend(task), TOP + 18 * (1 + len(task.outputs) // 6)
    for video in videos:
        for person in video.people:
            parts += _strip(task, video, person, y, (low, high))
            y += HEIGHT + BETWEEN
    if not any(video.people for video in videos):
        parts.append(_text(LEFT, y, "no face was found"))
    wide, high_ = LEFT + WIDTH + 20, y + 10
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high_}" viewBox="0 0 {wide} {high_}" '
    style = 'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
    with replace_file(path) as temporary:
        temporary.write_text("\n".join([head + style, *parts, "</svg>"]) + "\n", encoding="utf-8")


def _range(task: Task, videos: Sequence[Watched]) -> tuple[float, float]:
    if task.kind != "regression":
        return 0.0, 1.0
    if task.ranges is not None:
        return task.ranges
    values = [float(v) for video in videos for one in video.people for v in (one.scores.min(), one.scores.max())]
    return (min(values), max(values)) if values and min(values) < max(values) else (0.0, 1.0)


def _legend(task: Task) -> list[str]:
    found = []
    for k, output in enumerate(task.outputs):
        x, y = LEFT + 128 * (k % 6), 20 + 18 * (k // 6)
        found.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{_colour(k)}"/>')
        found.append(_text(x + 14, y, output))
    return found


def _strip(task: Task, video: Watched, person: Shown, y: float, ends: tuple[float, float]) -> list[str]:
    low, high = ends
    seconds = max(video.seconds, 1e-6)

    def x(time: float) -> float:
        return round(LEFT + WIDTH * time / seconds, 1)

    def level(score: float) -> float:
        return round(y + HEIGHT * (1 - (min(max(score, low), high) - low) / (high - low)), 1)

    found = [
        _text(LEFT, y - 6, f"{video.video}, {person.name.rpartition('/')[2]}"),
        f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#bbb"/>',
        _text(LEFT - 6, y + 10, f"{high:g}", "end"),
        _text(LEFT - 6, y + HEIGHT, f"{low:g}", "end"),
    ]
    step = next((one for one in TICKS if seconds / one <= 12), seconds / 10)
    found += [
        _text(x(at), y + HEIGHT + 18, f"{at:g} s", "middle") for at in np.arange(0, seconds + 1e-9, step).tolist()
    ]
    if task.level == "track":
        wide = WIDTH / len(task.outputs)
        for k, score in enumerate(person.scores[0].tolist()):
            top = level(score)
            place = f'x="{LEFT + k * wide + 2:.1f}" y="{top}" width="{wide - 4:.1f}" height="{y + HEIGHT - top:.1f}"'
            found.append(f'<rect {place} fill="{_colour(k)}"/>')
        return found
    end = video.seconds / max(video.frames, 1)
    for time, box in zip(person.times.tolist(), person.boxes, strict=True):
        if box is None and any(one is not None for one in person.boxes):
            found.append(
                f'<rect x="{x(time)}" y="{y + HEIGHT}" width="{max(x(end) - LEFT, 0.5):.1f}" height="5" fill="#999"/>'
            )
    rows = np.unique(np.linspace(0, len(person.scores) - 1, min(POINTS, len(person.scores))).astype(int)).tolist()
    for k in range(len(task.outputs)):
        points = " ".join(f"{x(float(person.times[row]))},{level(float(person.scores[row, k]))}" for row in rows)
        found.append(f'<polyline points="{points}" fill="none" stroke="{_colour(k)}" stroke-width="1.5"/>')
    return found


def _colour(k: int) -> str:
    return COLOURS[k % len(COLOURS)]


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
