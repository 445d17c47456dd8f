"""mnv4-tam against the published sizes, and its frozen part against the whole."""

import argparse
import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from abawbench.contracts import Clip, Task, UsageError, Weights
from abawbench.harness.data.frames import digest_of
from abawbench.harness.measure.counting import count_macs, count_parameters
from abawbench.nn import is_frozen
from abawbench.plugins import Plugins
from abawbench_plugins.models._sources import MNV4_SYNTHETIC, MNV4_TAM
from abawbench_plugins.models.mnv4_tam import model, sources
from abawbench_plugins.models.mnv4_tam.network import BACKBONE, build_network, patches

AU = Task(
    name="au",
    level="frame",
    kind="multilabel",
    outputs=tuple(f"AU{n}" for n in range(12)),
    metric="",
    database="",
    label="",
    edition=8,
    activation="sigmoid",
    loss="",
)
NONE = Weights(source="none")
BUNDLED: Any = MNV4_SYNTHETIC.bundled
BUILDERS = (model.MobileNetV4TAM, model.MobileNetV4TAM2, model.MobileNetV4TAM1)
PUBLISHED = [
    (3, 4_328_202, 1_784_088_064),
    (2, 3_065_728, 1_655_167_488),
    (1, 2_458_614, 1_590_472_192),
]
"""Levels, parameters and MACs per clip of 8; the MACs to four digits are 1.7841, 1.6552 and 1.5905 G."""


def build(**settings: Any) -> Any:
    return model.MobileNetV4TAM(model.TAMSettings(**settings)).network(AU, NONE)


def backbone() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return timm.create_model("mobilenetv4_conv_small", pretrained=False).state_dict()


@pytest.mark.slow
@pytest.mark.parametrize(("levels", "parameters", "macs"), PUBLISHED)
def test_sizes_are_the_published_ones(levels: int, parameters: int, macs: int) -> None:
    network = build(levels=levels)
    assert count_parameters(network).total == parameters
    found = count_macs(network, torch.zeros(1, 8, 3, 224, 224))
    assert found.total["flop_counter"] == macs
    assert found.difference == {}
    assert sum(found.difference.values()) == found.total["fvcore"] - macs
    assert found.missed_products == {}


def test_mixers_have_the_published_sizes() -> None:
    sizes = {name: count_parameters(mixer).total for name, mixer in build().head.mixers.items()}
    assert sizes == {"mid": 1_259_402, "low": 604_042, "last": 1_193_866}


@pytest.mark.parametrize(
    ("freeze", "trained"), [("paper", 128 * 960 + 2 * 960), ("code", 1_260_736), ("none", 1_261_664)]
)
def test_freezing_trains_the_named_part_of_the_backbone(freeze: str, trained: int) -> None:
    network = build(freeze=freeze)
    assert count_parameters(network.head.trunk).trained == trained
    assert count_parameters(network.embed).trained == 0
    assert count_parameters(network.embed).total == 1_261_664 - trained
    assert is_frozen(network.embed) is (freeze != "none")


@pytest.mark.parametrize(("freeze", "levels"), [("paper", 3), ("paper", 1), ("code", 2), ("none", 3)])
def test_embed_and_head_give_what_the_module_gives(freeze: str, levels: int) -> None:
    network, clips = build(freeze=freeze, levels=levels, size=32).eval(), torch.randn(2, 8, 3, 32, 32)
    with torch.no_grad():
        features = network.embed(clips.flatten(0, 1))
        torch.testing.assert_close(network.head(features, torch.arange(16).view(2, 8)), network(clips))


def test_how_much_is_frozen_does_not_change_the_function() -> None:
    networks = [build(freeze=freeze, size=32).eval() for freeze in ("paper", "code", "none")]
    states = [network.state_dict() for network in networks]
    names = {name.removeprefix("embed.").removeprefix("head.trunk."): name for name in states[0]}
    clips = torch.randn(1, 8, 3, 32, 32)
    with torch.no_grad():
        expected = networks[0](clips)
        for network, state in zip(networks[1:], states[1:], strict=True):
            same = {key: states[0][names[key.removeprefix("embed.").removeprefix("head.trunk.")]] for key in state}
            network.load_state_dict(same, strict=True)
            torch.testing.assert_close(network(clips), expected)


