"""Folders of numbered images: which names are read, what is kept of them, and that a change is noticed."""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abawbench_plugins.databases import _image_index
from abawbench_plugins.databases._image_index import NUMBERED, arrange, list_folder, list_folders
from abawbench_plugins.databases._images import Images, decode_image
from abawbench_plugins.databases.aff_wild2 import open_database

VA = "8th_ABAW_Annotations/VA_Estimation_Challenge/Train_Set"
ROWS = "valence,arousal\n" + "0.1,0.2\n" * 4


def quiet(done: int, total: int, what: str) -> None:
    """Hear nothing."""


def encoded(value: int, suffix: str) -> bytes:
    return cv2.imencode(f".{suffix}", np.full((8, 8, 3), value, dtype=np.uint8))[1].tobytes()


def settle(folder: Path) -> None:
    """Let a folder look as if it was last changed long ago: what is younger than two seconds is not kept."""
    os.utime(folder, ns=(10**18, 10**18))


@pytest.fixture
def faces(disk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    disk.images("cropped_aligned/a", "00001.jpg", "00002.jpg")
    folder: Path = disk.root / "cropped_aligned/a"
    settle(folder)
    return folder


def names(folder: Path) -> list[str]:
    listing = list_folders([folder], quiet)[folder]
    return [listing.name(number) for number in listing.numbers.tolist()]


def test_a_folder_that_has_not_changed_is_read_from_the_cache(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = list_folders([faces], quiet)[faces]
    monkeypatch.setattr(_image_index, "list_folder", None)
    second = list_folders([faces], quiet)[faces]
    for part in ("numbers", "sample"):
        np.testing.assert_array_equal(getattr(second, part), getattr(first, part))
    for part in ("form", "unusual", "strays", "changed"):
        assert getattr(second, part) == getattr(first, part)


def test_an_added_or_removed_image_is_noticed(faces: Path) -> None:
    assert names(faces) == ["00001.jpg", "00002.jpg"]
    (faces / "00003.jpg").write_bytes(b"new")
    assert names(faces) == ["00001.jpg", "00002.jpg", "00003.jpg"]
    (faces / "00001.jpg").unlink()
    assert names(faces) == ["00002.jpg", "00003.jpg"]


def test_an_image_overwritten_in_place_is_noticed_where_it_is_sampled(faces: Path) -> None:
    before = list_folders([faces], quiet)[faces]
    with (faces / "00002.jpg").open("r+b") as file:
        file.write(b"other")
    settle(faces)
    assert list_folders([faces], quiet)[faces].sample[1, 1] > before.sample[1, 1]


def test_an_image_of_the_same_name_size_and_time_is_another_one(faces: Path) -> None:
    before, about = list_folders([faces], quiet)[faces], (faces / "00002.jpg").stat()
    with (faces / "00002.jpg").open("r+b") as file:
        file.write(b"x")
    os.utime(faces / "00002.jpg", ns=(about.st_atime_ns, about.st_mtime_ns))
    now = (faces / "00002.jpg").stat()
    assert (now.st_size, now.st_mtime_ns) == (about.st_size, about.st_mtime_ns)
    settle(faces)
    assert list_folders([faces], quiet)[faces].sample[1, 1] > before.sample[1, 1]


@pytest.mark.parametrize("damage", [b"", b"PK\3\4 no archive", None])
def test_a_damaged_index_is_as_good_as_none(faces: Path, tmp_path: Path, damage: bytes | None) -> None:
    names(faces)
    (kept,) = (tmp_path / "cache/images").glob("*.npz")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-200] + b"x" + whole[-199:] if damage is None else damage)
    assert names(faces) == ["00001.jpg", "00002.jpg"]


def test_a_folder_that_changed_just_now_is_listed_again(faces: Path, tmp_path: Path) -> None:
    os.utime(faces)
    names(faces)
    assert not list((tmp_path / "cache").rglob("*.npz"))


@pytest.mark.parametrize(
    "form",
    [
        "{:05d}.jpg",
        "{}.jpg",
        "frame_det_00_{:06d}.jpg",
        "{:05d}.png",
        "frame_{:04d}.JPG",
        "img{:05d}.jpeg",
        "2b {}.webp",
    ],
)
def test_common_forms_of_numbered_images_are_read(disk: Any, form: str) -> None:
    disk.put(f"{VA}/a.txt", ROWS)
    for number in (1, 2, 4):
        name = form.format(number)
        disk.put(f"cropped_aligned/a/{name}", encoded(number * 50, Path(name).suffix[1:].lower()))
    track = open_database([disk.root]).tracks("va", "train")[0].track
    assert track.frame_mask().tolist() == [True, True, False, True]
    pixels, there = track.frames(np.arange(4))
    assert there.tolist() == [True, True, False, True]
    assert pixels[:, 4, 4, 0].tolist() == pytest.approx([50, 100, 0, 200], abs=3)


