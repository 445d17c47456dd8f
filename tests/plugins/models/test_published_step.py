"""One step of ``recipe=published`` against the formulas of the publication, written down here a second time.

The formulas are those of abaw-protocols, section 9: the mixers token by token, the three losses, AdamW's first step. Of
ours only the parameters are taken; the backbone is timm's own.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import timm
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor

from abawbench.contracts import LabelledTrack, Labels, Task, Track, Weights
from abawbench.harness.learn.learner import NetworkLearner, Setting
from abawbench.harness.learn.optimisation import Optimisation, Order
from abawbench.harness.request.protocol import OFFICIAL
from abawbench.harness.request.settings import apply
from abawbench.plugins import Plugins
from abawbench.progress import Progress
from abawbench_plugins.models.mnv4_tam.model import MobileNetV4TAM, TAMSettings

pytestmark = pytest.mark.slow

SIZE, LENGTH, CLIPS, BATCH = 64, 8, 8, 4
LEARNING_RATE, DECAY, DROPOUT = 5e-4, 2e-5, 0.3
LEVELS = {"mid": (2, 64, 4), "low": (3, 96, 2), "last": (4, 960, 1)}
"""Mixer -> which of timm's five maps, its channels, and the sides of a patch; all see four frames at once."""
PIXELS = np.random.default_rng(0).integers(0, 256, (CLIPS * LENGTH, SIZE, SIZE, 3), dtype=np.uint8)


class Clips(Track):
    """A track whose frames are the pixels above, cut into eight clips."""

    id = subject = "a"
    n_frames, rate = CLIPS * LENGTH, 30.0

    def frame_mask(self) -> NDArray[np.bool_]:
        return np.ones(self.n_frames, dtype=np.bool_)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        return PIXELS[indices], np.ones(len(indices), dtype=np.bool_)

    def frame_files(self) -> list[tuple[str, int, int]]:
        return [(f"a/{frame}", 1, 1) for frame in range(self.n_frames)]


def labels(task: Task) -> NDArray[Any]:
    random = np.random.default_rng(1)
    if task.kind == "regression":
        return random.uniform(-1, 1, (CLIPS * LENGTH, 2))
    if task.kind == "multiclass":
        return random.integers(0, 8, CLIPS * LENGTH)
    return random.integers(0, 2, (CLIPS * LENGTH, 12))


def tokens(maps: Tensor, patch: int) -> Tensor:
    """Cut [B, T, C, H, W] into tokens, over rows, columns and time.

    Within a token: patch row, patch column, time, channel.
    """
    found = []
    for row in range(0, maps.shape[3], patch):
        for column in range(0, maps.shape[4], patch):
            for time in range(0, maps.shape[1], 4):
                cube = maps[:, time : time + 4, :, row : row + patch, column : column + patch]
                found.append(cube.permute(0, 3, 4, 1, 2).flatten(1))
    return torch.stack(found, dim=1)


def normalise(x: Tensor, p: dict[str, Tensor], name: str) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return scaled * p[f"{name}.weight"] + p[f"{name}.bias"]


def linear(x: Tensor, p: dict[str, Tensor], name: str) -> Tensor:
    return x @ p[f"{name}.weight"].flatten(1).T + p[f"{name}.bias"]


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def mix(maps: Tensor, patch: int, p: dict[str, Tensor], name: str) -> Tensor:
    x = linear(tokens(maps, patch), p, f"{name}.project")
    across = normalise(x, p, f"{name}.token_norm").transpose(1, 2)
    across = linear(gelu(linear(across, p, f"{name}.token_mlp.0")), p, f"{name}.token_mlp.2")
    x = x + across.transpose(1, 2)
    within = normalise(x, p, f"{name}.channel_norm")
    x = x + linear(gelu(linear(within, p, f"{name}.channel_mlp.0")), p, f"{name}.channel_mlp.2")
    return linear(normalise(x, p, f"{name}.norm").mean(1), p, f"{name}.output")


def published_loss(logits: Tensor, target: Tensor, task: Task) -> Tensor:
    """Of logits [B, K], one row per clip that is copied to its frames, and labels [B, T, ...]."""
    x = logits[:, None].expand(-1, LENGTH, -1).reshape(-1, logits.shape[-1])
    y = target.flatten(0, 1)
    if task.name == "va":
        x = torch.tanh(x)
        covariance = ((x - x.mean(0)) * (y - y.mean(0))).mean(0)
        ccc = 2 * covariance / (x.var(0) + y.var(0) + (x.mean(0) - y.mean(0)) ** 2 + 1e-8)
        return 1 - ccc.mean()
    if task.name == "au":
        p = torch.sigmoid(x)
        p_true = torch.where(y == 1, p, 1 - p)
        return (torch.where(y == 1, 0.75, 0.25) * (1 - p_true) ** 2 * -p_true.log()).mean()
    smoothed = torch.eye(8, dtype=x.dtype)[y] * 0.9 + 0.1 / 8
    log_p = x - x.exp().sum(1, keepdim=True).log()
    p_target = log_p.exp()[torch.arange(len(y)), y]
    focal = 0.75 * (1 - p_target) ** 2 * -(smoothed * log_p).sum(1)
    divergence = (smoothed * (smoothed.log() - log_p)).sum() / len(y)
    return 0.8 * focal.mean() + 0.2 * divergence


