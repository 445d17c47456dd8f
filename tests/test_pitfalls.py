"""Mistakes found in public code for reading, cutting into clips and scoring: each by its number, and none of them ours.

The numbers are those of section 12 of the notes on the ABAW protocols; those of metrics alone stand with the metrics.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sklearn.metrics import f1_score

from abawbench.contracts import DataError, Decided, LabelledTrack, Labels, Task, Track
from abawbench.harness.data.images import cut_windows, track_images
from abawbench.harness.learn.recipe import hold_out
from abawbench.harness.request.assumptions import count_frames
from abawbench.harness.request.databases import Databases, Sources
from abawbench.harness.request.protocol import OFFICIAL, Protocol
from abawbench.harness.request.splits import split_tracks
from abawbench.harness.score.frame_index import FrameIndex
from abawbench.harness.score.prediction_files import read_prediction_file, submission_of
from abawbench.harness.score.score_file import ScoreRequest, score_file
from abawbench.plugins import default_plugins
from abawbench.progress import Progress
from abawbench_plugins.databases import aff_wild2, bah, c_expr_db, hume_vidmimic2

PITFALLS = range(1, 18)
TRAIN = "8th_ABAW_Annotations/VA_Estimation_Challenge/Train_Set"
EXPR = TRAIN.replace("VA_Estimation", "EXPR_Recognition")
CLASSES = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other\n"


@pytest.fixture
def put(tmp_path: Path) -> Any:
    """Write a text below the root of a database, or an image that is as red as asked."""

    def write(path: str, content: str | int = 0) -> Path:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            target.write_text(content)
        else:
            cv2.imwrite(str(target), np.full((8, 8, 3), (0, 0, content), dtype=np.uint8))
        return target

    return write


def task(name: str) -> Task:
    built: Task = default_plugins().get("task", name).build()
    return built


def only(root: Path, label: str = "va") -> LabelledTrack:
    (found,) = aff_wild2.open_database([root]).tracks(label, "train")
    return found


def alone(found: Sequence[LabelledTrack]) -> list[Track]:
    return [one.track for one in found]


def test_every_pitfall_has_a_test_named_after_it() -> None:
    tests = Path(__file__).parent.rglob("test_*pitfalls.py")
    named = {int(n) for path in tests for n in re.findall(r"^def test_pitfall_(\d\d)_", path.read_text(), re.MULTILINE)}
    assert named == set(PITFALLS)


@pytest.mark.parametrize("n_frames", [1, 3, 4, 5, 9])
def test_pitfall_03_frames_that_pad_the_last_clip_are_not_counted_twice(n_frames: int) -> None:
    frames, real = cut_windows(n_frames, length=4, stride=4)
    assert np.bincount(frames[real], minlength=n_frames).tolist() == [1] * n_frames
    assert frames.size >= n_frames


def test_pitfall_03_a_frame_that_a_file_predicts_twice_is_refused(put: Any, tmp_path: Path) -> None:
    put(f"{TRAIN}/a.txt", "valence,arousal\n0,0\n0,1\n")
    twice = put("out.txt", "image_location,valence,arousal\na/00001.jpg,0,0\na/00002.jpg,0,0\na/00002.jpg,0,0\n")
    with pytest.raises(DataError, match=r"out.txt:4: a/00002.jpg is predicted a second time"):
        read_prediction_file(twice, task("va"), [only(tmp_path).track])


def test_pitfall_04_a_clip_holds_consecutive_frames_whatever_is_annotated_or_seen(put: Any, tmp_path: Path) -> None:
    put(f"{TRAIN}/a.txt", "valence,arousal\n" + "0.1,0\n-5,-5\n-5,-5\n0.2,0\n0.3,0\n0.4,0\n")
    for number in (1, 4, 6):
        put(f"cropped_aligned/a/{number:05d}.jpg")
    found = only(tmp_path)
    track = found.track
    assert track.n_frames == 6
    assert found.known.mask.tolist() == [True, False, False, True, True, True]
    frames, real = cut_windows(track.n_frames, 4, 4)
    assert all((np.diff(row[there]) == 1).all() for row, there in zip(frames, real, strict=True))
    assert track_images(track.frame_mask()).shows.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(("length", "stride"), [(4, 4), (4, 1), (5, 3), (300, 200)])
def test_pitfall_05_the_tail_of_a_track_is_in_a_clip(length: int, stride: int) -> None:
    for n_frames in (1, length - 1, length, length + 1, 3 * length + 2):
        frames, real = cut_windows(n_frames, length, stride)
        assert set(frames[real].tolist()) == set(range(n_frames))


def test_pitfall_06_the_row_after_the_header_labels_image_1_with_more_or_fewer_images(put: Any, tmp_path: Path) -> None:
    put(f"{TRAIN}/more.txt", "valence,arousal\n0.1,0\n0.2,0\n")
    put(f"{TRAIN}/fewer.txt", "valence,arousal\n0.1,0\n0.2,0\n0.3,0\n")
    for name, numbers in (("more", range(1, 6)), ("fewer", (2, 3))):
        for number in numbers:
            put(f"cropped_aligned/{name}/{number:05d}.jpg", 40 * number)
    fewer, more = aff_wild2.open_database([tmp_path]).tracks("va", "train")
    assert more.known.values[:, 0].tolist() == [0.1, 0.2]
    assert more.track.frames(np.arange(2))[0][:, 0, 0, 0].tolist() == pytest.approx([40, 80], abs=6)
    assert list(more.track.frame_names()) == ["more/00001.jpg", "more/00002.jpg"]
    assert fewer.track.frame_mask().tolist() == [False, True, True]
    assert fewer.track.frames(np.arange(3))[0][:, 0, 0, 0].tolist() == pytest.approx([0, 80, 120], abs=6)
    assert fewer.known.values[:, 0].tolist() == [0.1, 0.2, 0.3]


def test_pitfall_07_only_left_and_right_at_the_end_are_people(put: Any, tmp_path: Path) -> None:
    names = {"a": "a", "a_left": "a", "a_right": "a", "b_left_2": "b_left_2", "28-30-1280x720-2": "28-30-1280x720-2",
             "video86_3": "video86_3", "left": "left"}  # fmt: skip
    for name in names:
        put(f"{TRAIN}/{name}.txt", "valence,arousal\n0,0\n")
    tracks = aff_wild2.open_database([tmp_path]).tracks("va", "train")
    assert {track.id: track.subject for track in alone(tracks)} == names


def test_pitfall_08_ignore_codes_are_compared_as_numbers(put: Any, tmp_path: Path) -> None:
    put(f"{TRAIN}/a.txt", "valence,arousal\n-1.0,-5e-05\n-5.0,-5\n0.5,-0.5\n-5,0.2\n")
    labels = only(tmp_path).known
    assert labels.mask.tolist() == [True, False, True, False]
    assert labels.values[[0, 2]].tolist() == [[-1.0, -5e-05], [0.5, -0.5]]


def test_pitfall_09_rows_follow_the_template_and_not_the_order_of_names(put: Any, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        put(f"{TRAIN}/{name}.txt", "valence,arousal\n" + "0,0\n" * 2)
    tracks = alone(aff_wild2.open_database([tmp_path]).tracks("va", "train"))
    names = ["c/00002.jpg", "a/00001.jpg", "b/00001.jpg", "a/00002.jpg", "c/00001.jpg", "b/00002.jpg"]
    template = put("t.txt", "image_location,valence,arousal\n" + "".join(f"{name},0,0\n" for name in names))
    form = submission_of(task("va"))
    assert form is not None
    predictions = np.array([[0.1, 0.1], [0.1, 0.2], [0.2, 0.1], [0.2, 0.2], [0.3, 0.1], [0.3, 0.2]])  # a, b, c
    at = FrameIndex(task("va"), tracks, form).find(names)
    form.write(tmp_path / "out.txt", form.template(template), Decided(predictions[at]))
    assert (tmp_path / "out.txt").read_text().splitlines()[1:] == [
        "c/00002.jpg,0.3,0.2", "a/00001.jpg,0.1,0.1", "b/00001.jpg,0.2,0.1",
        "a/00002.jpg,0.1,0.2", "c/00001.jpg,0.3,0.1", "b/00002.jpg,0.2,0.2",
    ]  # fmt: skip
    found = read_prediction_file(tmp_path / "out.txt", task("va"), tracks)
    assert np.concatenate([track.decisions for track in found.tracks]).tolist() == predictions.tolist()


def test_pitfall_12_eight_names_in_the_header_and_one_index_in_the_row(put: Any, tmp_path: Path) -> None:
    put(f"{EXPR}/a.txt", f"{CLASSES}3\n7\n-1\n")
    labels = only(tmp_path, "expr").known
    assert (labels.values[:2].tolist(), labels.mask.tolist()) == ([3, 7], [True, True, False])
    for name in ("expr", "ce"):
        form = submission_of(task(name))
        assert form is not None
        assert form.header == ("image_location", *task(name).outputs)
        assert list(form.encode(Decided(np.array([0, 6])))) == ["0", "6"]
        wide = put("wide.txt", ",".join(form.header) + "\na/00001.jpg" + ",0" * len(task(name).outputs) + "\n")
        with pytest.raises(DataError, match=r"wide.txt:2: expected 1 value"):
            form.read(wide)


def test_pitfall_13_ids_keep_their_zeros_and_faces_sort_as_numbers(put: Any, tmp_path: Path) -> None:
    emotions = ",".join(hume_vidmimic2.EMOTIONS)
    put("train_split.csv", f"Filename,{emotions}\n00007,0,0,0,0,0,1\n8,0,0,0,0,0,0\n")
    for number in (10, 9, 1):
        put(f"face_images/00007/{number}.jpg", 20 * number)
    put("face_images/00008/1.jpg")
    first, second = alone(hume_vidmimic2.open_database([tmp_path]).tracks("emi", "train"))
    assert (first.id, second.id) == ("00007", "00008")
    assert first.frames(np.arange(3))[0][:, 0, 0, 0].tolist() == pytest.approx([20, 180, 200], abs=6)


def answers(put: Any, present: list[int]) -> None:
    """A package of BAH with one video, in the validation split."""
    video = "1/Visite 1/a b.mp4"
    put("default-split/val.txt", f"{video},1,well, no\n")
    rows = "".join(f'  - ["{video}/frame-{k}.jpg", {value}]\n' for k, value in enumerate(present))
    put("annotation.yml", f'"{video}":\n  frame_annotation:\n{rows}')


def test_pitfall_14_macro_f1_stands_beside_the_weighted_one(put: Any, tmp_path: Path) -> None:
    truth, gated = np.array([0] * 8 + [1] * 2), np.zeros(10, dtype=int)
    answers(put, truth.tolist())
    out = put("out.txt", "".join(f"1/Visite 1/a b.mp4/frame-{k}.jpg,{v}\n" for k, v in enumerate(gated)))
    found = scored(out, "ah", {"bah": (tmp_path,)})
    assert found.score.value == pytest.approx(f1_score(truth, gated, average="weighted"))
    assert found.score.parts["macro"].value == pytest.approx(f1_score(truth, gated, average="macro"))


def test_pitfall_14_a_file_in_a_stale_order_still_labels_the_frames_it_names(put: Any, tmp_path: Path) -> None:
    truth = [0, 0, 1, 1, 0, 1]
    answers(put, truth)
    rows = [f"1/Visite 1/a b.mp4/frame-{k}.jpg,{value}\n" for k, value in enumerate(truth)]
    out = put("out.txt", "".join(rows[k] for k in (5, 0, 3, 1, 4, 2)))
    assert scored(out, "ah", {"bah": (tmp_path,)}).score.value == 1.0


def scored(file: Path, name: str, roots: Any) -> Any:
    plugins = default_plugins()
    return score_file(file, ScoreRequest(task=name), plugins, Databases(plugins, Sources(roots), Progress()))


def test_pitfall_15_nothing_is_tuned_on_the_scored_split() -> None:
    class Person:
        def __init__(self, subject: str) -> None:
            self.id, self.subject, self.n_frames = subject, subject, 3

    labels = Labels(np.zeros(1, int), np.ones(1, bool))
    people: Any = [Person(f"p{i}") for i in range(10)]
    tracks = [LabelledTrack(person, labels) for person in people]
    (split,) = split_tracks(OFFICIAL, tracks[:6], tracks[6:])
    fitted, held_out = hold_out(split.fit, 0.5, seed=0)
    assert sorted(track.id for track in alone([*fitted, *held_out])) == [f"p{i}" for i in range(6)]
    assert list(split.fit) == tracks[:6]
    assert list(split.score) == tracks[6:]
    # a video's label is the larger of its two probabilities: there is no threshold to tune
    assert Protocol(thresholds="tuned").for_task(task("ah-video")).thresholds == "fixed"


def test_pitfall_16_the_template_decides_the_number_of_frames_not_the_decoded_video(put: Any, tmp_path: Path) -> None:
    header = "image_location," + ",".join(task("ce").outputs)
    rows = [f"{name}/{k:05d}.jpg,0" for name, n in (("05", 4), ("09", 2)) for k in range(1, n + 1)]
    put("CVPR_8th_ABAW_CE_test_set_sample.txt", "\n".join([header, *rows]) + "\n")
    for number in (1, 2, 3):  # what was decoded: one frame less than listed, and one more
        put(f"cropped_aligned/05/{number:05d}.jpg", 50 * number)
        put(f"cropped_aligned/09/{number:05d}.jpg", 50 * number)
    fifth, ninth = alone(c_expr_db.open_database([tmp_path]).tracks("ce", "test"))
    assert [*fifth.frame_names(), *ninth.frame_names()] == [row.split(",")[0] for row in rows]
    assert fifth.frame_mask().tolist() == [True, True, True, False]
    assert track_images(fifth.frame_mask()).shows.tolist() == [0, 1, 2, 2]
    assert ninth.frame_mask().tolist() == [True, True]


def test_pitfall_17_frames_without_a_face_count_unless_said_otherwise(put: Any, tmp_path: Path) -> None:
    put(f"{TRAIN}/a.txt", "valence,arousal\n" + "0.1,0\n" * 4)
    put("cropped_aligned/a/00002.jpg")
    found, va = only(tmp_path), task("va")
    (plain,) = count_frames([found], va, {})
    assert plain.known.mask.tolist() == [True] * 4
    (with_image,) = count_frames([found], va, {"counted-frames": "with-image"})
    assert with_image.known.mask.tolist() == [False, True, False, False]


def test_pitfall_17_bah_counts_every_annotated_frame(put: Any, tmp_path: Path) -> None:
    answers(put, [0, 1, 1])
    put("cropped-aligned-faces/1/Visite 1/a b.mp4/frame-0.jpg")
    (found,) = bah.open_database([tmp_path]).tracks("ah", "val")
    assert found.known.mask.tolist() == [True] * 3
    assert found.track.frame_mask().tolist() == [True, False, False]
