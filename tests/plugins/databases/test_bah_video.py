"""BAH in the package of ABAW10 and 11: one label per video, commas and spaces where they hurt."""

import pickle
from typing import Any

import numpy as np
import pytest

from abawbench.contracts.errors import DataError
from abawbench_plugins.databases.bah_video import open_database

VIDEO = "82557/Visite 1/82557_Question_1_2024-08-22 14-46-11_Video.mp4"
OTHER = "90001/Visite_1/90001_Question_2-DESKTOP-AB12.mp4"


@pytest.fixture
def package(disk: Any) -> Any:
    disk.put("split/train.txt", f"Videos/{VIDEO},1,well, I want to, but\nVideos/{OTHER},0,no\n")
    for k, red in ((0, 20), (10, 240), (9, 130)):
        disk.images(f"cropped-aligned-faces/Videos/{VIDEO}", f"frame-{k}.jpg", content=disk.jpeg(red, 0, 0))
    return disk


def test_split_lines_are_cut_at_the_first_two_commas_only(package: Any) -> None:
    one, other = open_database([package.root]).tracks("ah-video", "train")
    assert one.track.text() == "well, I want to, but"
    labels = one.known, other.known
    assert [label.values.tolist() for label in labels] == [[1], [0]]
    assert all(label.mask.tolist() == [True] for label in labels)


def test_ids_are_the_paths_of_the_submission_and_participants_are_the_subjects(package: Any) -> None:
    one, other = open_database([package.root]).tracks("ah-video", "train")
    assert (one.track.id, one.track.subject, one.track.rate) == (f"Videos/{VIDEO}", "82557", 24)
    assert (other.track.id, other.track.subject) == (f"Videos/{OTHER}", "90001")


def test_images_are_the_frames_and_a_video_without_any_is_one_missing_frame(package: Any) -> None:
    database = open_database([package.root])
    one, other = database.tracks("ah-video", "train")
    images, mask = one.track.frames(np.arange(one.track.n_frames))
    assert images[:, 0, 0, 0].tolist() == pytest.approx([20, 130, 240], abs=6)
    assert mask.all()
    assert (other.track.n_frames, other.track.frame_mask().tolist()) == (1, [False])
    assert [str(problem).partition(": ")[2] for problem in database.problems.items] == [
        f"no image folder for track Videos/{OTHER}; its frames are all without image"
    ]


def test_the_public_test_set_has_labels(package: Any) -> None:
    package.put("split/test.txt", f"Videos/{OTHER},1,text\n")
    database = open_database([package.root.parent])
    assert database.splits("ah-video") == ["train", "test"]
    assert database.tracks("ah-video", "test")[0].known.values.tolist() == [1]


def test_transcript_files_come_before_the_split_file(package: Any) -> None:
    stem = VIDEO.rpartition("/")[2].removesuffix(".mp4")
    package.put(f"transcription/Videos/{VIDEO}/{stem}.yml", 'text: "as heard"\n')
    assert open_database([package.root]).tracks("ah-video", "train")[0].track.text() == "as heard"


def test_malformed_lines_are_problems_and_tracks_can_be_pickled(package: Any) -> None:
    package.put("split/val.txt", f"Videos/{VIDEO},maybe,text\nVideos/{OTHER},1,text\n")
    database = open_database([package.root])
    (one,) = database.tracks("ah-video", "val")
    track = one.track
    assert any(problem.line == 1 and "expected" in problem.what for problem in database.problems.items)
    assert pickle.loads(pickle.dumps(track)).text() == "text"


def test_folders_that_hold_something_else_are_refused(disk: Any) -> None:
    disk.put("default-split/train.txt", "")
    with pytest.raises(DataError, match=r"split/\*\.txt"):
        open_database([disk.root])
    disk.put("split/train.txt", f"Videos/{VIDEO},1,x\n")
    with pytest.raises(DataError, match=r"no split/val\.txt"):
        open_database([disk.root]).tracks("ah-video", "val")


def test_the_private_test_set_is_predicted_from_its_template_and_has_no_labels(disk: Any) -> None:
    disk.put("submissions/trial-1.txt", f"Videos/{OTHER},0.5,0.5,0\nVideos/{VIDEO},0.5,0.5,0\n")
    disk.images(f"cropped-aligned-faces/Videos/{VIDEO}", "frame-0.jpg")
    database = open_database([disk.root])
    assert database.splits("ah-video") == ["test"]
    assert database.template("ah-video") == disk.root / "submissions/trial-1.txt"
    tracks = database.tracks("ah-video", "test")
    assert [one.track.id for one in tracks] == [f"Videos/{VIDEO}", f"Videos/{OTHER}"]
    assert all(one.labels is None for one in tracks)


def test_beside_the_public_test_set_a_template_of_the_private_one_is_left_alone(package: Any) -> None:
    package.put("split/test.txt", f"Videos/{VIDEO},1,yes\n")
    package.put("predictions-submissions/t.txt", f"Videos/{OTHER},0\n")
    database = open_database([package.root])
    assert database.template("ah-video") is None
    assert [one.track.id for one in database.tracks("ah-video", "test")] == [f"Videos/{VIDEO}"]


def test_a_template_of_frames_is_not_of_this_database(disk: Any) -> None:
    disk.put("submissions/trial-1.txt", f"{VIDEO}/frame-0.jpg,0\n")
    with pytest.raises(DataError, match="ABAW11"):
        open_database([disk.root])
