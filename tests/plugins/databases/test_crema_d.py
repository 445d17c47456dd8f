"""CREMA-D: what is acted or perceived, who is in which split, and frames beside the sound that goes with them."""

import os
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from abawbench.contracts import DataError
from abawbench.harness.insight.groups import group_subjects
from abawbench_plugins.databases._acted import CLASSES, split_of_actor
from abawbench_plugins.databases.crema_d import CremaD, open_database
from abawbench_plugins.databases.synthetic.write_crema_d import ACTORS, write
from tests.plugins.databases.conftest import Disk

pytestmark = pytest.mark.slow

REAL = Path(os.environ.get("ABAWBENCH_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"), "crema-d")
HEADER = '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"\n'
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the clips are not here")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crema-d")
    write(folder)
    return folder


def classes(database: CremaD, split: str = "train") -> dict[str, str | None]:
    """The class of each clip of a split; None where it is not annotated."""
    found = database.tracks("expr-clip", split)
    return {t.track.id: CLASSES[int(t.known.values[0])] if t.known.mask[0] else None for t in found}


def test_the_written_copy_is_read_and_actors_never_cross_splits(written: Path) -> None:
    database = open_database([written])
    assert database.splits("expr-clip") == ["train", "val", "test"]
    subjects = {s: {t.track.subject for t in database.tracks("expr-clip", s)} for s in ("train", "val", "test")}
    assert {split: len(found) for split, found in subjects.items()} == ACTORS
    assert all(split_of_actor(actor) == split for split, found in subjects.items() for actor in found)
    assert classes(database)["1001_DFA_HAP_XX"] == "Happiness"
    assert database.lacks("expr-clip") == ("Surprise",)
    assert not database.problems.items


def test_frames_and_sound_of_a_clip_last_equally_long(written: Path) -> None:
    tracks = [one.track for one in open_database([written]).tracks("expr-clip", "val")]
    for track in tracks:
        images, mask = track.frames(np.arange(track.n_frames))
        assert (mask.all(), images.shape[1:], track.rate) == (True, (96, 128, 3), 25)
        samples, rate = track.audio() or (np.zeros(0), 1)
        assert len(samples) / rate == pytest.approx(track.n_frames / track.rate, abs=0.1)


def test_a_clip_of_sound_alone_has_one_missing_frame(written: Path) -> None:
    found = {t.track.id: t.track for t in open_database([written]).tracks("expr-clip", "train")}
    track = found["1001_DFA_NEU_XX"]
    assert (track.n_frames, track.frame_mask().tolist(), track.frame_files()) == (1, [False], [None])
    assert str((track.audio_file() or ("",))[0]).endswith(".wav")


def test_what_a_crowd_perceived_can_be_the_label_and_ties_are_none(written: Path) -> None:
    voice, face = open_database([written], "voice"), open_database([written], "face")
    assert classes(voice)["1001_DFA_SAD_XX"] is None
    assert classes(face)["1001_DFA_SAD_XX"] == "Sadness"
    assert "6 of 36 clips are ties in VoiceVote" in str(voice.problems.items[0])


def test_pointers_of_git_lfs_are_named_as_what_they_are(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.put("processedResults/summaryTable.csv", HEADER + '"1","1001_DFA_ANG_XX","A","1","A","1","A","1"\n')
    disk.put("VideoFlash/1001_DFA_ANG_XX.flv", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    database = open_database([tmp_path])
    (one,) = database.tracks("expr-clip", "train")
    assert "1 file(s) are pointers of Git LFS" in str(database.problems.items[0])
    with pytest.raises(DataError, match="git lfs pull"):
        one.track.frame_mask()


@pytest.mark.parametrize(
    "row", ['"1","1001_DFA_JOY_XX","A"', '"1"', '"1","x_DFA_ANG_XX","A"', '"2","1002_DFA_ANG_XX","A"']
)
def test_a_row_that_is_no_clip_is_named_and_skipped(tmp_path: Path, row: str) -> None:
    Disk(tmp_path).put("processedResults/summaryTable.csv", f'{HEADER}"1","1002_DFA_ANG_XX","A"\n{row}\n')
    database = open_database([tmp_path])
    assert len(database.tracks("expr-clip", "train")) == 1
    assert [problem.line for problem in database.problems.items] == [3]


@needs_real
def test_real_clips_have_the_frames_that_opencv_counts() -> None:
    found = {t.track.id: t.track for t in open_database([REAL]).tracks("expr-clip", "train")}
    videos = sorted((REAL / "VideoFlash").glob("*.flv"))
    assert len(videos) == 6
    for path in videos:
        capture, count = cv2.VideoCapture(str(path)), 0
        while capture.read()[0]:
            count += 1
        track = found[path.stem]
        _, mask = track.frames(np.arange(track.n_frames))
        samples, rate = track.audio() or (np.zeros(0), 1)
        assert (track.n_frames, int(mask.sum())) == (count, count)
        assert 0 <= len(samples) / rate - track.n_frames / track.rate < 2 / track.rate
        assert track.times()[-1] < len(samples) / rate


@needs_real
def test_the_real_table_has_the_known_numbers() -> None:
    database = open_database([REAL])
    counts = {(c.split, c.what): c.number for c in database.inspect().counts if c.label}
    known = {(e.split, e.what): e.number for e in database.expected()}
    assert known == {key: counts[key] for key in known}
    ties = open_database([REAL], "both")
    assert (
        sum(emotion is None for split in ("train", "val", "test") for emotion in classes(ties, split).values()) == 420
    )


@needs_real
def test_the_real_actors_are_those_that_were_published() -> None:
    # Cao et al. (2014), IEEE Transactions on Affective Computing 5: 48 men and 43 women, 20 to 74 years old
    database = open_database([REAL])
    tracks = [one.track for split in database.splits("expr-clip") for one in database.tracks("expr-clip", split)]
    told = [track.attributes() for track in tracks]
    subjects = [track.subject for track in tracks]
    sexes = group_subjects([one["sex"] for one in told], subjects)
    assert Counter(sexes.values()) == {"Male": 48, "Female": 43}
    ages = [float(one["age"]) for one in told]
    assert (min(ages), max(ages)) == (20, 74)
    thirds = Counter(group_subjects(ages, subjects).values())
    assert set(thirds) == {"low", "middle", "high"}
    assert min(thirds.values()) >= 25


def test_pipes_and_dead_links_are_named_and_not_read(written: Path, tmp_path: Path) -> None:
    shutil.copytree(written, tmp_path / "copy")
    videos, sounds = tmp_path / "copy" / "VideoFlash", tmp_path / "copy" / "AudioWAV"
    film, sound = (sorted(folder.iterdir())[0] for folder in (videos, sounds))
    film.unlink()
    os.mkfifo(film)
    sound.unlink()
    sound.symlink_to("nowhere.wav")
    database = open_database([tmp_path / "copy"])
    for split in database.splits("expr-clip"):
        database.tracks("expr-clip", split)
    found = sorted(one.file for one in database.problems.items if "no regular file" in one.what)
    assert found == [f"AudioWAV/{sound.name}", f"VideoFlash/{film.name}"]
