"""The score of a file: every annotated frame, or a stated rule; a run gives its stored value or says why not."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import abawbench
from abawbench.contracts import DataError, UsageError
from abawbench.records import store
from abawbench.records.scored_file import ScoredFile

HEADER = "image_location,red,green,blue\n"


@pytest.fixture
def colours(toys, toy_database, monkeypatch: pytest.MonkeyPatch):
    """The toy plugins, whose task has an official file here."""
    import sys

    module = sys.modules["abawbench_toy"]
    original = module.toy_task

    def with_form():
        from dataclasses import replace

        return replace(original(), submission="abawbench_plugins.tasks.submissions:frames")

    monkeypatch.setattr(module, "toy_task", with_form)
    return toys


@pytest.fixture
def score(colours):
    def call(path: Path, task: str | None = "colour", **given) -> ScoredFile:
        return abawbench.score(path, task, {"toy": ()}, plugins=colours, **given)

    return call


@pytest.fixture
def tracks(toy_database):
    return [one.track for one in toy_database.tracks("colour", "val")]


def guesses(tracks, wrong: int = 3) -> dict[str, np.ndarray]:
    """The labels, every so many frames another class."""
    return {t.id: np.where(np.arange(t.n_frames) % wrong == 0, (t.classes + 1) % 3, t.classes) for t in tracks}


def official(path: Path, tracks, classes: dict[str, np.ndarray], keep=lambda track, frame: True) -> Path:
    rows = [f"{t.id}/{i + 1:05d}.jpg,{c}" for t in tracks for i, c in enumerate(classes[t.id]) if keep(t.id, i)]
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def annotated(track, frame: int) -> bool:
    return frame % 7 != 6


def test_the_same_predictions_score_the_same_in_every_form(score, tracks, tmp_path: Path) -> None:
    classes = guesses(tracks)
    folder = tmp_path / "per-track"
    folder.mkdir()
    for track in tracks:
        (folder / f"{track.id}.txt").write_text("red,green,blue\n" + "\n".join(map(str, classes[track.id])))
    keys = [(t.id, i) for t in tracks for i in range(t.n_frames)]
    chosen = np.concatenate([classes[t.id] for t in tracks])
    onehot = np.eye(3)[chosen]
    columns = {f"score_{name}": onehot[:, k] for k, name in enumerate(("red", "green", "blue"))}
    pq.write_table(
        pa.table({"track": [k[0] for k in keys], "frame": [k[1] for k in keys], **columns}), tmp_path / "p.parquet"
    )
    (tmp_path / "p.csv").write_text(
        "track,frame,class\n" + "\n".join(f"{t},{i},{c}" for (t, i), c in zip(keys, chosen, strict=True))
    )
    paths = [official(tmp_path / "p.txt", tracks, classes), folder, tmp_path / "p.parquet", tmp_path / "p.csv"]
    found = [score(path) for path in paths]
    assert [one.form for one in found] == ["official", "one file per track", "Parquet", "CSV"]
    assert len({one.score.value for one in found}) == 1
    assert 0.5 < found[0].score.value < 0.8
    assert found[0].score.interval.low < found[0].score.value < found[0].score.interval.high
    assert set(found[0].score.parts) == {"red", "green", "blue"}
    assert found[0].floor.value < found[0].score.value
    assert found[0].coverage == 1


def test_a_perfect_file_scores_1(score, tracks, tmp_path: Path) -> None:
    assert score(official(tmp_path / "p.txt", tracks, {t.id: t.classes for t in tracks})).score.value == 1


def test_missing_annotated_frames_are_listed_and_frames_without_label_need_no_prediction(
    score, tracks, tmp_path: Path
) -> None:
    whole = official(tmp_path / "whole.txt", tracks, guesses(tracks), annotated)
    assert score(whole).coverage == 1
    some = official(tmp_path / "some.txt", tracks, guesses(tracks), lambda track, frame: frame > 2)
    with pytest.raises(
        DataError,
        match=r"some.txt: 15 annotated frames have no prediction: val0/00001.jpg, .* and 5 more; .*--missing nearest",
    ):
        score(some)
    one = official(tmp_path / "one.txt", tracks, guesses(tracks), lambda track, frame: (track, frame) != ("val3", 1))
    with pytest.raises(DataError, match=r"1 annotated frames have no prediction: val3/00002.jpg; "):
        score(one)


def test_missing_frames_take_the_nearest_prediction_and_are_counted(score, tracks, tmp_path: Path) -> None:
    classes = {t.id: t.classes for t in tracks}
    path = official(tmp_path / "p.txt", tracks, classes, lambda track, frame: frame % 3 == 1)
    found = score(path, missing="nearest")
    filled = {
        t.id: t.classes[np.clip(np.arange(t.n_frames) // 3 * 3 + 1, None, (t.n_frames - 2) // 3 * 3 + 1)]
        for t in tracks
    }
    assert found.score == score(official(tmp_path / "q.txt", tracks, filled)).score
    given = sum(i % 3 == 1 and annotated(t, i) for t in tracks for i in range(t.n_frames))
    total = sum(annotated(t, i) for t in tracks for i in range(t.n_frames))
    assert (found.predicted_frames, found.filled_frames, found.missing) == (given, total - given, "nearest")
    assert found.coverage == given / total


def test_scores_are_interpolated_and_classes_refuse_to_be(score, tracks, tmp_path: Path) -> None:
    rows = [f"{t.id},{i},{i},{12 - i},5" for t in tracks for i in (0, t.n_frames - 1)]
    path = tmp_path / "p.csv"
    path.write_text("track,frame,score_red,score_green,score_blue\n" + "\n".join(rows))
    line = {t.id: np.array([0 if i >= 6 and i >= 12 - i else 1 for i in range(t.n_frames)]) for t in tracks}
    assert score(path, missing="interpolate").score == score(official(tmp_path / "q.txt", tracks, line)).score
    some = official(tmp_path / "some.txt", tracks, guesses(tracks), lambda track, frame: frame > 2)
    with pytest.raises(UsageError, match="cannot be interpolated; use --missing nearest"):
        score(some, missing="interpolate")


def test_a_track_without_any_prediction_cannot_be_filled(score, tracks, tmp_path: Path) -> None:
    path = official(tmp_path / "p.txt", tracks, guesses(tracks), lambda track, frame: track != "val2")
    with pytest.raises(DataError, match="track 'val2' has no prediction at all"):
        score(path, missing="nearest")


def test_what_cannot_be_scored_says_why(score, tracks, tmp_path: Path) -> None:
    path = official(tmp_path / "p.txt", tracks, guesses(tracks))
    with pytest.raises(UsageError, match=r"no database given has a split 'test' of task 'colour'.*train, val"):
        score(path, split="test")
    with pytest.raises(UsageError, match="say which task it predicts with --task"):
        score(path, None)
    with pytest.raises(UsageError, match="did you mean colour"):
        score(path, "color")
    with pytest.raises(UsageError, match="unknown rule 'guess'"):
        score(path, missing="guess")


@pytest.fixture
def run(colours, tmp_path: Path) -> Path:
    (record,) = abawbench.run(
        "toy",
        "colour",
        {"toy": ()},
        settings={"epochs": 2},
        machine=abawbench.Machine(device="cpu", latency_seconds=0),
        out=tmp_path / "runs",
        plugins=colours,
    )
    return store.folder_of(tmp_path / "runs", record)


@pytest.mark.slow
def test_a_run_gives_its_stored_value_and_its_predictions_as_a_file_give_it_too(score, run: Path) -> None:
    record = store.read(run)
    found = score(run, None)
    assert found.score == record.score
    assert found.stored_value == record.score.value
    assert score(run / store.PREDICTIONS).score == record.score


@pytest.mark.slow
def test_the_digest_of_the_scored_tracks_can_be_made_by_anyone(run: Path, tracks) -> None:
    lines = "".join(f"{name}\n" for name in sorted(track.id for track in tracks))
    assert store.read(run).database.tracks_sha256 == hashlib.sha256(lines.encode()).hexdigest()


def rewritten(run: Path, **changes) -> None:
    """Change the record of a run, predictions and digests included."""
    result = json.loads((run / store.RESULT).read_text())
    for path, value in changes.items():
        *inner, last = path.split("__")
        target = result
        for key in inner:
            target = target[key]
        target[last] = value
    result["seal"] = None
    (run / store.RESULT).write_text(json.dumps(result))


@pytest.mark.slow
def test_a_run_whose_value_does_not_come_out_is_refused(score, run: Path) -> None:
    rewritten(run, score__value=0.987)
    with pytest.raises(DataError, match=r"the record says 0.987; the annotation files are the same"):
        score(run)


@pytest.mark.slow
def test_a_run_on_other_labels_says_which_options_are_missing(score, run: Path) -> None:
    rewritten(run, database__fingerprint="f" * 64, score__value=0.987)
    with pytest.raises(
        DataError, match=r"are not those of the run .fingerprint toy, not ffff.*--preset and --data-seed"
    ):
        score(run)


@pytest.mark.slow
def test_an_edited_record_without_seal_is_not_verified(score, run: Path) -> None:
    assert score(run).notes == ()
    rewritten(run)
    assert score(run).notes == ("the record has no seal: its value was verified, and nothing else that it says",)
    for edit in ({"score__metric": "pearson"}, {"database__synthetic": False}, {"database__name": "aff-wild2"}):
        rewritten(run, **edit)
        (what,) = edit.values()
        with pytest.raises((DataError, UsageError), match=what if isinstance(what, str) else "says data real"):
            score(run)
        rewritten(run, score__metric="macro-f1", database__synthetic=True, database__name="toy")
    rewritten(run, database__fingerprint="f" * 64)
    assert "although the annotation files of 'toy' are not those of the run" in score(run).notes[1]


@pytest.mark.slow
def test_a_run_on_other_tracks_is_refused(score, run: Path) -> None:
    rewritten(run, database__tracks_sha256="0" * 64)
    with pytest.raises(DataError, match="the run scored other tracks than 'toy' has"):
        score(run)


@pytest.mark.slow
def test_predictions_that_changed_since_are_refused(score, run: Path) -> None:
    (run / store.PREDICTIONS).write_bytes((run / store.PREDICTIONS).read_bytes() + b" ")
    with pytest.raises(DataError, match="not the file that the record"):
        score(run)


@pytest.mark.slow
def test_a_run_of_another_task_is_not_scored_as_this_one(score, run: Path) -> None:
    with pytest.raises(UsageError, match="a run of task 'colour', not 'va'"):
        score(run, "va")
