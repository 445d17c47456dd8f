"""Runs as tables and as pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import abawbench as ab
from abawbench.plugins import Plugins
from abawbench.records.record import Record
from abawbench.records.scores import Confusion, PartScore, Score
from abawbench.records.store import read, write, write_failed

MakeRun = Callable[..., Path]


def test_a_row_is_a_result_a_part_or_a_track(make_run: MakeRun, tmp_path: Path) -> None:
    for name in ("one", "other"):
        make_run(f"runs/{name}", model=name, noise=0.2 if name == "one" else 0.4)
    results = ab.read(tmp_path / "runs").to_pandas()
    assert list(results["model"]) == ["one", "other"]
    assert results["value"][0] > results["value"][1]
    assert results["parameters"].dtype == "int64"
    assert results["joules_per_clip"].isna().all()
    tracks = ab.read(tmp_path / "runs", "tracks")
    assert tracks.num_rows == 48
    assert {"track", "subject", "value", "folder"} <= set(tracks.column_names)
    assert ab.read(tmp_path / "runs", "parts").num_rows == 0


def test_parts_have_their_names_and_failed_runs_no_parts(make_record: Callable[..., Record], tmp_path: Path) -> None:
    write(tmp_path / "a", make_record(score=Score(metric="m", value=0.5, parts={"AU1": PartScore(value=0.25)})))
    write_failed(tmp_path / "b", make_record(status="failed", reason="no memory", score=None))
    assert ab.read(tmp_path, "parts").to_pylist()[0]["part"] == "AU1"
    assert ab.read(tmp_path).to_pandas()["reason"].tolist()[1] == "no memory"


def test_a_folder_without_runs_and_unknown_rows_are_refused(make_run: MakeRun, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ab.UsageError, match="no run at or below"):
        ab.read(tmp_path / "empty")
    with pytest.raises(ab.UsageError, match="results, parts or tracks"):
        ab.read(make_run("runs/one"), "frames")  # type: ignore[arg-type]


def test_pictures_show_runs_their_tracks_and_confusions(make_run: MakeRun, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = make_run("runs/one", model="one")
    make_run("runs/other", model="other", noise=0.5)
    figure = ab.plot.intervals(tmp_path / "runs")
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["other seed 0", "one seed 0"]
    assert "va, edition 8" in ab.plot.pareto(tmp_path / "runs").axes[0].get_title()
    assert len(ab.plot.tracks(run, most=10).axes[0].patches) == 10
    with pytest.raises(ab.UsageError, match="no confusion matrix"):
        ab.plot.confusion(run)
    record = read(run)
    assert record.score is not None
    confusion = Confusion(classes=("calm", "cross"), counts=((8, 2), (1, 9)))
    write(tmp_path / "c", record.model_copy(update={"score": record.score.model_copy(update={"confusion": confusion})}))
    drawn = ab.plot.confusion(tmp_path / "c").axes[0]
    assert [text.get_text() for text in drawn.texts] == ["8", "2", "1", "9"]
    with pytest.raises(ab.UsageError, match="one is drawn"):
        ab.plot.tracks(tmp_path / "runs")


@pytest.mark.slow
def test_predictions_are_drawn_over_the_labels_of_a_track(toys: Plugins, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (record,) = ab.run(
        "toy", "colour", {"toy": ()}, machine=ab.Machine(latency_seconds=0), out=tmp_path / "runs", plugins=toys
    )
    assert record.status == "ok", record.reason
    (run,) = (tmp_path / "runs" / "toy" / "colour").iterdir()
    figure = ab.plot.track_over_time(run, "val1", {"toy": ()}, plugins=toys)
    assert [axes.get_ylabel() for axes in figure.axes] == ["red", "green", "blue"]
    label, prediction = figure.axes[0].lines
    assert len(label.get_xdata()) == len(prediction.get_xdata())
    assert np.isnan(np.asarray(label.get_ydata(), dtype=float)).any()
    with pytest.raises(ab.UsageError, match="no scored track 'nobody'"):
        ab.plot.track_over_time(run, "nobody", {"toy": ()}, plugins=toys)
    with pytest.raises(ab.UsageError, match="no output 'pink'"):
        ab.plot.track_over_time(run, data={"toy": ()}, outputs=["pink"], plugins=toys)
