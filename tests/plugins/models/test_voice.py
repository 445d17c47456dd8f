"""The voice encoder hears as its package does, reads its file alone, and its head sees only frames with sound."""

import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from torchaudio.transforms import MelSpectrogram

from abawbench.contracts import UsageError, Weights
from abawbench.plugins import Plugins
from abawbench_plugins.models.voice.network import LOUDNESS, Encoder, Mel, MomentsHead, read_encoder

PLUGINS = Plugins(third_party=False)
DATA = Path(os.environ.get("ABAWBENCH_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


def build(**settings: Any) -> Any:
    plugin = PLUGINS.get("model", "voice")
    return plugin.build(plugin.builder().Settings(**settings))


def checkpoint(path: Path, **others: Any) -> dict[str, torch.Tensor]:
    """Write random parameters as the package keeps them, and return those of the LSTM."""
    state = {n: torch.rand_like(v) - 0.5 for n, v in Encoder("full").state_dict().items()}
    more = {"similarity_weight": torch.ones(1), "linear.weight": torch.zeros(256, 256)}
    torch.save({"step": 1, "model_state": state | more, "optimizer_state": {}} | others, path)
    return state


def test_mel_energies_are_those_of_librosas_definition() -> None:
    samples = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 8000))).float()
    reference = MelSpectrogram(
        16_000, n_fft=400, hop_length=160, n_mels=40, power=2.0, norm="slaney", mel_scale="slaney", pad_mode="constant"
    )(samples * LOUDNESS)
    found = Mel()(samples)
    assert found.shape == (2, 50, 40)
    torch.testing.assert_close(found, reference.transpose(1, 2)[:, :50], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(("samples", "steps"), [(51_200, 32), (4_266, 3), (1_600, 1), (100, 1)])
def test_ten_steps_a_second(samples: int, steps: int) -> None:
    assert Encoder("tiny")(torch.randn(2, samples)).shape == (2, steps, 48)


def test_the_packages_file_is_read_and_frozen(tmp_path: Path) -> None:
    state = checkpoint(tmp_path / "pretrained.pt")
    task = PLUGINS.get("task", "expr-clip").build()
    network: Any = build().network(task, Weights(source="resemblyzer", path=str(tmp_path / "pretrained.pt")))
    held = network.embed["audio"].state_dict()
    assert all(torch.equal(held[name], value) for name, value in state.items())
    assert not any(one.requires_grad for one in network.embed.parameters())
    assert network(torch.randn(2, 16_000)).shape == (2, len(task.outputs))


def test_another_file_is_refused(tmp_path: Path) -> None:
    torch.save({"lstm.weight_ih_l0": torch.zeros(1)}, tmp_path / "a.pt")
    with pytest.raises(UsageError, match="is not the file of the package Resemblyzer"):
        read_encoder(tmp_path / "a.pt")
    torch.save({"model_state": {"lstm.weight_ih_l0": torch.zeros(1)}}, tmp_path / "b.pt")
    with pytest.raises(UsageError, match="does not hold Resemblyzer's encoder"):
        read_encoder(tmp_path / "b.pt")
    checkpoint(tmp_path / "c.pt")
    with pytest.raises(UsageError, match="leave out --set size=tiny"):
        build(size="tiny").network(
            PLUGINS.get("task", "ah").build(), Weights(source="resemblyzer", path=str(tmp_path / "c.pt"))
        )


def test_missing_weights_name_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("abawbench.weights.packages.distribution", absent)
    with pytest.raises(UsageError, match=r"run: pip install --no-deps 'Resemblyzer==0\.1\.4'"):
        build().weights(None, synthetic=False)


def test_frames_without_sound_do_not_count() -> None:
    torch.manual_seed(0)
    head = MomentsHead(5, 3)
    steps = torch.randn(9, 5)
    index = torch.tensor([[0, 1, 2, 8, 8]])
    some = {"audio": torch.tensor([[True, True, True, False, False]])}
    short = {"audio": torch.ones(1, 3, dtype=torch.bool)}
    given, whole = {"audio": steps}, {"audio": index}
    torch.testing.assert_close(head(given, whole, some), head(given, {"audio": index[:, :3]}, short))
    assert torch.isfinite(head(given, whole, {"audio": torch.zeros(1, 5, dtype=torch.bool)})).all()


def _installed() -> bool:
    try:
        return bool(distribution("Resemblyzer"))
    except PackageNotFoundError:
        return False


@pytest.mark.skipif(not _installed() or not DATA.is_dir(), reason="needs Resemblyzer's wheel and real sound")
def test_two_real_actors_are_told_apart() -> None:
    model = build()
    weights = model.weights(None, synthetic=False)
    network: Any = model.network(PLUGINS.get("task", "expr-clip").build(), weights)
    encoder = network.embed["audio"].eval()
    given = torch.load(weights.path, map_location="cpu", weights_only=True)["model_state"]
    spoken = sorted((DATA / "crema-d" / "VideoFlash").glob("*.flv"))
    others = sorted((DATA / "crema-d" / "AudioMP3").glob("*.mp3"))
    voices = []
    for path in [*spoken, *others]:
        with av.open(str(path)) as file:
            resampler = av.AudioResampler("fltp", "mono", 16_000)
            blocks = [out.to_ndarray()[0] for one in file.decode(audio=0) for out in resampler.resample(one)]
        samples = torch.from_numpy(np.concatenate(blocks))
        samples = ((samples - samples.mean()) / samples.std())[None]
        with torch.no_grad():
            assert encoder(samples).shape == (1, -(-(samples.shape[1] // 160) // 10), 256)
            state = encoder.lstm(encoder.mel(samples))[1][0][-1]
            voices.append((state @ given["linear.weight"].T + given["linear.bias"]).relu()[0])
    stack = torch.stack(voices)
    alike = torch.nn.functional.cosine_similarity(stack[:, None], stack[None], dim=-1)
    one, other = len(spoken), len(voices)
    within = torch.cat([alike[:one, :one].flatten(), alike[one:other, one:other].flatten()])
    assert within.mean() > alike[:one, one:].mean() + 0.1
