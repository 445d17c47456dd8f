import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import nn

from abawbench.contracts import Clip
from abawbench.harness.data.feature_cache import restore, shrink
from abawbench.harness.data.frames import CachedImages, ImageRules, Where, count_cached, decide_caching, embed_images
from abawbench.nn import freeze
from abawbench.progress import Progress
from abawbench.system.cache import cache_folder

CLIP = Clip(length=5, stride=5, size=16)
CPU = torch.device("cpu")
SETTINGS = {"epochs": 30, "lr": 0.05, "schedule": "constant"}
NUMBERS = st.floats(-6e4, 6e4, width=32)
LEVELS = arrays(np.float32, array_shapes(min_dims=1, max_dims=4, max_side=4), elements=NUMBERS).map(torch.from_numpy)


def largest(level: torch.Tensor) -> torch.Tensor:
    """Return the largest number of each image and channel, in the shape of the level."""
    rows = level.flatten(2) if level.ndim > 2 else level.reshape(len(level), -1)
    found = rows.abs().amax(-1)
    return found.view(*found.shape, *(1,) * (level.ndim - found.ndim)).expand_as(level)


@given(st.lists(LEVELS, min_size=1, max_size=3), st.sampled_from(["float16", "int8", "float8"]))
def test_what_is_restored_is_as_near_as_its_form_allows(levels, form) -> None:
    for level, found in zip(levels, restore(shrink(levels, form)), strict=True):
        half = level.abs() * 2**-11 + 2**-25
        rounding = {
            "float16": torch.zeros(()),
            "int8": largest(level) / 250,
            "float8": level.abs() / 16 + largest(level) * (1.012 * 2**-10 / 448),
        }[form]
        assert found.dtype == torch.float16
        assert found.shape == level.shape
        assert ((found.float() - level).abs() <= half * 1.1 + rounding).all()


@pytest.mark.parametrize("form", ["int8", "float8"])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_number_that_is_none_stays_none(form: str, wrong: float) -> None:
    level = torch.ones(2, 3, 2, 2)
    level[1, 2, 0, 0] = wrong
    (found,) = restore(shrink([level], form))
    assert not found[1, 2].isfinite().all()
    assert found[0].isfinite().all()


def frozen() -> nn.Module:
    torch.manual_seed(0)
    return freeze(nn.Conv2d(3, 6, 3, stride=2))


@pytest.fixture
def tracks(toys, toy_database):
    return [one.track for one in toy_database.tracks("colour", "train")]


def read(tracks, form: str, stand_in=None) -> CachedImages:
    found = embed_images(frozen(), tracks, ImageRules(CLIP, stand_in, form=form), Where(CPU, Progress()))
    assert isinstance(found, CachedImages)
    return found


def all_of(source, tracks):
    return source.gather(np.array([(n, row) for n in range(len(tracks)) for row in range(source.images[n].count)]))[0]


def disk() -> int:
    return sum(file.stat().st_size for file in (cache_folder() / "features").glob("*/*.safetensors"))


@pytest.mark.parametrize("form", ["int8", "float8"])
def test_a_cache_of_another_form_is_not_taken(tracks, form: str) -> None:
    exact = all_of(read(tracks, "float16"), tracks)
    before = disk()
    first = read(tracks, form)
    assert first.log.cached == 0
    assert disk() - before < 0.7 * before
    again = read(tracks, form)
    assert again.log.cached == again.log.images == count_cached(frozen(), CLIP, tracks, form)
    rough = all_of(again, tracks)
    assert torch.equal(rough, all_of(first, tracks))
    assert 0 < (rough.float() - exact.float()).abs().max() < 0.07 * exact.abs().max()
    assert torch.equal(all_of(read(tracks, "float16"), tracks), exact)


@pytest.mark.parametrize("stand_in", ["black", "zero"])
def test_what_stands_in_for_an_image_has_the_form_too(tracks, stand_in: str) -> None:
    tracks[1].exists[:] = False
    exact, rough = (
        read(tracks, form, stand_in).gather(np.array([[1, 0], [0, 0]]))[0].float() for form in ("float16", "int8")
    )
    torch.testing.assert_close(rough, exact, rtol=0, atol=float(exact.abs().max()) / 250)
    assert stand_in == "black" or not rough[0].any()


def test_the_size_is_that_of_the_form() -> None:
    sizes = [decide_caching(frozen(), CLIP, CPU, 1000, form).size for form in ("float16", "int8", "float8")]
    numbers, channels = 6 * 7 * 7, 6
    assert sizes == [2000 * numbers, 1000 * (numbers + 2 * channels), 1000 * (numbers + 2 * channels)]


def test_what_would_not_fit_is_told_with_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE_LIMIT", "400000")
    assert decide_caching(frozen(), CLIP, CPU, 1000, "int8").kept
    refused = decide_caching(frozen(), CLIP, CPU, 1000, "float16")
    assert not refused.kept
    assert "would take 0.000588 GB as float16" in refused.reason


@pytest.mark.slow
def test_a_run_learns_as_much_from_8_bits_and_says_so(run) -> None:
    (usual,) = run()
    for form in ("int8", "float8"):
        (record,) = run(settings={**SETTINGS, "features": form})
        assert record.settings["features"] == form
        assert record.job != usual.job
        assert record.score.value == pytest.approx(usual.score.value, abs=0.02)
    (refused,) = run(settings={**SETTINGS, "features": "int4"})
    assert refused.status != "ok"
    assert "'float16', 'int8' or 'float8'" in refused.reason
