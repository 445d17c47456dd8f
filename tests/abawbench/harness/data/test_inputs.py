"""Several inputs of a track are aligned by time, cached where frozen, and done without where missing."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from abawbench.contracts import Clip, DataError, Model, Recipe, Sound, Track, UsageError
from abawbench.harness.data.frames import Where
from abawbench.harness.data.inputs import Inputs, embed_inputs, identify_inputs, require_inputs
from abawbench.harness.data.readers import LiveSteps, SoundReader, find_step
from abawbench.harness.data.steps import StoredSteps
from abawbench.harness.learn.forward import BatchNetwork
from abawbench.harness.request.protocol import OFFICIAL
from abawbench.nn import InputsNetwork, freeze, gather
from abawbench.progress import Progress
from abawbench.system.cache import cache_folder

CPU = torch.device("cpu")
SOUND = Sound(rate=100, seconds=1.0, context=0.2, normalise=False)


class Ramp(Track):
    """Sound whose value is its time in seconds, images whose value is the frame's number, a transcript, features."""

    rate = 10.0

    def __init__(self, name: str, n_frames: int, audio_rate: int | None = 100, text: str | None = "some words") -> None:
        self.id = self.subject = name
        self.n_frames, self.audio_rate, self._text, self.decoded = n_frames, audio_rate, text, 0

    def frame_mask(self) -> NDArray[np.bool_]:
        return np.ones(self.n_frames, dtype=np.bool_)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        images = np.zeros((len(indices), 4, 4, 3), dtype=np.uint8)
        images[:] = indices[:, None, None, None]
        return images, np.ones(len(indices), dtype=np.bool_)

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        return [(f"{self.id}/{i}", 1, 1) for i in range(self.n_frames)]

    def audio(self) -> tuple[NDArray[np.float32], int] | None:
        self.decoded += 1
        if self.audio_rate is None:
            return None
        count = round(self.n_frames / self.rate * self.audio_rate)
        return (np.arange(count) / self.audio_rate).astype(np.float32), self.audio_rate

    def audio_file(self) -> tuple[str, int, int] | None:
        return None if self.audio_rate is None else (f"{self.id}.wav", 1, 1)

    def text(self) -> str | None:
        return self._text

    def features(self, name: str) -> NDArray[np.float32] | None:
        return np.arange(7, dtype=np.float32)[:, None] if name == "rows" else None


class Broken(Ramp):
    def audio(self) -> tuple[NDArray[np.float32], int] | None:
        raise DataError("sound.wav is broken; replace it.")


