"""emotieffnet: an ONNX file of EmotiEffLib as timm's network, its heads, its published post-processing."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from abawbench.contracts import Model, UsageError, Weights
from abawbench.harness.request.protocol import Protocol
from abawbench.nn import is_frozen
from abawbench.plugins import Plugins
from abawbench_plugins.models.emotieffnet import sources
from abawbench_plugins.models.emotieffnet.model import AU_THRESHOLDS, EmotiEffNet, EmotiEffNetSettings
from abawbench_plugins.tasks import au, emi, va

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module]:
    """A network with uneven BatchNorm and ten logits, and its ONNX file as EmotiEffLib's exporter makes it."""
    torch.manual_seed(0)
    network: Any = timm.create_model("tf_efficientnet_b0", pretrained=False, num_classes=10).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.8, 1.2)  # type: ignore[union-attr]
            nn.init.uniform_(module.bias, -0.1, 0.1)
    path = tmp_path_factory.mktemp("onnx") / "enet_b0_8_va_mtl.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (torch.zeros(1, 3, 64, 64),), path, dynamo=False)
    return path, network


def test_an_onnx_file_gives_the_network_it_was_made_from(exported: tuple[Path, nn.Module]) -> None:
    path, original = exported
    state = sources.read_backbone(sources.find_weights(f"affectnet={path}"))
    assert state is not None
    again: Any = timm.create_model("tf_efficientnet_b0", pretrained=False, num_classes=10).eval()
    again.load_state_dict(state, strict=True)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(again(images), original(images), rtol=1e-4, atol=1e-5)


def test_the_affectnet_classifier_is_frozen_with_the_network(exported: tuple[Path, nn.Module]) -> None:
    weights = sources.find_weights(f"affectnet={exported[0]}")
    network: Any = EmotiEffNet(EmotiEffNetSettings()).network(va.task(), weights)
    classifier, linear = network.head.body
    assert is_frozen(network.embed)
    assert is_frozen(classifier)
    assert linear.weight.shape == (2, 10)
    track: Any = EmotiEffNet(EmotiEffNetSettings()).network(emi.task(), weights)
    assert is_frozen(track.head.classifier)
    assert track.head.linear.weight.shape == (6, 40)


def test_a_foreign_onnx_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(nn.Conv2d(3, 4, 3), (torch.zeros(1, 3, 8, 8),), path, dynamo=False)
    with pytest.raises(UsageError, match="other convolutions"):
        sources.read_backbone(Weights(source=f"affectnet={path}", path=str(path)))
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UsageError, match="not an ONNX file"):
        sources.read_backbone(Weights(source=f"affectnet={path}", path=str(path)))


def test_the_file_that_emotiefflib_keeps_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("ABAWBENCH_NETWORK", "0")
    with pytest.raises(UsageError, match="weights fetch emotieffnet affectnet --network"):
        sources.find_weights("affectnet")
    kept = tmp_path / ".emotiefflib" / "enet_b0_8_va_mtl.onnx"
    kept.parent.mkdir()
    kept.write_bytes(b"x")
    assert sources.find_weights("affectnet").path == str(kept)


MODEL = EmotiEffNet(EmotiEffNetSettings())
PLUGINS = Plugins(third_party=False)


def test_published_smoothing_and_thresholds_are_the_models() -> None:
    protocol, thresholds = Protocol(smoothing="published", thresholds="published").of_model(MODEL, au.task())
    assert protocol.smoothing == "box:4"
    assert tuple(thresholds.values()) == AU_THRESHOLDS
    assert thresholds["AU25"] == 0.3
    for name, smoothing in (("expr", "box:50"), ("va", "box:50"), ("ah", "box:10")):
        task = PLUGINS.get("task", name).build()
        assert Protocol(smoothing="published").of_model(MODEL, task)[0].smoothing == smoothing


@pytest.mark.parametrize("name", ["ce", "vd", "mtl", "emi"])
def test_where_no_smoothing_is_published_none_is_claimed(name: str) -> None:
    assert MODEL.postprocessing(PLUGINS.get("task", name).build()) == {}


def test_nothing_published_takes_effect_unless_asked_for() -> None:
    assert Protocol().of_model(MODEL, au.task()) == (Protocol(), {})


def test_a_model_without_published_thresholds_says_so() -> None:
    class Plain(EmotiEffNet):
        name = "plain"
        postprocessing = Model.postprocessing

    with pytest.raises(UsageError, match="'plain' has no published thresholds"):
        Protocol(thresholds="published").of_model(Plain(EmotiEffNetSettings()), au.task())
