"""BAH in the ABAW8 package: frames from 0, folders that end in .mp4, spaces and commas where they hurt."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abawbench.contracts.errors import DataError
from abawbench_plugins.databases.bah import open_database

TRAIN = "ABAW-8th-BAH-train-data"
TEST = "ABAW-8th-BAH-test-data"
VIDEO = "82557/Visite 1/82557_Question_1_2024-08-22 14-46-11_Video.mp4"
OTHER = "90001/Visite_1/90001_Question_2-DESKTOP-AB12.mp4"


def annotation(frames: dict[str, list[tuple[int, object]]]) -> str:
    """The big YAML file: videos to (frame number, label) rows."""
    lines = []
    for video, rows in frames.items():
        lines += [f'"{video}":', "  global_ah: 1", "  frame_annotation:"]
        lines += [f'  - ["{video}/frame-{number}.jpg", {value}]' for number, value in rows]
        lines += ["  fr_detailed_ah: !!python/tuple [1, 2]", "  time_detailed_ah: []"]
    return "\n".join(lines) + "\n"


@pytest.fixture
def train(disk: Any) -> Any:
    disk.put(f"{TRAIN}/default-split/train.txt", f"{VIDEO},1,well, I want to, but\n{OTHER},0,no\n")
    disk.put(f"{TRAIN}/annotation.yml", annotation({VIDEO: [(0, 0), (10, 1), (9, 1)], OTHER: [(0, 0)]}))
    disk.images(f"{TRAIN}/cropped-aligned-faces/{VIDEO}", "frame-0.jpg", content=disk.jpeg(20, 0, 0))
    disk.images(f"{TRAIN}/cropped-aligned-faces/{VIDEO}", "frame-10.jpg", content=disk.jpeg(240, 0, 0))
    disk.images(f"{TRAIN}/cropped-aligned-faces/{OTHER}", "frame-0.jpg")
    return disk


def test_frames_count_from_zero_and_sort_as_numbers(train: Any) -> None:
    database = open_database([train.root])
    assert database.splits("ah") == ["train"]
    one, other = database.tracks("ah", "train")
    assert (one.track.id, one.track.subject, one.track.rate, one.track.n_frames) == (VIDEO, "82557", 24, 3)
    assert list(one.track.frame_names()) == [f"{VIDEO}/frame-{k}.jpg" for k in (0, 9, 10)]
    labels = one.known
    assert labels.values.tolist() == [0, 1, 1]
    assert labels.mask.all()
    assert one.track.frame_mask().tolist() == [True, False, True]
    images, mask = one.track.frames(np.arange(3))
    assert images[:, 0, 0, 0].tolist() == pytest.approx([20, 0, 240], abs=6)
    assert mask.tolist() == [True, False, True]
    assert (other.track.id, other.track.subject) == (OTHER, "90001")
    assert all("are assumed" in problem.what for problem in database.problems.items)


def test_a_package_itself_can_be_the_root(train: Any) -> None:
    track = open_database([train.root / TRAIN]).tracks("ah", "train")[0].track
    files = track.frame_files()
    assert files[0] is not None
    assert files[0][0] == f"cropped-aligned-faces/{VIDEO}/frame-0.jpg"


def test_split_lines_are_cut_at_the_first_two_commas_only(train: Any) -> None:
    one, other = open_database([train.root]).tracks("ah", "train")
    assert one.track.text() == "well, I want to, but"
    assert other.track.text() == "no"


def test_the_transcript_file_comes_before_the_split_line(train: Any) -> None:
    stem = Path(VIDEO).name.removesuffix(".mp4")
    path = train.put(f"{TRAIN}/transcription/{VIDEO}/{stem}.yml", "text: 'yes: and, no'\ntimestamps: [[yes, 0, 1]]\n")
    database = open_database([train.root])
    track = database.tracks("ah", "train")[0].track
    assert track.text() == "yes: and, no"
    assert pickle.loads(pickle.dumps(track)).text() == "yes: and, no"
    path.write_text("text: [unclosed")
    assert track.text() == "well, I want to, but"
    (problem,) = database.problems.items
    assert "is not valid YAML" in problem.what


@pytest.mark.parametrize("place", [f"{TEST}/submissions", "submissions"])
def test_the_template_gives_the_test_frames(disk: Any, place: str) -> None:
    disk.put(f"{place}/trial-1.txt", f"{VIDEO}/frame-0.jpg,0\n{VIDEO}/frame-2.jpg,0\n{OTHER}/frame-0.jpg,1\n")
    disk.images(f"{TEST}/cropped-aligned-faces/{VIDEO}", "frame-0.jpg", "frame-1.jpg")
    disk.images(f"{TEST}/cropped-aligned-faces/{OTHER}", "frame-0.jpg")
    disk.put(f"{TEST}/transcription/{OTHER}/{Path(OTHER).stem}.yml", "text: spoken\n")
    database = open_database([disk.root])
    assert database.splits("ah") == ["test"]
    first, second = database.tracks("ah", "test")
    assert list(first.track.frame_names()) == [f"{VIDEO}/frame-0.jpg", f"{VIDEO}/frame-2.jpg"]
    assert first.track.frame_mask().tolist() == [True, False]
    assert (first.labels, first.track.text()) == (None, None)
    assert second.track.text() == "spoken"
    assert database.problems.items == []


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (annotation({OTHER: [(0, 0), (1, 2)]}), "0 or 1"),
        (annotation({OTHER: [(0, 0), (0, 1)]}), "each k once"),
        (annotation({OTHER: [(0, "[1]")]}), "0 or 1"),
        (f'"{OTHER}":\n  frame_annotation:\n  - "frame-0.jpg"\n', "0 or 1"),
        (f'"{OTHER}":\n  frame_annotation:\n  - [face.jpg, 0]\n', "frame-<k>"),
        (f'"{OTHER}":\n  frame_annotation: []\n', "no frame_annotation"),
        (f'"{OTHER}": 3\n', "no frame_annotation"),
        ("", "no entry"),
    ],
)
def test_a_broken_entry_skips_its_video_only(train: Any, entry: str, what: str) -> None:
    path = train.put(f"{TRAIN}/annotation.yml", annotation({VIDEO: [(0, 1)]}) + entry)
    database = open_database([train.root])
    assert [one.track.id for one in database.tracks("ah", "train")] == [VIDEO]
    (problem,) = database.problems.items
    assert what in problem.what
    assert problem.line is not None
    if entry:
        assert train.root / problem.file == path
        assert problem.track == OTHER
        assert OTHER in path.read_text().split("\n")[problem.line - 1] or problem.line > 6


def test_a_broken_yaml_file_is_an_error_with_its_line(train: Any) -> None:
    train.put(f"{TRAIN}/annotation.yml", 'a: 1\nb: "never closed\n')
    with pytest.raises(DataError, match=r"annotation\.yml:\d+ is not valid YAML"):
        open_database([train.root]).tracks("ah", "train")


@pytest.mark.parametrize("line", ["no commas here", f"{OTHER},2,text", "x.mp4,1,text", f"{VIDEO},1,again"])
def test_a_malformed_split_line_is_skipped(train: Any, line: str) -> None:
    train.put(f"{TRAIN}/default-split/train.txt", f"{VIDEO},1,text\n{line}\n")
    database = open_database([train.root])
    assert [one.track.id for one in database.tracks("ah", "train")] == [VIDEO]
    assert ("train.txt", 2) in [(Path(problem.file).name, problem.line) for problem in database.problems.items]


def test_videos_and_faces_that_do_not_meet_are_counted(train: Any) -> None:
    train.images(f"{TRAIN}/cropped-aligned-faces/1/Visite_1/new.mp4", "frame-0.jpg")
    train.put(f"{TRAIN}/cropped-aligned-faces/1/notes.txt", "stray")
    train.put(f"{TRAIN}/default-split/val.txt", f"3/Visite_1/gone.mp4,0,nothing\n{OTHER},1,text\n")
    train.put(f"{TRAIN}/annotation.yml", annotation({"videos/3/Visite_1/gone.mp4": [(0, 0)], OTHER: [(0, 1)]}))
    database = open_database([train.root])
    one, _ = database.tracks("ah", "val")
    assert (one.track.id, one.track.frame_mask().tolist()) == ("3/Visite_1/gone.mp4", [False])
    whats = [problem.what for problem in database.problems.items]
    assert any("no image folder for track 3/Visite_1/gone.mp4" in what for what in whats)
    assert any("(1/Visite_1/new.mp4)" in what for what in whats)
    assert any("stray file" in what for what in whats)


def test_missing_parts_are_explained(disk: Any) -> None:
    disk.put("readme.txt", "nothing")
    with pytest.raises(DataError, match=r"no default-split/train\.txt"):
        open_database([disk.root])
    disk.put(f"{TRAIN}/default-split/train.txt", f"{VIDEO},1,text\n")
    database = open_database([disk.root])
    with pytest.raises(DataError, match=r"no annotation\.yml"):
        database.tracks("ah", "train")
    with pytest.raises(DataError, match=r"no submissions/trial-1\.txt"):
        database.tracks("ah", "test")
    disk.put(f"{TRAIN}/annotation.yml", annotation({VIDEO: [(0, 1)]}))
    (one,) = open_database([disk.root]).tracks("ah", "train")
    with pytest.raises(DataError, match="no folder cropped-aligned-faces"):
        one.track.frame_files()


def test_the_sound_is_that_of_the_video(train: Any) -> None:
    train.sound(f"{TRAIN}/videos/{OTHER}", np.zeros(1600, dtype=np.float32), 16000, "aac")
    one, other = open_database([train.root]).tracks("ah", "train")
    assert one.track.audio() is None
    sound = other.track.audio()
    assert sound is not None
    assert sound[1] == 16000


@pytest.mark.slow
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.binary(max_size=60), st.text(alphabet='ab:-[]{}"\n ,!&*|>01', max_size=60).map(str.encode)),
    st.sampled_from(["annotation.yml", "default-split/train.txt", "submissions/trial-1.txt"]),
)
def test_no_file_does_worse_than_a_problem(fresh: Any, body: bytes, name: str) -> None:
    disk = fresh()
    disk.put("default-split/train.txt", f"{VIDEO},1,text\n")
    disk.put("annotation.yml", annotation({VIDEO: [(0, 1)]}))
    disk.put("submissions/trial-1.txt", f"{VIDEO}/frame-0.jpg,0\n")
    disk.images(f"cropped-aligned-faces/{VIDEO}", "frame-0.jpg")
    path = disk.put(name, "")
    path.write_bytes(body)
    database = open_database([disk.root])
    for split in ("train", "test"):
        try:
            tracks = database.tracks("ah", split)
        except DataError:
            continue
        assert all(one.track.n_frames > 0 for one in tracks)


def test_by_another_assumption_a_second_has_25_frames(train: Any) -> None:
    assert {one.track.rate for one in open_database([train.root], bah_rate="25").tracks("ah", "train")} == {25.0}
