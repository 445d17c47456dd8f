"""How the bundled backbone weights were made: MobileNetV4-conv-small trained from nothing on drawn faces.

    python tools/pretrain_mnv4.py --out DIR --minutes 46 --processes 2

That command made the bundled file, on two busy cores in 4,076 steps of 64 faces. How far 46 minutes reach depends on
the machine, so it repeats in kind, not bit by bit; `--steps` in place of `--minutes` repeats exactly.

**Results with these weights are synthetic.** The network has seen cartoons of invented people only; the weights let
the whole benchmark run offline and say nothing about real faces.

Every step draws new faces of `TRAINING_PEOPLE` and asks each of the three feature maps that the model reads (64
channels at 1/8, 96 at 1/16, 960 at 1/32) for the action units, their intensities, gaze, blink, head pose and
expression. Pictures are drawn at 112 pixels and enlarged: the first stages train small and fast, the last at the 224
pixels of the model, so that scale and normalisation statistics fit. What is written are the exponentially averaged
weights in half precision, features only, beside a log with the F1 on people that were never trained on.
"""

import argparse
import copy
import csv
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
import torch.distributed as dist
import torch.nn.functional as F
from pretrain_data import (
    EXPRESSIONS,
    PRESENT,
    TRAINING_PEOPLE,
    VALIDATION_PEOPLE,
    Batch,
    batch,
)
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from abawbench_plugins.databases.synthetic.face import AU_NAMES, RENDERING_VERSION

STAGES = ((0.45, 112), (0.66, 160), (1.0, 224))
"""Up to which fraction of the training the pictures have which size."""

LEVEL_WEIGHTS = (0.25, 0.4, 1.0)
_UNITS = len(AU_NAMES)
_OUTPUTS = [_UNITS, _UNITS, 9, len(EXPRESSIONS)]
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Plan:
    """The numbers of one pretraining.

    It ends after `minutes` of wall-clock time or after `steps`; with `steps`, threads and processes fixed it repeats
    exactly on the same machine. Each of `processes` draws and learns from `batch` faces per step.
    """

    out: Path
    minutes: float | None = None
    steps: int | None = None
    seed: int = 0
    processes: int = 1
    threads: int = 1
    batch: int = 32
    learning_rate: float = 2e-3
    save_minutes: float = 3.0
    validation_images: int = 512


