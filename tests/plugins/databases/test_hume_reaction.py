"""Hume-Reaction in the layout of Hume-Vidmimic2; what differs are the emotions and how the test split is told."""

from typing import Any

import pytest

from abawbench.contracts.errors import DataError
from abawbench_plugins.databases.hume_reaction import open_database

HEADER = "Filename,Adoration,Amusement,Anxiety,Disgust,Empathic-Pain,Fear,Surprise\n"


def test_seven_intensities_are_read_by_the_names_in_the_header(disk: Any) -> None:
    disk.put("train_split.csv", HEADER.replace("Adoration,Amusement", "Amusement,Adoration") + "7,0,1,0,0,0.5,0,0.25\n")
    disk.images("face_images/00007", "1.jpg")
    (one,) = open_database([disk.root]).tracks("eri", "train")
    assert one.track.id == "00007"
    assert one.known.values.tolist() == [[1, 0, 0, 0, 0.5, 0, 0.25]]


def test_the_table_of_the_other_database_is_refused(disk: Any) -> None:
    disk.put("train_split.csv", "Filename,Admiration,Amusement,Determination,Empathic Pain,Excitement,Joy\n")
    with pytest.raises(DataError, match="Adoration, Anxiety, Disgust, Empathic-Pain, Fear, Surprise"):
        open_database([disk.root]).tracks("eri", "train")


def test_no_id_tells_the_test_split_apart(disk: Any) -> None:
    disk.put("train_split.csv", HEADER + "7,0,1,0,0,0.5,0,0.25\n")
    disk.images("face_images/00007", "1.jpg")
    disk.images("face_images/17000", "1.jpg")
    assert open_database([disk.root]).splits("eri") == ["train"]
    disk.put("test_split.csv", "Filename\n17000\n")
    database = open_database([disk.root])
    assert database.splits("eri") == ["train", "test"]
    assert [one.track.id for one in database.tracks("eri", "test")] == ["17000"]