@pytest.mark.parametrize("freeze", ["paper", "code", "none"])
def test_shared_and_repeated_frames_are_computed_once(freeze: str) -> None:
    network, images = build(freeze=freeze, size=32).eval(), torch.randn(10, 3, 32, 32)
    index = torch.tensor([range(8), [2, 3, 4, 5, 6, 7, 8, 9], [8, 9, 9, 9, 9, 9, 9, 9]])
    with torch.no_grad():
        torch.testing.assert_close(network.head(network.embed(images), index), network(images[index]))


def test_training_changes_everything_but_the_frozen_part() -> None:
    torch.manual_seed(0)
    network = build(size=32).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-2)
    network(torch.randn(2, 8, 3, 32, 32)).square().sum().backward()
    optimiser.step()
    unchanged = {name for name, value in network.state_dict().items() if torch.equal(value, before[name])}
    assert unchanged == {name for name in before if name.startswith("embed.")}


def test_the_three_maps_are_those_of_the_whole_backbone() -> None:
    state = {n: v for n, v in backbone().items() if not n.startswith(("conv_head", "norm_head", "classifier"))}
    whole = timm.create_model("mobilenetv4_conv_small", features_only=True, pretrained=False)
    whole.load_state_dict(state)
    network, images = build_network(2, size=64, state=state).eval(), torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        maps = network.head.trunk(network.embed(images))
        for ours, theirs in zip(maps, whole.eval()(images)[-3:], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_patches_are_ordered_as_published() -> None:
    b, t, h, w, c, p = 2, 8, 4, 6, 3, 2
    x = torch.arange(b * t * h * w * c).view(b, t, h, w, c)
    found = patches(x, p)
    assert found.shape == (b, (h // p) * (w // p) * (t // 4), p * p * 4 * c)
    row, column, time, i, j, frame, channel = 1, 2, 1, 1, 0, 3, 2
    token = (row * (w // p) + column) * (t // 4) + time
    feature = ((i * p + j) * 4 + frame) * c + channel
    assert found[1, token, feature] == x[1, time * 4 + frame, row * p + i, column * p + j, channel]


def test_the_recipe_is_the_published_one() -> None:
    s = model.TAMSettings()
    assert (s.lr, s.weight_decay, s.schedule, s.t0, s.eta_min) == (5e-4, 2e-5, "cosine-restarts", 2000, 1e-6)
    assert (s.patience, s.epochs, s.dropout, s.length, s.size) == (3, 5, 0.3, 8, 224)
    assert s.loss_options["multilabel"] == {"alpha": 0.75, "gamma": 2.0}
    assert [builder.Settings().levels for builder in BUILDERS] == [3, 2, 1]


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("freeze", "most", "paper, code or none"),
        ("levels", 4, "1, 2 or 3"),
        ("dropout", 1.0, "below 1"),
        ("length", 6, "a multiple of 4"),
        ("stride", 9, "1 to the clip's length 8"),
        ("size", 112, "a multiple of 32"),
        ("hidden", 7, "even"),
    ],
)
def test_impossible_settings_are_refused_with_what_is_possible(setting: str, value: object, remedy: str) -> None:
    with pytest.raises(UsageError, match=f"{setting}=.*{remedy}"):
        model.TAMSettings(**{setting: value})


def test_other_lengths_and_sizes_fit() -> None:
    network = build(length=12, size=64, hidden=32).eval()
    assert network(torch.zeros(1, 12, 3, 64, 64)).shape == (1, 12)


def test_declarations_name_builders_that_build_what_they_say() -> None:
    plugins = Plugins(third_party=False)
    found = [plugins.get("model", name) for name in ("mnv4-tam", "mnv4-tam-2", "mnv4-tam-1")]
    assert [plugin.builder() for plugin in found] == list(BUILDERS)
    assert [plugin.build(plugin.builder().Settings()).name for plugin in found] == [plugin.name for plugin in found]


def test_declaring_imports_nothing_heavy() -> None:
    code = (
        "import sys; from abawbench_plugins.models import abawbench_plugins as f; assert len(f()) > 10; "
        "print(sorted({'torch', 'timm', 'transformers', 'pandas', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_weights_default_by_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "find_weights", lambda spec: Weights(source=spec))
    plugin = model.MobileNetV4TAM(model.TAMSettings())
    assert plugin.weights(None, synthetic=True).source == "synthetic"
    assert plugin.weights(None, synthetic=False).source == "imagenet"
    assert plugin.weights("none", synthetic=True).source == "none"


def test_unknown_weights_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'vggface'.*synthetic, imagenet, affectnet=FILE or none"):
        sources.find_weights("vggface")


def test_missing_files_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a file"):
        sources.find_weights(f"affectnet={tmp_path / 'gone.pth.tar'}")
    with pytest.raises(UsageError, match="not a file"):
        sources.find_weights("affectnet")
    gone = replace(MNV4_TAM[0], bundled=tmp_path / "gone.safetensors")
    monkeypatch.setattr(sources, "MNV4_TAM", (gone, *MNV4_TAM[1:]))
    with pytest.raises(UsageError, match="missing from this installation"):
        sources.find_weights("synthetic")


@pytest.mark.parametrize("form", ["bare", "training", "averaged", "parallel"])
def test_the_authors_checkpoint_is_read_in_every_form(tmp_path: Path, form: str) -> None:
    state = backbone()
    other = {name: torch.zeros_like(value) for name, value in state.items()}
    content = {
        "bare": state,
        "training": {"state_dict": state, "epoch": 3, "args": argparse.Namespace(lr=0.002)},
        "averaged": {"state_dict": other, "state_dict_ema": state},
        "parallel": {"state_dict": {f"module.{name}": value for name, value in state.items()}},
    }[form]
    path = tmp_path / "model_best.pth.tar"
    torch.save(content, path)
    weights = sources.find_weights(f"affectnet={path}")
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights.trained_on == ("AffectNet expressions",)
    network = model.MobileNetV4TAM(model.TAMSettings()).network(AU, weights)
    torch.testing.assert_close(network.embed.conv_stem.weight, state["conv_stem.weight"])
    torch.testing.assert_close(
        network.head.trunk.blocks["4"].state_dict()["0.conv.weight"], state["blocks.4.0.conv.weight"]
    )


def test_half_precision_safetensors_without_batch_counters_are_read(tmp_path: Path) -> None:
    state = {name: value.half() for name, value in backbone().items() if value.is_floating_point()}
    path = tmp_path / "half.safetensors"
    save_file(state, path)
    network = model.MobileNetV4TAM(model.TAMSettings()).network(AU, Weights(source="synthetic", path=str(path)))
    assert network.embed.conv_stem.weight.dtype == torch.float32
    torch.testing.assert_close(network.embed.conv_stem.weight, state["conv_stem.weight"].float())


def test_a_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    weights = Weights(source=f"affectnet={path}", path=str(path))
    torch.save({"state_dict": timm.create_model("resnet18", pretrained=False).state_dict()}, path)
    with pytest.raises(UsageError, match="does not hold timm's mobilenetv4_conv_small"):
        sources.read_backbone(weights)
    torch.save([1, 2], path)
    with pytest.raises(UsageError, match="holds list, not named parameters"):
        sources.read_backbone(weights)
    torch.save({"state_dict": backbone(), "code": Path}, path)
    with pytest.raises(UsageError, match="not a PyTorch checkpoint of plain tensors"):
        sources.read_backbone(weights)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(UsageError, match="is not a PyTorch checkpoint; give the authors' file"):
        sources.read_backbone(weights)


@pytest.mark.skipif(not BUNDLED.is_file(), reason="the bundled weights are not in this checkout")
def test_the_bundled_weights_fit() -> None:
    weights = sources.find_weights("synthetic")
    assert weights.sha256 == hashlib.sha256(BUNDLED.read_bytes()).hexdigest()
    assert sources.read_backbone(weights) is not None


def test_variants_with_other_levels_never_share_cached_features() -> None:
    state = timm.create_model(BACKBONE, features_only=True, pretrained=False).state_dict()
    clip = Clip(length=8, stride=8, size=64)
    built = [build_network(2, levels=levels, size=64, state=state) for levels in (1, 2, 3)]
    assert len({digest_of(network.embed, clip) for network in built}) == 3