class LevelHead(nn.Module):
    """Reads every target from one feature map: from its mean, and from a narrow copy that keeps the location."""

    def __init__(self, channels: int, narrow: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.narrow = nn.Conv2d(channels, narrow, 1)
        self.read = nn.Linear(channels + narrow * grid * grid, sum(_OUTPUTS))

    def forward(self, features: Tensor) -> Tensor:
        """Logits and values, float32 [B, 41]."""
        place = F.adaptive_avg_pool2d(F.relu(self.narrow(features)), self.grid)
        answer: Tensor = self.read(torch.cat([features.mean((2, 3)), place.flatten(1)], dim=1))
        return answer


class Pretraining(nn.Module):
    """The backbone with a head on each of its last three feature maps."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.backbone = timm.create_model("mobilenetv4_conv_small", features_only=True, pretrained=False)
        self.heads = nn.ModuleList([LevelHead(64, 12, 7), LevelHead(96, 16, 7), LevelHead(960, 64, 4)])
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor, size: int) -> list[Tensor]:
        """Answers of the three levels, each float32 [B, 41], for uint8 images [B, H, W, 3] enlarged to `size`."""
        picture = images.permute(0, 3, 1, 2).float() / 255
        if size != picture.shape[-1]:
            picture = F.interpolate(picture, size=(size, size), mode="bilinear", align_corners=False)
        picture = ((picture - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        maps = self.backbone(picture)[-3:]
        return [head(features) for head, features in zip(self.heads, maps, strict=True)]


def level_loss(answer: Tensor, faces: Batch) -> Tensor:
    """The loss of one level's answer [B, 41]: presence, intensity, gaze and pose, expression."""
    presence, intensity, other, expression = torch.split(answer, _OUTPUTS, dim=1)
    truth = torch.from_numpy(faces.intensity)
    loss = F.binary_cross_entropy_with_logits(presence, (truth > PRESENT).float())
    loss = loss + 4 * F.mse_loss(intensity, truth) + 0.5 * F.mse_loss(other, torch.from_numpy(faces.other))
    return loss + 0.2 * F.cross_entropy(expression, torch.from_numpy(faces.expression))


def stage_size(progress: float) -> int:
    """Edge of the pictures in pixels at this fraction of the training."""
    return next((size for until, size in STAGES if progress < until), STAGES[-1][1])


def mean_f1(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the action units of the binary F1, boolean [N, 12] against boolean [N, 12]."""
    hits = (predicted & truth).sum(0)
    return float(np.mean(2 * hits / np.maximum(predicted.sum(0) + truth.sum(0), 1)))


def evaluate(model: Pretraining, images: int, size: int) -> dict[str, float]:
    """F1 of each level on people never trained on, with the two floors: all present, and answers of other faces."""
    model.eval()
    predicted: list[list[np.ndarray]] = [[], [], []]
    truth = []
    with torch.inference_mode():
        for start in range(0, images, 64):
            faces = batch(VALIDATION_PEOPLE, [1, start], min(64, images - start))
            truth.append(faces.intensity > PRESENT)
            for level, answer in enumerate(model(torch.from_numpy(faces.images), size)):
                predicted[level].append((answer[:, :_UNITS] > 0).numpy())
    target = np.concatenate(truth)
    answers = [np.concatenate(parts) for parts in predicted]
    shuffled = answers[2][np.random.default_rng(0).permutation(len(target))]
    return {
        "f1_64": mean_f1(answers[0], target),
        "f1_96": mean_f1(answers[1], target),
        "f1_960": mean_f1(answers[2], target),
        "f1_all_present": mean_f1(np.ones_like(target), target),
        "f1_shuffled": mean_f1(shuffled, target),
    }


def train(plan: Plan, rank: int = 0) -> None:
    """Train as planned and leave `synthetic.safetensors` and `synthetic.csv` in `plan.out`."""
    torch.set_num_threads(plan.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(plan.seed)
    model = Pretraining()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(model)
    parameters = list(model.parameters())
    optimiser = torch.optim.AdamW(_decay_groups(model), lr=plan.learning_rate, fused=True)
    began = saved = time.monotonic()
    progress, step, losses = 0.0, 0, []
    while progress < 1.0:
        size = stage_size(progress)
        faces = batch(TRAINING_PEOPLE, [0, plan.seed, rank, step], plan.batch)
        model.train()
        answers = model(torch.from_numpy(faces.images), size)
        loss = sum((w * level_loss(a, faces) for w, a in zip(LEVEL_WEIGHTS, answers, strict=True)), torch.zeros(()))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        step += 1
        minutes = (time.monotonic() - began) / 60
        done = step / plan.steps if plan.steps else minutes / (plan.minutes or 1.0)
        mean_loss, progress = _share(parameters, loss.item(), done)
        _set_rate(optimiser, plan.learning_rate, progress, step)
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimiser.step()
        losses.append(mean_loss)
        if rank == 0:
            _follow(average, model, min(0.995, step / (step + 10)))
            if progress >= 1.0 or time.monotonic() - saved > plan.save_minutes * 60:
                row = {"step": step, "minutes": round(minutes, 2), "pixels": size, "loss": float(np.mean(losses))}
                save(plan, average, row)
                saved, losses = time.monotonic(), []


def save(plan: Plan, average: Pretraining, row: dict[str, float]) -> None:
    """Score the averaged weights as they will be read back, then replace the file and extend the log."""
    rounded = copy.deepcopy(average).half().float()
    scores = {
        f"{name}_at_{size}": value
        for size in sorted({int(row["pixels"]), 224})
        for name, value in evaluate(rounded, plan.validation_images, size).items()
    }
    floors = {name: scores[f"{name}_at_224"] for name in ("f1_all_present", "f1_shuffled")}
    shown = {name: round(value, 4) for name, value in scores.items()}
    row = {**row, "loss": round(row["loss"], 4)}
    logged = {**row, "f1_960_training_size": shown[f"f1_960_at_{row['pixels']}"]}
    logged |= {f"{level}_224": shown[f"{level}_at_224"] for level in ("f1_64", "f1_96", "f1_960")}
    log = plan.out / "synthetic.csv"
    fresh = not log.exists()
    with log.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(logged))
        if fresh:
            writer.writeheader()
        writer.writerow(logged)
    print({**logged, **floors}, flush=True)
    facts = {
        "source": "abawbench_plugins.models.mnv4_tam.pretrain",
        "data": "drawn faces of invented people only",
        "licence": "Apache-2.0",
        "architecture": "timm mobilenetv4_conv_small, features only",
        "rendering_version": RENDERING_VERSION,
        "seed": plan.seed,
        "faces_per_step": plan.batch * plan.processes,
        "people": [TRAINING_PEOPLE.start, TRAINING_PEOPLE.stop],
        "stages": STAGES,
        "torch": torch.__version__,
        "timm": timm.__version__,
        **row,
        **shown,
    }
    state = {
        name: value.half().contiguous()
        for name, value in average.backbone.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    metadata = {name: value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}
    partial = plan.out / "synthetic.safetensors.partial"
    save_file(state, partial, metadata)
    partial.chmod(0o644)
    os.replace(partial, plan.out / "synthetic.safetensors")


def _decay_groups(model: nn.Module) -> list[dict[str, object]]:
    """Parameter groups: weight decay on weights, none on biases and normalisation."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": weights, "weight_decay": 0.03}, {"params": others, "weight_decay": 0.0}]


