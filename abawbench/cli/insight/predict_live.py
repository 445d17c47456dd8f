"""``abawbench predict --live``: a window where there is one, else a line for each prediction."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from abawbench.harness.video.live import Seen, Show, Statement

WINDOW = "abawbench"


def show_live(sources: Sequence[Path], seconds: float | None, as_json: bool, given: dict[str, Any]) -> int:
    """Show a stream until it ends, and say what it cost; with JSON each prediction is a line. Ctrl-C ends it too."""
    from abawbench import insight

    if len(sources) != 1:
        raise UsageError("a live stream is one camera, pipe or file; name one")
    if written := [f"--{name}" for name in ("out", "overlay", "timeline") if given.pop(name)]:
        raise UsageError(f"a live stream writes no file; leave {', '.join(written)} out, or --live")
    window = None if as_json else open_window()
    show, close = window or (_print_json if as_json else _print_text, _close_nothing)
    try:
        seen = insight.live(sources[0], show=show, seconds=seconds, **given)
    finally:
        close()
    click.echo(json.dumps({"stream": _summary(seen)}) if as_json else _report(seen))
    return 0


def open_window() -> "tuple[Show, Callable[[], None]] | None":
    """Return what shows a frame in a window and what closes it; None without a display or an OpenCV with windows."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    import cv2

    try:
        cv2.namedWindow(WINDOW)
    except cv2.error:  # the headless build
        return None

    def show(frame: Any, time: float, said: "Sequence[Statement]") -> bool:
        image = frame[..., ::-1].copy()
        for one in said:
            left, top = (8, 8) if one.box is None else (int(one.box.left), int(one.box.top))
            if one.box is not None:
                corner = int(one.box.left + one.box.width), int(one.box.top + one.box.height)
                cv2.rectangle(image, (left, top), corner, (0, 220, 255), 2)
            text = f"{one.person}: {_text(one)}"
            cv2.putText(image, text, (left, max(top - 6, 14)), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
        cv2.imshow(WINDOW, image)
        return cv2.waitKey(1) & 0xFF != ord("q")

    return show, cv2.destroyAllWindows


def _close_nothing() -> None:
    """There is no window."""


def _print_text(frame: Any, time: float, said: "Sequence[Statement]") -> bool:
    for one in said:
        if one.new:
            click.echo(f"{time:8.2f} s  person {one.person}: {_text(one)}")
    return True


def _print_json(frame: Any, time: float, said: "Sequence[Statement]") -> bool:
    for one in said:
        if one.new:
            click.echo(json.dumps({"time": round(time, 6), "person": one.person, **dict(one.strongest)}))
    return True


def _text(one: "Statement") -> str:
    from abawbench.system.text import plain

    return plain(", ".join(f"{output} {score:.2f}" for output, score in one.strongest)) or "..."


def _summary(seen: "Seen") -> dict[str, Any]:
    return asdict(seen) | {"frames_a_second": seen.frames / seen.seconds if seen.seconds else None}


def _report(seen: "Seen") -> str:
    costs = ", ".join(f"{name} {1000 * s / max(seen.frames, 1):.1f}" for name, s in vars(seen.stages).items())
    return (
        f"{seen.frames} frames in {seen.seconds:.1f} s, {seen.dropped} dropped, {seen.people} people, "
        f"{seen.predictions} predictions; ms a frame: {costs}; detector: {seen.detector}"
    )
