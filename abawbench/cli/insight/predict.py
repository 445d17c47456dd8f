"""``abawbench predict``: a stored run on videos that are in no database."""

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options
from abawbench.cli.insight.predict_live import show_live
from abawbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from abawbench.harness.video.predict import Watched

EPILOG = """\b
Examples:
  abawbench predict interview.mp4 --run runs/mnv4-tam/va/aff-wild2-seed0-0f3a0f3a --out interview.csv
      a row for each person and frame, with times
  abawbench predict clips/ --run runs --task expr --out clips.parquet --overlay drawn/
      every video of a folder, and copies with boxes and scores drawn over them
  abawbench predict clip.flv --run RUN --crop none
      whole frames and one track, as databases of videos give them
  abawbench predict interview.mp4 --run RUN --timeline interview.svg
      the scores of each person over time, as a picture
  abawbench predict /dev/video0 --run RUN --live
      a camera, frame by frame: in a window, or in lines of text where there is none; q or Ctrl-C ends it

Faces are found by YuNet where its file lies in the working folder or the cache, or where --detector names it, else by
MTCNN ('abawbench weights fetch faces --network'). A person keeps the number under which it appears first. A frame in
which a person's face is not found is predicted from the nearest, as in a run; the column face says so.

Exit status: 0 done, 2 wrong usage, or a video that cannot be read.
"""


@click.command(epilog=EPILOG)
@click.argument("videos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--run", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="The run whose network predicts.")  # fmt: skip
@click.option("--task", "-t", shell_complete=options.complete("task"), help="Which run, when --run holds several.")
@click.option("--weights", help="Where the weights lie that the run started from, when they came from a file.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A .csv or .parquet file to write.")
@click.option("--overlay", type=click.Path(file_okay=False, path_type=Path),
              help="A folder for copies with boxes and scores drawn over them.")  # fmt: skip
@click.option("--timeline", type=click.Path(dir_okay=False, path_type=Path),
              help="An .svg file for the scores of each person over time.")  # fmt: skip
@click.option("--live", is_flag=True, help="Show frames as they come, of a camera (/dev/video0), a pipe or a file.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="With --live: when to end.")
@click.option("--crop", type=click.Choice(["face", "aligned", "none"]), default="face", show_default=True,
              help="A square around each face, a face turned upright, or the whole frame.")  # fmt: skip
@click.option("--margin", type=click.FloatRange(0, 2), default=0.1, show_default=True,
              help="Around a face, of its longer side.")  # fmt: skip
@click.option("--detector", metavar="FILE|mtcnn", help="The file of YuNet, or mtcnn.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@options.network
@options.json_output
@options.quiet
def predict(
    videos: tuple[Path, ...], live: bool, seconds: float | None, network: bool, as_json: bool, quiet: bool, **given: Any
) -> int:
    """Find and follow the people of videos, and predict each by a stored run; say what each stage costs."""
    from abawbench import insight
    from abawbench.cli.progress import TerminalProgress
    from abawbench.system.network import network_refused

    if live or any(one.is_char_device() for one in videos):
        with network_refused(unless=network):
            return show_live(videos, seconds, as_json, given)
    if seconds is not None:
        raise UsageError("--seconds ends a live stream; add --live")
    with closing(TerminalProgress(quiet=quiet or as_json)) as progress, network_refused(unless=network):
        detector, found = insight.predict(videos, **given, progress=progress)
    if as_json:
        click.echo(json.dumps({"detector": detector, "videos": [_summary(one) for one in found]}, indent=2))
    else:
        click.echo(_report(detector, found, [given[name] for name in ("out", "overlay", "timeline")]))
    return 0


def _summary(one: "Watched") -> dict[str, Any]:
    return {
        "video": one.video,
        "frames": one.frames,
        "seconds": one.seconds,
        "frames_without_face": one.without_face,
        "people": [{"track": p.name, "first": p.first, "frames": len(p.boxes), "filled": p.filled} for p in one.people],
        "stage_seconds": vars(one.stages),
        "real_time_factor": one.real_time,
    }


def _report(detector: str, found: "list[Watched]", written: "list[Path | None]") -> str:
    from tabulate import tabulate

    from abawbench.system.text import plain

    rows = [
        (
            plain(one.video),
            one.frames,
            len(one.people),
            one.without_face,
            sum(p.filled for p in one.people),
            *(f"{1000 * s / max(one.frames, 1):.1f}" for s in vars(one.stages).values()),
            f"{one.real_time:.2f}",
        )
        for one in found
    ]
    headers = ("video", "frames", "people", "no face", "filled", "decode", "detect", "crop", "network", "real time")
    lines = [
        tabulate(rows, headers=headers, disable_numparse=True),
        "",
        f"stages in ms a frame; real time: seconds of work for a second of video; detector: {detector}",
    ]
    return "\n".join([*lines, *(plain(f"wrote {one}") for one in written if one)])
