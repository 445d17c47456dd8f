"""Names that are no text, and links that lead in circles, are told before anything is computed."""

import os
from typing import Any

import pytest

from abawbench.contracts.errors import DataError
from abawbench.harness.data.hashes import hash_files
from abawbench.progress import Progress
from abawbench_plugins.databases._packs import pack_tree
from abawbench_plugins.databases.aff_wild2 import open_database


def test_a_track_whose_name_is_not_utf8_is_a_data_error(disk: Any) -> None:
    folder = disk.root / "8th_ABAW_Annotations/VA_Estimation_Challenge/Validation_Set"
    folder.mkdir(parents=True)
    with open(os.path.join(os.fsencode(folder), b"caf\xe9.txt"), "wb") as file:
        file.write(b"valence,arousal\n0.1,0.2\n")
    with pytest.raises(DataError, match=r"track 'caf\\udce9' has a name that is no UTF-8 text") as refused:
        open_database([disk.root]).tracks("va", "val")
    assert str(refused.value).encode()


def test_links_that_lead_in_circles_are_told_and_not_followed(disk: Any, tmp_path: Any) -> None:
    labels = "8th_ABAW_Annotations/VA_Estimation_Challenge/Validation_Set"
    disk.put(f"{labels}/a.txt", "valence,arousal\n0.1,0.2\n")
    disk.images("cropped_aligned/a", "00001.jpg")
    disk.put("videos/readme.txt", "x")
    for link, target in (
        (f"{labels}/loop.txt", "loop.txt"), ("batch1", "."), ("videos/raw", ".."), ("videos/batch2", "../videos")
    ):  # fmt: skip
        (disk.root / link).symlink_to(target)
    database = open_database([disk.root])
    (one,) = database.tracks("va", "val")
    assert one.track.rate == 30
    told = {problem.file: problem.what.split(";")[0] for problem in database.problems.items}
    assert told[f"{labels}/loop.txt"] == "cannot be looked at (Too many levels of symbolic links)"
    circles = [name for name, what in told.items() if what == "is a link to a folder that it lies in"]
    assert sorted(circles) == ["batch1", "videos/batch2", "videos/raw"]
    assert len(hash_files(disk.root, 1, Progress())) == 3
    (disk.root / labels / "loop.txt").unlink()
    assert pack_tree(disk.root, tmp_path / "packed", lambda done, total, what: None) == 1