@pytest.mark.parametrize(("first", "read"), [(0, [0, 1, 2, 3]), (1, [1, 2, 3, 4])])
def test_the_rows_decide_from_which_number_images_count(disk: Any, first: int, read: list[int]) -> None:
    for name in ("a", "b"):
        disk.put(f"{VA}/{name}.txt", ROWS)
    disk.images("cropped_aligned/a", *(f"{number:05d}.jpg" for number in range(first, first + 4)))
    disk.images("cropped_aligned/b", "00002.jpg")  # which alone could not tell
    database = open_database([disk.root])
    a, b = (one.track for one in database.tracks("va", "train"))
    assert [entry and Path(entry[0]).name for entry in a.frame_files()] == [f"{number:05d}.jpg" for number in read]
    assert b.frame_mask().tolist() == [number == 2 for number in read]
    said = [problem.what for problem in database.problems.items if "count from 0" in problem.what]
    assert len(said) == (first == 0)


def test_of_several_beginnings_the_official_or_most_frequent_is_read() -> None:
    openface = ["frame_det_00_000001.jpg", "frame_det_00_000002.jpg", "frame_det_01_000002.jpg"]
    listing = arrange(openface)
    assert listing.form == ("frame_det_00_", 6, ".jpg")
    assert listing.strays == ("frame_det_01_000002.jpg",)
    assert arrange([*openface, "00007.jpg"]).numbers.tolist() == [7]


def test_a_second_image_of_a_number_is_told(disk: Any) -> None:
    disk.put(f"{VA}/a.txt", ROWS)
    disk.images("cropped_aligned/a", "00001.jpg", "1.jpg", "00002.jpg")
    database = open_database([disk.root])
    assert database.tracks("va", "train")[0].track.frame_mask().sum() == 2
    told = [str(one) for one in database.problems.items if "number of another" in one.what]
    assert told == ["cropped_aligned/a/1.jpg: has the number of another image, which is read; ignored"]


NAMES = st.lists(
    st.builds(
        "{}{}.{}".format,
        st.sampled_from(["", "frame-", "x", "frame_det_00_", "1_"]),
        st.text("0123456789", min_size=1, max_size=6),
        st.sampled_from(["jpg", "JPG", "png", "txt"]),
    ),
    unique=True,
)


@given(NAMES)
def test_every_image_of_a_listing_has_a_name_that_is_there(found: list[str]) -> None:
    listing = arrange(found)
    for number in listing.numbers.tolist():
        name = listing.name(number)
        match = NUMBERED.match(name)
        assert name in found
        assert match
        assert int(match[2]) == number
    assert (np.diff(listing.numbers) > 0).all()


@given(st.sampled_from(["{}.jpg", "{:03d}.png", "x_{:02d}.jpg"]), st.sets(st.integers(0, 10**5), min_size=1))
def test_names_of_one_form_are_read_together(form: str, numbers: set[int]) -> None:
    listing = arrange([form.format(number) for number in numbers])
    assert listing.numbers.tolist() == sorted(numbers)
    assert [listing.name(number) for number in sorted(numbers)] == [form.format(number) for number in sorted(numbers)]
    assert not listing.unusual


def test_an_image_replaced_by_another_file_changes_what_identifies_a_track(faces: Path) -> None:
    for number in range(3, 200):
        (faces / f"{number:05d}.jpg").write_bytes(b"image")
    settle(faces)
    numbers, before = np.arange(1, 200), Images([(faces, faces.parent)]).identify(np.arange(1, 200))
    assert Images([(faces, faces.parent)]).identify(numbers) == before
    assert 100 not in Images([(faces, faces.parent)])._index.listings[0].sampled
    (faces / "new").write_bytes(b"other")
    (faces / "new").replace(faces / "00100.jpg")
    assert Images([(faces, faces.parent)]).identify(numbers) != before


def test_a_broken_link_is_an_image_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "00001.jpg").symlink_to(tmp_path / "nowhere")
    assert list_folder(tmp_path).sample.tolist() == [[-1, 0]]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp"])
def test_a_truncated_image_of_any_format_is_noticed(suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    whole = cv2.imencode(f".{suffix}", noise)[1].tobytes()
    assert decode_image(whole).shape == (16, 16, 3)
    for length in range(0, len(whole) - 1, 7):
        with pytest.raises(ValueError, match=r"is (empty|a truncated|an unreadable|not a readable)"):
            decode_image(whole[:length])


def test_photos_are_shrunk_when_they_are_read(tmp_path: Path) -> None:
    photo = np.zeros((1200, 1600, 3), np.uint8)
    photo[:, 800:] = 255
    for number in (1, 2):
        assert cv2.imwrite(str(tmp_path / f"{number:05d}.jpg"), photo)
    images, mask = Images([(tmp_path, tmp_path)]).read(np.array([1, 2]))
    assert (images.shape, mask.all()) == ((2, 512, 683, 3), True)
    assert (images[:, :, 300].max(), images[:, :, 400].min()) == (0, 255)
