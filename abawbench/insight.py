"""What finished runs say beyond their value: the Python side of ``ensemble`` and its neighbours."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from abawbench.api import Data, as_paths, as_sources, sources_of
from abawbench.contracts.text import person_key
from abawbench.harness.request.databases import Databases
from abawbench.plugins import Plugins, default_plugins
from abawbench.progress import Progress

if TYPE_CHECKING:
    from abawbench.contracts import Track
    from abawbench.harness.combine.methods import Method
    from abawbench.harness.insight.calibration import Calibrated
    from abawbench.harness.insight.groups import ByAttribute
    from abawbench.harness.insight.power import Powered
    from abawbench.harness.insight.robustness import Robustness
    from abawbench.harness.stored.scored import ScoredRun
    from abawbench.harness.video.live import Seen, Show
    from abawbench.harness.video.predict import Watched
    from abawbench.records.record import Record

POSE = ("head-roll", "head-yaw")
"""Attributes that a detector of faces measures."""


def ensemble(
    runs: "str | Path | Sequence[str | Path]",
    out: str | Path,
    task: str | None = None,
    data: Data = None,
    *,
    method: "Method" = "mean",
    thresholds: str = "fixed",
    folds: int = 5,
    name: str | None = None,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "Record":
    """Combine stored runs of the same tracks, write the ensemble as a run to ``out`` and return its record.

    ``runs`` are run folders, or folders of runs of which those of ``task`` take part. What is fitted (weights,
    stacking, ``thresholds="tuned"``) is fitted out of fold by subject, and the record's score is the out-of-fold one.
    Raises UsageError for runs that do not belong together.
    """
    from abawbench.harness.stored.ensemble import Recipe, combine
    from abawbench.harness.stored.load import find_runs
    from abawbench.harness.stored.scored import load_scored

    plugins, progress = plugins or default_plugins(), progress or Progress()
    stored = [one for folder in as_paths(runs) for one in find_runs(folder, plugins, task)]
    databases = Databases(plugins, sources_of(stored[0].record, data), progress)
    members = [load_scored(one, databases) for one in progress.track(stored, "read runs", len(stored), "run")]
    recipe = Recipe(method=method, tuned=thresholds == "tuned", folds=folds, name=name)
    return combine(members, recipe, Path(out), progress)


def calibration(
    run: str | Path,
    task: str | None = None,
    data: Data = None,
    *,
    keep: bool = False,
    plugins: Plugins | None = None,
) -> "list[Calibrated]":
    """Return how far a run's scores can be taken as probabilities, for each part of its task that has some.

    Reliability, expected calibration error, Brier score and the risk at each coverage, with intervals over subjects.
    ``keep`` writes them beside the run, for the page. Raises UsageError for a task of values.
    """
    from abawbench.harness.insight.calibration import calibrate, record_of
    from abawbench.records.store import write_calibration

    scored = _scored(run, task, data, plugins)
    found = calibrate(scored)
    if keep:
        write_calibration(scored.run.folder, record_of(scored, found))
    return found


def groups(
    run: str | Path,
    task: str | None = None,
    data: Data = None,
    *,
    by: "str | Sequence[str]" = (),
    attributes: str | Path | None = None,
    size: int = 5,
    plugins: Plugins | None = None,
) -> "list[ByAttribute]":
    """Return a run's results by group of subjects and the largest gap between two groups, with its p-value.

    Attributes come from the database, or from ``attributes``, a table with the column subject (or track) and one for
    each; ``by`` chooses among them, ``track-length``, ``light``, ``face-size`` and, with a detector of faces,
    ``head-roll`` and ``head-yaw``. Groups of fewer than ``size`` subjects are not shown.
    """
    from abawbench.harness.insight.groups import results_by_group

    names = [by] if isinstance(by, str) else list(by)
    table = None if attributes is None else Path(attributes)
    return results_by_group(_scored(run, task, data, plugins), names, table, size, {n: partial(_pose, n) for n in POSE})


def power(
    task: str,
    runs: "str | Path | Sequence[str | Path]" = "runs",
    data: Data = None,
    *,
    differences: Sequence[float] = (0.01, 0.02, 0.05),
    plugins: Plugins | None = None,
) -> "list[Powered]":
    """Return what pairs of stored runs of a task say about power: the smallest difference seen, subjects needed.

    With ``data`` also what its validation split would show, by the number of its subjects. Only the stored statistics
    of tracks are read. Raises UsageError without two runs on the same tracks.
    """
    from abawbench.harness.insight.power import measure_power
    from abawbench.harness.stored.load import find_runs
    from abawbench.records.store import read_run_statistics

    plugins = plugins or default_plugins()
    found = [one for folder in as_paths(runs) for one in find_runs(folder, plugins, task)]
    known = [(one.folder, one.record, read_run_statistics(one.folder, one.record)) for one in found]
    subjects = None
    if data is not None:
        built = found[0].task
        _, database = Databases(plugins, as_sources(data), Progress()).for_split(built, "val")
        tracks = database.tracks(built.label, "val")
        subjects = len(
            {person_key(o.track.subject) for o in tracks if o.labels is not None and o.known.annotated.any()}
        )
    return measure_power(known, found[0].metric, differences, subjects)


def robustness(
    run: str | Path,
    task: str | None = None,
    data: Data = None,
    *,
    corruptions: Sequence[str] = (),
    severities: Sequence[int] = (),
    weights: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "Robustness":
    """Return what corruptions cost a run's network on the split that it scored, paired with the clean split.

    ``corruptions`` and ``severities`` (1 to 5) are all unless given; those of inputs that the model lacks are left out.
    Raises UsageError for unknown ones and for a run without a network.
    """
    from abawbench.harness.insight.corruptions import SEVERITIES
    from abawbench.harness.insight.robustness import measure_robustness

    scored = _scored(run, task, data, plugins, weights)
    return measure_robustness(scored, corruptions, severities or SEVERITIES, device, progress or Progress())


def predict(
    videos: "str | Path | Sequence[str | Path]",
    run: str | Path,
    task: str | None = None,
    *,
    out: str | Path | None = None,
    overlay: str | Path | None = None,
    timeline: str | Path | None = None,
    crop: str = "face",
    margin: float = 0.1,
    detector: str | None = None,
    weights: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    plugins: Plugins | None = None,
) -> "tuple[str, list[Watched]]":
    """Return the name of the face detector and what a run says of the people in videos, or in folders of them.

    ``out`` is a .csv or .parquet file for a row per person and frame, ``overlay`` a folder for copies with the scores
    drawn over them, ``timeline`` an SVG file of the scores over time. ``crop="aligned"`` turns faces upright,
    ``crop="none"`` takes whole frames. Raises UsageError and DataError as ``submit`` does.
    """
    from abawbench.harness.stored.load import find_run
    from abawbench.harness.video.decode import list_videos
    from abawbench.harness.video.predict import PredictRequest, predict_videos
    from abawbench.harness.video.timeline import write_timeline
    from abawbench.harness.video.write import check_table, draw_overlay, table_of, write_table

    if out is not None:
        check_table(Path(out))
    stored = find_run(Path(run), plugins or default_plugins(), task, weights)
    wanted = PredictRequest(crop=crop, margin=margin, detector=detector, device=device)
    progress = progress or Progress()
    name, found = predict_videos(stored, list_videos(list(as_paths(videos))), wanted, progress)
    if out is not None:
        write_table(Path(out), table_of(stored.task, found))
    if timeline is not None:
        write_timeline(Path(timeline), stored.task, found)
    if overlay is not None:
        Path(overlay).mkdir(parents=True, exist_ok=True)
        for one in progress.track(found, "draw", len(found), "video"):
            draw_overlay(Path(overlay) / f"{one.path.stem}.mp4", stored.task, one)
    return name, found


def live(
    source: str | Path,
    run: str | Path,
    show: "Show",
    task: str | None = None,
    *,
    seconds: float | None = None,
    crop: str = "face",
    margin: float = 0.1,
    detector: str | None = None,
    weights: str | None = None,
    device: str = "auto",
    plugins: Plugins | None = None,
) -> "Seen":
    """Predict the people of a camera, a pipe or a file frame by frame, and return what was seen and what it cost.

    ``show(frame, time, statements)`` is called for each frame and ends the stream by returning False. A camera is a
    device such as ``/dev/video0``; of its frames the newest is taken. Raises UsageError for a model that takes more
    than images.
    """
    from abawbench.harness.stored.load import find_run
    from abawbench.harness.video.live import watch_live
    from abawbench.harness.video.predict import PredictRequest

    stored = find_run(Path(run), plugins or default_plugins(), task, weights)
    wanted = PredictRequest(crop=crop, margin=margin, detector=detector, device=device)
    return watch_live(stored, Path(source), wanted, show, seconds)


def _pose(name: str, tracks: "Sequence[Track]") -> list[float | None]:
    """Return one of ``POSE`` of each track. Raises UsageError without a detector of faces."""
    from abawbench.harness.video.faces import find_detector
    from abawbench.harness.video.pose import measure_pose

    _, detect = find_detector()
    found = [measure_pose(track, detect) for track in tracks]
    return [None if one is None else getattr(one, name.removeprefix("head-")) for one in found]


def _scored(
    run: str | Path, task: str | None, data: Data, plugins: Plugins | None, weights: str | None = None
) -> "ScoredRun":
    """Return a run beside its labels."""
    from abawbench.harness.stored.load import find_run
    from abawbench.harness.stored.scored import load_scored

    plugins = plugins or default_plugins()
    stored = find_run(Path(run), plugins, task, weights)
    return load_scored(stored, Databases(plugins, sources_of(stored.record, data), Progress()))