def _set_rate(optimiser: torch.optim.Optimizer, peak: float, progress: float, step: int) -> None:
    """Warm up over 100 steps, then follow half a cosine down to a fiftieth."""
    cosine = 0.5 * (1 + np.cos(np.pi * min(1.0, progress)))
    for group in optimiser.param_groups:
        group["lr"] = peak * min(1.0, step / 100) * (0.02 + 0.98 * cosine)


def _share(parameters: list[nn.Parameter], loss: float, done: float) -> tuple[float, float]:
    """Loss and progress, both averaged, like the gradients, over the processes."""
    if not dist.is_initialized():
        return loss, done
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([*(g.reshape(-1) for g in gradients), torch.tensor([loss, done])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    place = 0
    for gradient in gradients:
        gradient.copy_(flat[place : place + gradient.numel()].view_as(gradient))
        place += gradient.numel()
    return float(flat[-2]), float(flat[-1])


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Move the averaged parameters and normalisation statistics towards the model's."""
    theirs = model.state_dict()
    mine = average.state_dict()
    floats = [name for name, value in mine.items() if value.is_floating_point()]
    torch._foreach_lerp_([mine[n] for n in floats], [theirs[n] for n in floats], 1 - keep)


def _work(rank: int, plan: Plan, meeting: str) -> None:
    """One of several processes that train together."""
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=plan.processes)
    try:
        train(plan, rank)
    finally:
        dist.destroy_process_group()


def run(plan: Plan) -> None:
    """Train as planned, in this process or in several."""
    plan.out.mkdir(parents=True, exist_ok=True)
    (plan.out / "synthetic.csv").unlink(missing_ok=True)
    if plan.processes == 1:
        train(plan)
        return
    with tempfile.TemporaryDirectory() as folder:
        spawn(_work, (plan, f"{folder}/meeting"), nprocs=plan.processes)  # type: ignore[no-untyped-call]


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Train the bundled backbone weights on drawn faces.")
    parser.add_argument("--out", type=Path, required=True)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float)
    length.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    run(Plan(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
