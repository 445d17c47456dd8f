"""Declared corruptions, and what they cost a stored run."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

import abawbench
from abawbench import insight
from abawbench.contracts import UsageError
from abawbench.harness.insight.corruptions import CONTROL, CORRUPTIONS, SEVERITIES, CorruptedTrack
from abawbench.plugins import Plugins

SETTINGS = {"epochs": 3, "batch": 8, "lr": 0.05, "schedule": "constant"}
IMAGES = [name for name, one in CORRUPTIONS.items() if one.image is not None]
SLOW = {"sound-codec": [pytest.mark.slow]}
SOUNDS = [pytest.param(name, marks=SLOW.get(name, [])) for name, one in CORRUPTIONS.items() if one.sound is not None]


def psnr(before: np.ndarray, after: np.ndarray) -> float:
    error = np.mean((before.astype(float) - after) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else np.inf


def picture() -> np.ndarray:
    """A picture with as much at every scale, far from black and white."""
    random, found = np.random.default_rng(0), np.full((96, 80, 3), 128.0)
    for sigma in (1, 2, 4, 8, 16):
        layer = cv2.GaussianBlur(random.normal(0, 1, found.shape), (0, 0), sigma)
        found += 12 * layer / layer.std()
    return np.clip(np.rint(found), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", IMAGES)
def test_a_severer_corruption_leaves_less_of_a_picture(name: str) -> None:
    one, before = CORRUPTIONS[name], picture()
    assert one.image is not None
    found = [psnr(before, one.image(before, level, np.random.default_rng(0))) for level in one.levels]
    assert all(mild > severe for mild, severe in pairwise(found)), found
    assert 5 < found[-1] < found[0] < 60


def test_noise_and_gain_are_as_strong_as_declared() -> None:
    grey = np.full((128, 128, 3), 128, dtype=np.uint8)
    noise, dark = CORRUPTIONS["noise"], CORRUPTIONS["low-light"]
    for level in noise.levels[:3]:
        assert psnr(grey, noise.image(grey, level, np.random.default_rng(0))) == pytest.approx(  # type: ignore[misc]
            20 * np.log10(255 / level), abs=0.15
        )
    for level in dark.levels:
        assert psnr(grey, dark.image(grey, level, np.random.default_rng(0))) == pytest.approx(  # type: ignore[misc]
            20 * np.log10(255 / (128 * (1 - level))), abs=0.1
        )


@pytest.mark.parametrize("name", SOUNDS)
def test_a_corrupted_sound_is_as_long_and_more_different(name: str) -> None:
    one, rate = CORRUPTIONS[name], 16_000
    time = np.arange(3 * rate) / rate
    sound = (0.3 * np.sin(2 * np.pi * 220 * time * (1 + 0.1 * time)) * (1 + np.sin(4 * time)) / 2).astype(np.float32)
    assert one.sound is not None
    errors = []
    for level in (one.levels[0], one.levels[-1]):
        found = one.sound(sound, rate, level, np.random.default_rng(0))
        assert found.shape == sound.shape
        assert found.dtype == np.float32
        errors.append(float(np.mean((found - sound) ** 2)))
    assert 0 < errors[0] < errors[1] or name == "sound-shift"
    if name == "sound-noise":
        power = np.mean(sound.astype(float) ** 2)
        assert 10 * np.log10(power / errors[0]) == pytest.approx(20, abs=0.3)
    if name == "sound-shift":
        np.testing.assert_array_equal(found[2 * rate :], sound[:rate])


def test_a_frame_is_disturbed_alike_whoever_reads_it(toy_database) -> None:
    track = toy_database.tracks("colour", "val")[0].track
    whole = CorruptedTrack(track, CORRUPTIONS["noise"], 3)
    images, good = whole.frames(np.arange(track.n_frames))
    again, _ = CorruptedTrack(track, CORRUPTIONS["noise"], 3).frames(np.array([5, 2]))
    np.testing.assert_array_equal(again, images[[5, 2]])
    np.testing.assert_array_equal(good, track.frame_mask())
    same, _ = CorruptedTrack(track, CONTROL, 5).frames(np.arange(track.n_frames))
    np.testing.assert_array_equal(same, track.frames(np.arange(track.n_frames))[0])
    slow = CorruptedTrack(track, CORRUPTIONS["frame-rate"], 1)
    np.testing.assert_array_equal(slow.frame_mask(), track.frame_mask()[np.arange(track.n_frames) // 2 * 2])
    gone = CorruptedTrack(track, CORRUPTIONS["frames-missing"], 5)
    assert not gone.frame_mask().any()
    assert gone.identify_frames() != track.identify_frames()
    dropped = [CorruptedTrack(track, CORRUPTIONS["dropped-frames"], s).frame_mask().sum() for s in SEVERITIES]
    assert dropped == sorted(dropped, reverse=True)


@pytest.mark.slow
def test_what_nothing_changes_costs_exactly_nothing(
    run: Callable[..., list[abawbench.Record]], toys: Plugins, tmp_path: Path
) -> None:
    run()
    found = insight.robustness(
        tmp_path / "runs", data={"toy": ()}, corruptions=["noise", "frames-missing"], severities=[1, 5], device="cpu",
        plugins=toys,
    )  # fmt: skip
    assert found.control == 0
    assert found.clean == found.stored
    noise, missing = found.disturbed
    assert [one.severity for one in noise.severities] == [1, 5]
    assert missing.severities[1].value < found.clean
    assert missing.severities[1].change.value == pytest.approx(missing.severities[1].value - found.clean)
    changes = [one.mean for one in found.disturbed] + [s.change for one in found.disturbed for s in one.severities]
    assert all((change.low is None) == (change.reason is not None) for change in changes)
    assert noise.severities[0].psnr_db > noise.severities[1].psnr_db  # type: ignore[operator]
    assert "sound-codec" in found.not_asked
    with pytest.raises(UsageError, match="disturbs audio, which the model does not have"):
        insight.robustness(tmp_path / "runs", data={"toy": ()}, corruptions=["sound-shift"], plugins=toys)
    with pytest.raises(UsageError, match="unknown corruption 'fog'"):
        insight.robustness(tmp_path / "runs", data={"toy": ()}, corruptions=["fog"], plugins=toys)