class Listen(nn.Module):
    """The mean of every ten samples: 0.1 s at the rate of SOUND. The weight is 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, samples: Tensor) -> Tensor:
        return self.weight * samples.unflatten(1, (-1, 10)).mean(dim=2, keepdim=True)


class Look(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.weight * images.mean(dim=(2, 3))[:, :1]


class Read(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.weight * tokens.float()


class Side(nn.Module):
    """The features of every frame side by side, and whether they are there: nothing is computed."""

    def forward(self, features: Any, index: Any, present: Any) -> Tensor:
        names = sorted(features)
        return torch.cat(
            [gather(features[n], index[n]) for n in names] + [present[n][..., None].float() for n in names], dim=-1
        )


class Everything(Model):
    name = "everything"
    sound = SOUND
    feature_sizes = MappingProxyType({"features:rows": 1})

    def __init__(self, inputs: Sequence[str] = ("frames", "audio", "text", "features:rows"), length: int = 4) -> None:
        super().__init__(Recipe())
        self.inputs, self.clip = (
            frozenset(inputs),
            Clip(length=length, stride=length, size=4, mean=(0,) * 3, std=(1,) * 3),
        )

    def tokens(self, text: str) -> NDArray[np.int64]:
        return np.full(2, len(text), dtype=np.int64)

    def weights(self, spec: str | None, *, synthetic: bool) -> Any:
        raise NotImplementedError

    def network(self, task: Any, weights: Any) -> nn.Module:
        parts = {"frames": Look(), "audio": Listen(), "text": Read()}
        return InputsNetwork({n: freeze(m) for n, m in parts.items() if n in self.inputs}, Side(), self.inputs, 4)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))


def seen(model: Model, network: nn.Module, tracks: Sequence[Track]) -> tuple[Inputs, list[Tensor]]:
    """What the head is given for every frame of every track: one column per input, then whether it is there."""
    inputs = embed_inputs(network, model, tracks, OFFICIAL, Where(CPU, Progress()))
    rows: list[list[Tensor]] = [[] for _ in tracks]
    for clip in inputs.clips(tracks, model):
        with torch.inference_mode():
            out = BatchNetwork(network, model.clip)(*inputs.batch([clip], CPU))[0]
        rows[clip.track].append(out[torch.from_numpy(clip.real)])
    return inputs, [torch.cat(row) for row in rows]


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("audio_rate", [100, 200])
def test_every_frame_hears_the_sound_of_its_own_time(frozen: bool, audio_rate: int) -> None:
    model = Everything(("audio",))
    network = model.network(None, None).requires_grad_(not frozen)
    tracks = [Ramp("long", 34, audio_rate), Ramp("short", 3, audio_rate)]
    inputs, found = seen(model, network, tracks)
    assert isinstance(inputs.steps["audio"], StoredSteps if frozen else LiveSteps)
    for track, one in zip(tracks, found, strict=True):
        # at the borders of the sound a resampler bends the ramp
        inner = slice(2, -2) if track.n_frames > 5 else slice(1, 2)
        np.testing.assert_allclose(one[inner, 0], track.times()[inner], atol=0.02)
        assert one[:, 1].all()


class Short(Ramp):
    """Sound that ends after ``seconds``."""

    seconds = 1.0

    def audio(self) -> tuple[NDArray[np.float32], int] | None:
        return np.ones(round(self.seconds * 100), dtype=np.float32), 100


@pytest.mark.parametrize("frozen", [True, False])
def test_frames_past_the_end_of_the_sound_have_none(frozen: bool) -> None:
    model = Everything(("audio",))
    track = Short("short", 34)
    inputs, (found,) = seen(model, model.network(None, None).requires_grad_(not frozen), [track])
    # one window of a second, and at most a tenth more
    assert found[:10, 1].all()
    assert not found[12:, 1].any()
    assert not found[12:, 0].any()
    wholly, frames = inputs.missing([track])["audio"]
    assert wholly == 0
    assert 22 <= frames <= 24


@pytest.mark.parametrize("seconds", [2.99, 3.0, 3.01])
def test_sound_that_ends_a_little_before_or_after_the_video_covers_it(seconds: float) -> None:
    track = Short("a", 30)
    track.seconds = seconds
    model = Everything(("audio",))
    inputs, _ = seen(model, model.network(None, None), [track])
    assert inputs.missing([track]) == {"audio": (0, 0)}


def test_rates_differ_and_each_input_is_aligned_for_itself() -> None:
    model = Everything()
    track = Ramp("a", 14)
    _, (found,) = seen(model, model.network(None, None), [track])
    audio, rows, frames, text = found[:, 0], found[:, 1], found[:, 2], found[:, 3:5]
    np.testing.assert_allclose(audio, track.times(), atol=0.01)
    np.testing.assert_array_equal(rows, np.arange(14) // 2)
    np.testing.assert_allclose(frames * 255, np.arange(14), atol=0.1)
    assert (text == len("some words")).all()


def test_a_track_without_an_input_is_given_zeros_and_told_so() -> None:
    model = Everything(("audio", "frames", "text"))
    tracks = [Ramp("deaf", 5, None), Ramp("whole", 5), Ramp("mute", 5, text=None), Broken("broken", 5)]
    inputs, found = seen(model, model.network(None, None), tracks)
    deaf, whole, mute, broken = found
    assert not deaf[:, 0].any()
    assert not broken[:, 0].any()
    assert not mute[:, 2:4].any()
    assert [one[0, 4:].tolist() for one in found] == [[0, 1, 1], [1, 1, 1], [1, 1, 0], [0, 1, 1]]
    assert whole[-1, 0] > 0
    assert inputs.missing(tracks) == {"audio": (2, 10), "frames": (0, 0), "text": (1, 5)}
    assert inputs.log.broken == ["broken: sound.wav is broken; replace it."]


def test_a_batch_in_which_nobody_has_an_input_works() -> None:
    model = Everything(("audio", "frames"))
    _, (found,) = seen(model, model.network(None, None), [Ramp("deaf", 5, None)])
    assert not found[:, 0].any()
    live = model.network(None, None).requires_grad_(True)
    _, (trained,) = seen(model, live, [Ramp("deaf", 5, None)])
    torch.testing.assert_close(found, trained)


def test_the_second_reading_of_the_sound_comes_from_the_cache() -> None:
    model = Everything(("audio",))
    _, first = seen(model, model.network(None, None), [Ramp("a", 14)])
    again = Ramp("a", 14)
    _, second = seen(model, model.network(None, None), [again])
    assert again.decoded == 0
    assert torch.equal(first[0], second[0])
    assert len(list((cache_folder() / "features").glob("*/*.safetensors"))) == 1


def test_other_sound_settings_do_not_share_entries() -> None:
    model = Everything(("audio",))
    seen(model, model.network(None, None), [Ramp("a", 14)])
    model.sound = Sound(rate=100, seconds=2.0, context=0.2, normalise=False)
    seen(model, model.network(None, None), [Ramp("a", 14)])
    assert len(list((cache_folder() / "features").glob("*/*.safetensors"))) == 2


@given(st.integers(1, 200), st.integers(1, 90), st.floats(0.2, 60))
def test_steps_cover_time_evenly_and_in_order(steps: int, frames: int, seconds: float) -> None:
    times = (np.arange(frames) + 0.5) * seconds / frames
    rows = find_step(times, steps, seconds)
    assert (np.diff(rows) >= 0).all()
    assert 0 <= rows[0] <= rows[-1] < steps
    width = seconds / steps
    assert (np.abs((rows + 0.5) * width - times) <= width / 2 + 1e-9).all()


@given(st.integers(1, 500), st.floats(0.1, 2.0), st.floats(0, 0.5))
def test_windows_hold_every_sample_once(samples: int, seconds: float, context: float) -> None:
    sound = Sound(rate=100, seconds=round(seconds, 2), context=round(context, 2), normalise=False)

    class Counted(Ramp):
        def audio(self) -> tuple[NDArray[np.float32], int] | None:
            return np.arange(1, samples + 1, dtype=np.float32), 100

    units = SoundReader(sound).units(Counted("a", 3))
    assert units is not None
    assert units.shape[1] == sound.samples
    first, kept = round(sound.context * 100), round(sound.seconds * 100)
    inner = units[:, first : first + kept].reshape(-1).numpy()
    np.testing.assert_array_equal(inner[:samples], np.arange(1, samples + 1))
    assert not inner[samples:].any()


def test_an_input_that_no_track_has_is_unsupported_with_the_reason() -> None:
    who, where = "model 'm'", "task 'va' in 'db'"
    require_inputs(Everything().inputs, [Ramp("a", 3, None), Broken("b", 3)], who, where)
    with pytest.raises(UsageError, match="model 'm' needs audio, and no track of task 'va' in 'db' has any"):
        require_inputs(frozenset({"audio"}), [Ramp("a", 3, None)], who, where)
    with pytest.raises(UsageError, match="needs features 'other'"):
        require_inputs(frozenset({"features:other"}), [Ramp("a", 3)], who, where)
    with pytest.raises(UsageError, match="needs text"):
        require_inputs(frozenset({"text"}), [Ramp("a", 3, text=" ")], who, where)


def test_the_network_as_a_whole_gives_what_its_parts_give() -> None:
    model = Everything(("audio", "frames", "text"))
    network = model.network(None, None).eval()
    samples, images, tokens = torch.rand(2, 40), torch.rand(2, 4, 3, 4, 4), torch.full((2, 2), 5)
    out = network(samples, images, tokens)
    torch.testing.assert_close(out[..., 0], samples.unflatten(1, (4, 10)).mean(dim=2))
    torch.testing.assert_close(out[..., 1], images[:, :, 0].mean(dim=(2, 3)))
    assert (out[..., 2:4] == 5).all()
    assert (out[..., 4:] == 1).all()


class Unnamed(Ramp):
    """Sound without a file of its own."""

    def audio_file(self) -> tuple[str, int, int] | None:
        return None


class UnnamedBroken(Unnamed, Broken):
    pass


def test_other_inputs_make_another_job() -> None:
    class Other(Ramp):
        def features(self, name: str) -> NDArray[np.float32] | None:
            return np.ones((7, 1), dtype=np.float32)

        def features_file(self, name: str) -> tuple[str, int, int] | None:
            return self._file

        _file: tuple[str, int, int] | None = None

    inputs, named = Everything().inputs, Other("a", 3)
    named._file = ("rows.pkl", 1, 1)
    tracks = [Ramp("a", 3), Ramp("a", 3, None), Ramp("a", 3, text="other"), Other("a", 3), named]
    tracks += [Unnamed("a", 3), Unnamed("a", 3, 200), UnnamedBroken("a", 3)]
    found = [json.dumps(identify_inputs(inputs, track)) for track in tracks]
    assert len(set(found)) == len(tracks)
    assert found[0] == json.dumps(identify_inputs(inputs, Ramp("a", 3)))
    assert identify_inputs(frozenset({"frames"}), Ramp("a", 3)) == []
