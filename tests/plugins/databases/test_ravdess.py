"""RAVDESS: everything is in the names of the files."""

from pathlib import Path

import pytest

from abawbench.contracts import DataError
from abawbench_plugins.databases._acted import CLASSES
from abawbench_plugins.databases.ravdess import open_database
from tests.plugins.databases.conftest import Disk

SPOKEN = (
    "01-01-05-01-02-01-16.mp4",
    "03-01-02-01-01-01-16.wav",
    "02-01-03-01-01-01-16.mp4",
    "03-01-03-01-01-01-16.wav",
)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    disk = Disk(tmp_path)
    for name in (*SPOKEN, "03-02-04-01-01-01-16.wav", "notes-01-01-01-01-01-01.txt", "03-01-09-01-01-01-16.wav"):
        disk.put(f"Actor_16/{name}", "")
    return disk


def test_a_clip_is_what_its_modalities_show_together(disk: Disk) -> None:
    database = open_database([disk.root])
    (split,) = database.splits("expr-clip")
    tracks = {one.track.id: one for one in database.tracks("expr-clip", split)}
    emotions = {id: CLASSES[int(one.known.values[0])] if one.known.mask[0] else None for id, one in tracks.items()}
    assert emotions == {"01-05-01-02-01-16": "Anger", "01-02-01-01-01-16": None, "01-03-01-01-01-16": "Happiness"}
    assert {one.track.subject for one in tracks.values()} == {"16"}
    sounds = {id: str((one.track.audio_file() or ("",))[0]).rpartition("/")[2] for id, one in tracks.items()}
    assert sounds == {"01-05-01-02-01-16": SPOKEN[0], "01-02-01-01-01-16": SPOKEN[1], "01-03-01-01-01-16": SPOKEN[3]}


def test_songs_and_strangers_are_counted_and_calm_can_be_neutral(disk: Disk) -> None:
    database = open_database([disk.root], calm="neutral")
    (split,) = database.splits("expr-clip")
    tracks = {one.track.id: one for one in database.tracks("expr-clip", split)}
    assert CLASSES[int(tracks["01-02-01-01-01-16"].known.values[0])] == "Neutral"
    problems = " ".join(map(str, database.problems.items))
    assert "1 file(s) of songs" in problems
    assert f"1 {split} clips are calm, which is no class: they count as neutral" in problems
    assert "03-01-09-01-01-01-16.wav: is not named as a clip" in problems


def test_a_folder_without_clips_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unpack the archives"):
        open_database([tmp_path])
