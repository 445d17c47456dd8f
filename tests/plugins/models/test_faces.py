"""The face systems and the official baselines: sizes against what their sources print, weights, frozen parts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision.models import regnet_y_400mf, vgg16

from abawbench.contracts import Model, Task, UsageError, Weights
from abawbench.harness.measure.counting import count_macs, count_parameters
from abawbench.nn import is_frozen
from abawbench_plugins.models.ddamfn.model import DDAMFN, DDAMFNWithCLIP
from abawbench_plugins.models.emotieffnet.model import EmotiEffNet
from abawbench_plugins.models.official.model import ResNet50VA, VGGFace
from abawbench_plugins.models.regnet_vit.model import RegNetViT

pytestmark = pytest.mark.slow

MODELS = (EmotiEffNet, RegNetViT, DDAMFN, DDAMFNWithCLIP, ResNet50VA, VGGFace)
TINY: dict[str, Any] = {"size": "tiny", "image": 32, "length": 4, "stride": 4}
NONE = Weights(source="none")


def task(kind: str = "multilabel", level: str = "frame", outputs: int = 12) -> Task:
    return Task(
        name="t",
        level=level,  # type: ignore[arg-type]
        kind=kind,  # type: ignore[arg-type]
        outputs=tuple(f"o{n}" for n in range(outputs)),
        metric="",
        database="",
        label="",
        edition=8,
        activation="sigmoid",
        loss="",
    )


def build(model: type[Model], weights: Weights = NONE, on: Task | None = None, **settings: Any) -> Any:
    made: Any = model
    return made(made.Settings(**settings)).network(on or task(), weights)


@dataclass(frozen=True)
class Size:
    """What a source prints for the part of a network that it names."""

    model: type[Model]
    part: Callable[[Any], nn.Module]
    side: int
    parameters: int
    gmacs: float


def faces_of(network: Any) -> nn.Module:
    """Return DDAMFN with the classifier of its eight classes, as its source counts it."""
    return nn.Sequential(network.embed, network.head.body, nn.Linear(512, 8), nn.BatchNorm1d(8))


SIZES = {
    "EfficientNet-B0": Size(EmotiEffNet, lambda n: n.embed, 224, 4_007_548, 0.3845),
    "RegNetY-400MF": Size(RegNetViT, lambda n: nn.Sequential(n.embed, n.head.trunk), 112, 3_903_144, 0.1099),
    "DDAMFN": Size(DDAMFN, faces_of, 112, 4_135_712, 0.5396),
    "CLIP ViT-B/32": Size(DDAMFNWithCLIP, lambda n: n.embed.second, 224, 87_456_000, 4.4084),
    "ResNet-50": Size(ResNet50VA, lambda n: n.embed, 112, 23_508_032, 1.0759),
}


@pytest.mark.parametrize("name", SIZES)
def test_parameters_and_macs_are_those_of_the_source(name: str) -> None:
    size = SIZES[name]
    part = size.part(build(size.model)).eval()
    assert count_parameters(part).total == size.parameters
    macs = count_macs(part, torch.zeros(1, 3, size.side, size.side)).total["flop_counter"]
    assert round(macs / 1e9, 4) == size.gmacs


def test_vgg16_has_the_published_size_with_its_thousand_classes() -> None:
    with torch.device("meta"):
        network = build(VGGFace, on=task(outputs=1000))
    assert count_parameters(network).total == 138_357_544


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("kind", "level"),
    [("regression", "frame"), ("multiclass", "frame"), ("multilabel", "frame"), ("regression", "track")],
)
def test_every_kind_of_task_gets_an_output_for_every_frame_or_clip(model: type[Model], kind: str, level: str) -> None:
    network = build(model, on=task(kind, level, 5), **TINY).eval()
    shape = network(torch.randn(2, 4, 3, 32, 32)).shape
    assert shape == ((2, 5) if model is EmotiEffNet and level == "track" else (2, 4, 5))


@pytest.mark.parametrize("model", MODELS)
def test_embed_and_head_give_what_the_module_gives_and_a_shared_frame_is_computed_once(model: type[Model]) -> None:
    network, images = build(model, **TINY).eval(), torch.randn(6, 3, 32, 32)
    index = torch.tensor([[0, 1, 2, 3], [2, 3, 4, 5], [5, 5, 5, 5]])
    with torch.no_grad():
        torch.testing.assert_close(network.head(network.embed(images), index), network(images[index]))


@pytest.mark.parametrize("model", MODELS)
def test_random_features_are_never_frozen_by_themselves(model: type[Model]) -> None:
    network = build(model, **TINY)
    unused = (".conv_dw.bn.", ".conv_dw.prelu.")
    held = [n for n, p in network.named_parameters() if not p.requires_grad and not any(u in n for u in unused)]
    assert held == []


@pytest.mark.parametrize("model", MODELS[:4] + MODELS[5:])
def test_what_the_recipe_freezes_can_be_cached(model: type[Model]) -> None:
    network = build(model, freeze="published", **TINY)
    assert is_frozen(network.embed)
    assert any(p.requires_grad for p in network.head.parameters())


def test_ddamfn_may_freeze_all_up_to_a_faces_features() -> None:
    network = build(DDAMFN, freeze="published", part="all", **TINY)
    assert is_frozen(network.embed)
    assert network.embed(torch.zeros(2, 3, 32, 32)).shape == (2, 64)


def test_the_fixed_normalisation_of_regnet_stays_in_evaluation_mode() -> None:
    network = build(RegNetViT, freeze="published", **TINY).train()
    norms = [m for m in network.head.trunk.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)


def test_the_attention_heads_of_ddamfn_are_pushed_apart() -> None:
    network = build(DDAMFN, **TINY).train()
    clips = torch.randn(2, 4, 3, 32, 32)
    optimiser = torch.optim.Adam(network.head.parameters(), lr=1e-2)
    found = []
    for _ in range(5):
        network(clips)
        penalty = network.head.penalty()
        found.append(float(penalty.detach()))
        optimiser.zero_grad()
        penalty.backward()
        optimiser.step()
    assert found[-1] < found[0]
    network.eval()(clips)
    assert network.head.penalty() is None


def test_ddamfn_trains_on_a_batch_of_one_distinct_image() -> None:
    network = build(DDAMFN, **TINY).train()
    out = network(torch.randn(1, 1, 3, 32, 32))
    assert torch.isfinite(out).all()
    out.sum().backward()
    network(torch.randn(2, 4, 3, 32, 32))
    assert all(module.training for module in network.head.body.modules())


@pytest.mark.parametrize("model", MODELS)
def test_synthetic_data_start_from_nothing_and_small(model: type[Model]) -> None:
    made: Any = model
    assert made(made.Settings()).weights(None, synthetic=True).source == "none"
    assert made.Settings.on_synthetic["size"] == "tiny"


@pytest.mark.parametrize("model", MODELS)
def test_tiny_networks_refuse_weights_of_full_ones(model: type[Model], tmp_path: Path) -> None:
    torch.save({}, tmp_path / "w.pth")
    with pytest.raises(UsageError, match="of the full network"):
        build(model, Weights(source="clip=x", path=str(tmp_path / "w.pth")), **TINY)


@pytest.mark.parametrize("setting", [{"image": 40}, {"length": 0}, {"stride": 2}])
@pytest.mark.parametrize("model", [DDAMFN, ResNet50VA])
def test_impossible_settings_are_refused(model: type[Model], setting: dict[str, Any]) -> None:
    made: Any = model
    with pytest.raises(UsageError, match=f"{next(iter(setting))}="):
        made.Settings(**{"length": 1, "stride": 1} | setting)


@pytest.mark.parametrize(
    ("model", "setting"),
    [
        (EmotiEffNet, {"hidden": -1}),
        (EmotiEffNet, {"hidden": 0}),
        (VGGFace, {"dropout": 1.5}),
        (VGGFace, {"dropout": -1}),
    ],
)
def test_impossible_sizes_of_heads_are_refused(model: type[Model], setting: dict[str, Any]) -> None:
    made: Any = model
    with pytest.raises(UsageError, match=f"{next(iter(setting))}="):
        made.Settings(**setting)


def test_torchvisions_files_are_looked_for_where_torch_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path))
    kept = tmp_path / ".cache" / "torch" / "hub" / "checkpoints" / "vgg16-397923af.pth"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"damaged")
    model = VGGFace(VGGFace.Settings())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"{kept} is not torchvision's vgg16-397923af.pth of the first use"):
        model.weights("imagenet", synthetic=False)


def random_state(network: nn.Module) -> dict[str, Tensor]:
    return {name: torch.rand_like(v) if v.is_floating_point() else v for name, v in network.state_dict().items()}


def test_torchvisions_regnet_is_loaded_into_the_frozen_and_the_trained_part(tmp_path: Path) -> None:
    state = random_state(regnet_y_400mf(weights=None))
    torch.save(state, tmp_path / "r.pth")
    network = build(RegNetViT, Weights(source="imagenet=r", path=str(tmp_path / "r.pth")))
    assert is_frozen(network.embed)
    torch.testing.assert_close(network.embed[0][0].weight, state["stem.0.weight"])
    torch.testing.assert_close(network.head.trunk[2].state_dict()["block4-0.proj.0.weight"],
                               state["trunk_output.block4.block4-0.proj.0.weight"])  # fmt: skip


def public_ddamfn(network: Any) -> dict[str, Tensor]:
    """Return a checkpoint in the public form: its names, the unused layers, training state around it."""
    state = {f"features.{n}": v for n, v in random_state(network.embed).items()} | random_state(network.head.body)
    unused = {f"cat_head{n}.CoordAtt.Linear.conv.weight": torch.zeros(512, 1, 7, 7) for n in (0, 1)}
    return state | unused | {"fc.weight": torch.zeros(8, 512), "fc.bias": torch.zeros(8), "bn.weight": torch.ones(8)}


def test_the_public_weights_of_ddamfn_are_read_without_their_unused_entries(tmp_path: Path) -> None:
    state, path = public_ddamfn(build(DDAMFN)), tmp_path / "d.pth"
    torch.save({"iter": 3, "model_state_dict": state, "optimizer_state_dict": {}}, path)
    network = build(DDAMFN, Weights(source="affectnet=d", path=str(path)))
    assert is_frozen(network.embed)
    assert not is_frozen(network.head.body)
    torch.testing.assert_close(network.embed[8].conv.weight, state["features.8.conv.weight"])
    torch.testing.assert_close(network.head.body.Linear.conv.weight, state["Linear.conv.weight"])
    with pytest.raises(UsageError, match="112"):
        build(DDAMFN, Weights(source="affectnet=d", path=str(path)), image=224)


@pytest.mark.parametrize("names", ["torchvision", "descriptor"])
def test_vgg16_is_read_under_either_naming(tmp_path: Path, names: str) -> None:
    with torch.device("meta"):
        state = dict(vgg16(weights=None).state_dict())
    state = {name: torch.full(v.shape, float(n), dtype=torch.float16) for n, (name, v) in enumerate(state.items())}
    stored = state
    if names == "descriptor":
        layers = [f"conv{b}_{i}" for b, n in enumerate((2, 2, 3, 3, 3), 1) for i in range(1, n + 1)]
        layers += ["fc6", "fc7", "fc8"]
        stored = {f"{layers[n // 2]}.{name.rpartition('.')[2]}": v for n, (name, v) in enumerate(state.items())}
    path = tmp_path / "v.safetensors"
    from safetensors.torch import save_file

    save_file(stored, path)
    network = build(VGGFace, Weights(source="vggface=v", path=str(path)))
    assert is_frozen(network.embed)
    assert float(network.embed[28].bias[0]) == float(state["features.28.bias"][0])
    assert float(network.head.body[5].bias[0].detach()) == float(state["classifier.3.bias"][0])
    assert network.head.body[8].out_features == 12


def test_timms_resnet_is_read_without_its_classes(tmp_path: Path) -> None:
    state = timm.create_model("resnet50", pretrained=False).state_dict()
    torch.save(state, tmp_path / "r.pth")
    network = build(ResNet50VA, Weights(source="imagenet=r", path=str(tmp_path / "r.pth")))
    torch.testing.assert_close(network.embed.conv1.weight, state["conv1.weight"])
    assert not is_frozen(network.embed)


class Malicious:
    """A pickle of this creates the file when it is loaded as an object."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("model", [EmotiEffNet, RegNetViT, DDAMFN, ResNet50VA, VGGFace])
def test_a_checkpoint_that_would_run_code_is_refused_and_creates_nothing(model: type[Model], tmp_path: Path) -> None:
    path, created = tmp_path / "evil.pt", tmp_path / "created"
    torch.save({"state_dict": {"weight": Malicious(created)}}, path)
    with pytest.raises(UsageError, match=r"evil\.pt is not a PyTorch checkpoint of plain tensors"):
        build(model, Weights(source="affectnet=x", path=str(path)))
    assert not created.exists()


@pytest.mark.parametrize("model", MODELS)
def test_weights_that_are_not_there_are_refused_with_what_to_do(
    model: type[Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("ABAWBENCH_NETWORK", "0")
    made: Any = model
    plugin = made(made.Settings())
    with pytest.raises(UsageError, match=r"=FILE|run: abawbench weights fetch .* --network"):
        plugin.weights(None, synthetic=False)
    with pytest.raises(UsageError, match=r"give --weights|needs"):
        plugin.weights("nonsense", synthetic=False)