def published_step(state: dict[str, Tensor], clips: Tensor, target: Tensor, task: Task) -> Any:
    """Return loss, parameters and statistics after one step, by the names of our network."""
    backbone = timm.create_model("mobilenetv4_conv_small", features_only=True, pretrained=False).double()
    own = {name.split(".", 1)[1].removeprefix("trunk."): tensor for name, tensor in state.items()}
    backbone.load_state_dict({name: own[name] for name in backbone.state_dict()})
    backbone.train()
    for part in (backbone.conv_stem, backbone.bn1):
        part.requires_grad_(False).eval()
    heads = {
        name: tensor.clone().requires_grad_()
        for name, tensor in own.items()
        if name.startswith(("mixers.", "classifier."))
    }
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    pixels = ((clips.to(torch.float32) / 255 - mean) / std).to(torch.float64)
    maps = backbone(pixels.flatten(0, 1))
    pooled = [
        mix(maps[at].unflatten(0, (BATCH, LENGTH)), patch, heads, f"mixers.{name}")
        for name, (at, _, patch) in LEVELS.items()
    ]
    torch.manual_seed(3)
    kept = torch.dropout(torch.ones(BATCH, 3 * 256, dtype=torch.float64), DROPOUT, train=True)
    loss = published_loss(linear(torch.cat(pooled, 1) * kept, heads, "classifier"), target, task)
    loss.backward()
    trained = {f"trunk.{name}": p for name, p in backbone.named_parameters() if p.requires_grad} | heads
    with torch.no_grad():
        for p in trained.values():
            p.mul_(1 - LEARNING_RATE * DECAY)
            mean, square = 0.1 * p.grad / (1 - 0.9), 0.001 * p.grad**2 / (1 - 0.999)
            p.sub_(LEARNING_RATE * mean / (square.sqrt() + 1e-8))
    statistics = {f"trunk.{n}": b for n, b in backbone.named_buffers() if n.startswith("blocks.")}
    return loss.item(), {f"head.{name}": p.detach() for name, p in (trained | statistics).items()}


@pytest.mark.parametrize("name", ["au", "expr", "va"])
def test_a_step_of_the_published_recipe_is_the_published_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # in float64: AdamW's first step has the gradient's sign, and of one that is nearly zero rounding would decide it
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    plugins = Plugins()
    task = plugins.get("task", name).build()
    settings: Any = apply(TAMSettings, {"recipe": "published", "size": SIZE, "batch": BATCH}, "mnv4-tam")
    model = MobileNetV4TAM(replace(settings, augmentation={}))  # the clips are given
    metric = plugins.get("metric", task.metric).build(task)
    setting = Setting(task=task, metric=metric, protocol=OFFICIAL, accelerator=Accelerator(cpu=True))
    torch.manual_seed(0)
    learner = NetworkLearner(model, model.network(task, Weights(source="none")), setting)
    track, known = Clips(), labels(task)
    inputs = learner.embed([track], Progress())
    optimisation = Optimisation(
        learner, inputs, [LabelledTrack(track, Labels(known, np.ones(CLIPS * LENGTH, dtype=np.bool_)))], seed=5
    )
    learner.network.double()
    learner.network.get_submodule("embed").register_forward_pre_hook(lambda _, given: (given[0].double(),))
    before = {key: tensor.clone() for key, tensor in learner.network.state_dict().items()}
    learner.network.train()
    torch.manual_seed(3)
    ((loss, _),) = optimisation.run_epoch(1, 0)  # half of the two batches

    chosen = list(Order(CLIPS, 5))[:BATCH]
    clips = torch.from_numpy(PIXELS).permute(0, 3, 1, 2).unflatten(0, (CLIPS, LENGTH))[chosen]
    target = torch.from_numpy(known).unflatten(0, (CLIPS, LENGTH))[chosen]
    if name == "va":  # labels of regression are float32
        target = target.to(torch.float32).to(torch.float64)
    expected, wanted = published_step(
        before, clips, target.to(torch.float32).to(torch.float64) if name == "va" else target, task
    )
    assert loss == pytest.approx(expected, abs=1e-6)
    after = learner.network.state_dict()
    changed = {key for key in after if not torch.equal(after[key], before[key])}
    assert changed == set(wanted)
    apart = {key: float((after[key] - wanted[key]).abs().max()) for key in wanted}
    assert max(apart.values()) <= 1e-6, max(apart.items(), key=lambda item: item[1])


def test_the_published_numbers_are_those_of_the_authors_code() -> None:
    settings: Any = apply(TAMSettings, {"recipe": "published"}, "mnv4-tam")
    assert (settings.batch, settings.epochs, settings.epoch_share, settings.patience) == (128, 10, 0.5, 3)
    assert (settings.lr, settings.weight_decay, settings.t0, settings.eta_min) == (5e-4, 2e-5, 2000, 1e-6)
    assert (settings.freeze, settings.dropout, settings.length, settings.size) == ("code", 0.3, 8, 224)
    assert settings.augmentation == {
        "flip": 0.5, "brightness": 0.5, "contrast": 0.25, "saturation": 0.25, "erase": 0.5, "blur": 1.0
    }  # fmt: skip
