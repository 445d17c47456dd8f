import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from abawbench.contracts import UsageError
from abawbench.harness.data.images import cut_windows, find_nearest, resize, track_images

masks = arrays.arrays(bool, st.integers(1, 60))


@given(masks.filter(lambda m: m.any()))
def test_a_missing_frame_shows_the_nearest_one_and_ties_go_to_the_later(exists: np.ndarray) -> None:
    present = np.flatnonzero(exists)
    for frame, shown in enumerate(find_nearest(exists)):
        distances = np.abs(present - frame)
        assert shown == present[distances == distances.min()].max()


def test_no_frame_at_all_has_no_nearest_one() -> None:
    with pytest.raises(ValueError, match="no frame exists"):
        find_nearest(np.zeros(3, dtype=bool))


@given(st.integers(1, 100), st.integers(1, 16), st.data())
def test_every_frame_is_real_in_a_clip_and_clips_never_jump(n: int, length: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, length))
    frames, real = cut_windows(n, length, stride)
    assert set(frames[real].tolist()) == set(range(n))
    for clip, kept in zip(frames, real, strict=True):
        assert (np.diff(clip[kept]) == 1).all()
        assert (clip[~kept] == n - 1).all()


@given(st.integers(1, 100), st.integers(1, 16))
def test_without_overlap_each_frame_is_real_once(n: int, length: int) -> None:
    frames, real = cut_windows(n, length, length)
    assert sorted(frames[real].tolist()) == list(range(n))


@pytest.mark.parametrize("stride", [0, 9])
def test_a_stride_that_leaves_frames_out_is_refused(stride: int) -> None:
    with pytest.raises(UsageError, match="leaves frames out"):
        cut_windows(20, 8, stride)


@given(masks)
def test_frames_without_image_are_counted_and_black_stands_in_for_a_track_without_any(exists: np.ndarray) -> None:
    images = track_images(exists)
    assert images.filled == (~exists).sum()
    assert images.count == max(exists.sum(), 1)
    assert images.shows.max() < images.count
    if exists.any():
        assert (images.rows[images.shows][exists] == np.flatnonzero(exists)).all()


def test_images_of_the_right_size_are_left_alone() -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (2, 3, 8, 8), dtype=np.uint8))
    assert resize(images, 8) is images
    assert resize(images, 4).shape == (2, 3, 4, 4)


@pytest.mark.parametrize("size", [48, 96, 224])
def test_images_are_resized_as_opencv_does_but_for_rounding(size: int) -> None:
    images = np.random.default_rng(0).integers(0, 255, (2, 112, 96, 3), dtype=np.uint8)
    found = resize(torch.from_numpy(images).permute(0, 3, 1, 2), size).permute(0, 2, 3, 1).numpy()
    wanted = np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_LINEAR) for one in images])
    assert np.abs(found.astype(int) - wanted).max() <= 1
