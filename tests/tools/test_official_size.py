"""The tree of the official size, in small: the official layout, of hard links, in a new folder only."""

from pathlib import Path

import cv2
import numpy as np
import official_size
import pytest

from abawbench_plugins.databases import aff_wild2
from abawbench_plugins.databases.synthetic.labels_only import TRACKS


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.jpg"), np.full((16, 16, 3), 40 * number, dtype=np.uint8))
    return folder


@pytest.mark.slow
def test_a_share_of_the_tree_is_read_as_the_database(tmp_path: Path, images: Path) -> None:
    rows, made = official_size.build(tmp_path / "out", images, 0.001)
    assert rows == pytest.approx(2_993_081 * 0.001, abs=TRACKS["train"])
    assert made == round(rows * official_size.IMAGES / 2_993_081)
    database = aff_wild2.open_database([tmp_path / "out/aff-wild2"])
    tracks = {split: [one.track for one in database.tracks("va", split)] for split in TRACKS}
    assert {split: len(own) for split, own in tracks.items()} == TRACKS
    every = [track for own in tracks.values() for track in own]
    assert sum(track.n_frames for track in every) == rows
    assert sum(int(track.frame_mask().sum()) for track in every) == made
    track = next(track for track in every if track.frame_mask().any())
    shown, readable = track.frames(np.flatnonzero(track.frame_mask()))
    assert readable.all()
    assert shown.shape[1:] == (16, 16, 3)
    assert (tmp_path / "out/pool/00000-0.jpg").stat().st_nlink > made // 4


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, images: Path) -> None:
    with pytest.raises(FileExistsError, match="not empty"):
        official_size.build(images, images, 0.001)
    with pytest.raises(FileNotFoundError, match="no JPEG"):
        official_size.build(tmp_path / "out", tmp_path / "nothing", 0.001)
