"""Fitting the trained part of a network to the clips of the training tracks."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from abawbench.contracts import Clip, Labels, Recipe, Task, UsageError
from abawbench.harness.data.clips import ClipBatches, ClipIndex, Index, Inputs, annotated, clips_of
from abawbench.harness.data.features import Features, normalise
from abawbench.harness.learn.balance import with_weights
from abawbench.harness.learn.mixing import Mixer
from abawbench.nn import as_tuple, single
from abawbench.progress import Progress

Loss = Callable[..., Tensor]


class Trained(nn.Module):
    """What a training step runs: the head on cached features, or the whole network on images and sound."""

    def __init__(self, network: nn.Module, clip: Clip) -> None:
        super().__init__()
        self.network = network
        self._clip = clip

    def forward(self, inputs: Inputs, index: Index) -> Tensor:
        """Return logits [B, K] or [B, T, K] for what ``clips.given`` gave."""
        embed, head = self.network.get_submodule("embed"), self.network.get_submodule("head")
        if not isinstance(inputs, dict):
            logits: Tensor = head(single(self._seen(embed, inputs)), index)
            return logits
        assert isinstance(index, dict)
        features, places, present = {}, {}, {}
        for name, given in inputs.items():
            part = embed.get_submodule(name) if name in dict(embed.named_children()) else None
            steps = self._seen(part, given) if name == "frames" else _heard(part, given)
            present[name] = index[name] >= 0
            places[name] = torch.where(present[name], index[name], len(steps[0]))
            features[name] = single(tuple(torch.cat([x, torch.zeros_like(x[:1])]) for x in steps))
        several: Tensor = head(features, places, present)
        return several

    def _seen(self, embed: nn.Module | None, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the features of frames; uint8 inputs are images and perhaps a mask, others features."""
        if inputs[0].dtype != torch.uint8 or embed is None:
            return tuple(x.to(torch.float32) for x in inputs)
        features = as_tuple(embed(normalise(inputs[0], self._clip)))
        for mask in inputs[1:]:
            features = tuple(x * mask.view(-1, *(1,) * (x.ndim - 1)) for x in features)
        return features


def _heard(embed: nn.Module | None, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the steps [S, ...] of another input; float16 ones are known, others go through the network."""
    if embed is None or inputs[0].dtype == torch.float16:
        return tuple(x.to(torch.float32) for x in inputs)
    return tuple(x.flatten(0, 1) if x.ndim > 2 else x for x in as_tuple(embed(inputs[0])))


@dataclass
class Fitted:
    """What training did."""

    log: list[dict[str, float]] = field(default_factory=list)
    """Per epoch: ``epoch``, ``loss``, and ``held_out`` where subjects were held out."""


def fit(
    network: nn.Module,
    clip: Clip,
    task: Task,
    recipe: Recipe,
    features: Features,
    labels: Sequence[Labels | None],
    subjects: Sequence[str],
    numbers: Sequence[int],
    *,
    accelerator: Accelerator,
    seed: int,
    evaluate: Callable[[Sequence[int]], float],
    progress: Progress,
) -> Fitted:
    """Train the network on the tracks with these numbers, in place, and return the log.

    With ``recipe.holdout`` some subjects choose the epoch (``evaluate(numbers)`` gives the official value on theirs);
    the scored split takes no part. A network without a trained part stays as it is. Raises UsageError when no clip is
    annotated.
    """
    if not any(parameter.requires_grad for parameter in network.parameters()):
        return Fitted()
    fitting, held_out = hold_out(numbers, subjects, recipe.holdout, seed)
    clips = list(annotated(clips_of(fitting, features, clip), labels, task))
    if not clips:
        raise UsageError(f"no training clip of task '{task.name}' is annotated")
    module = Trained(network, clip)
    loader, optimiser = _loader(clips, features, labels, task, recipe, seed), _optimiser(network, recipe)
    module, optimiser, loader = accelerator.prepare(module, optimiser, loader)
    schedule = _schedule(optimiser, recipe, steps=recipe.epochs * len(loader))
    criterion = loss_of(task, recipe, [known for n in fitting if (known := labels[n]) is not None])
    mixer = Mixer(recipe.mix, seed) if recipe.mix else None
    penalty = getattr(network.get_submodule("head"), "penalty", None)
    fitted, best, waited = Fitted(), Best(), 0

    def loss_on(inputs: Any, index: Any, target: Tensor, mask: Tensor) -> Tensor:
        return flat_loss(criterion, module(inputs, index), target, mask, task)

    def step(batch: Mapping[str, Any]) -> float:
        loss = loss_on(batch["inputs"], batch["index"], batch["target"], batch["mask"])
        if penalty is not None and (own := penalty()) is not None:
            loss = loss + own
        if mixer is not None:
            loss = loss + mixer.loss(batch, loss_on)
        optimiser.zero_grad()
        accelerator.backward(loss)
        if recipe.clip_norm:
            accelerator.clip_grad_norm_(module.parameters(), recipe.clip_norm)
        optimiser.step()
        schedule()
        return loss.item()

    with progress.bar(f"fit {task.name}", recipe.epochs * len(loader), "step") as advance:
        for epoch in range(1, recipe.epochs + 1):
            network.train()
            losses, sizes = [], []
            for batch in loader:
                losses.append(step(batch))
                sizes.append(len(batch["mask"]))
                advance(1)
            row = {"epoch": epoch, "loss": float(np.average(losses, weights=sizes))}
            fitted.log.append(row)
            if not math.isfinite(row["loss"]):
                raise UsageError(f"training of task '{task.name}' diverged in epoch {epoch}; try --set lr=... lower")
            if held_out:
                row["held_out"] = evaluate(held_out)
                waited = 0 if best.take(row["held_out"], network) else waited + 1
                if waited >= recipe.patience:
                    break
    best.restore(network)
    return fitted


class Best:
    """The parameters of the best epoch so far."""

    def __init__(self) -> None:
        self.value = -math.inf
        self.state: dict[str, Tensor] = {}

    def take(self, value: float, network: nn.Module) -> bool:
        """Keep a copy of the parameters if the value is better; return whether it was."""
        if not value > self.value:
            return False
        self.value = value
        self.state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        return True

    def restore(self, network: nn.Module) -> None:
        """Put the best parameters back, if any were kept."""
        if self.state:
            network.load_state_dict(self.state)


def hold_out(numbers: Sequence[int], subjects: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Return the tracks to fit and those held out; no subject is in both. A share of 0 holds out none."""
    names = sorted({subjects[n] for n in numbers})
    count = round(share * len(names))
    if not 0 <= share < 1 or (count and count == len(names)):
        raise UsageError(f"a holdout of {share} leaves nothing to fit; use a share of the training subjects below 1")
    chosen = set(np.random.default_rng(seed).permutation(names)[:count].tolist())
    return [n for n in numbers if subjects[n] not in chosen], [n for n in numbers if subjects[n] in chosen]


def loss_of(task: Task, recipe: Recipe, labels: Sequence[Labels] = ()) -> Loss:
    """Return the loss of a task under a recipe, options bound. Raises UsageError when it cannot be imported.

    ``labels`` are those of the training tracks, from which balanced class weights come.

    The loss of a multitask task is the sum of the losses of its parts, each over its own annotated rows and each as
    the recipe has it for the part, unless task or recipe name one for the whole.
    """
    path = _for_task(recipe.loss, task, task.loss)
    if task.parts and not path:
        own = [[task.part_labels(one, number) for one in labels] for number in range(len(task.parts))]
        return _summed([loss_of(part, recipe, own[number]) for number, part in enumerate(task.parts)], task)
    options = with_weights(_for_task(recipe.loss_options, task, {}), task, labels)
    module, _, name = path.partition(":")
    try:
        function: Loss = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"loss '{path}' of task '{task.name}' cannot be imported: {error}") from error
    return lambda logits, target, mask: function(logits, target, mask, task, **options)


def _summed(losses: Sequence[Loss], task: Task) -> Loss:
    def total(logits: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        each = zip(losses, task.parts, task.part_outputs, task.part_columns, mask.unbind(-1), strict=True)
        return torch.stack(
            [
                loss(logits[..., outputs], _part_target(target[..., columns], part), known)
                for loss, part, outputs, columns, known in each
            ]
        ).sum()

    return total


def _part_target(target: Tensor, part: Task) -> Tensor:
    return target[..., 0].long() if part.kind == "multiclass" else target


def flat_loss(criterion: Loss, logits: Tensor, target: Tensor, mask: Tensor, task: Task) -> Tensor:
    """Return the loss over all annotated frames of a batch; one output per clip counts for each of its frames.

    At track level each clip counts once, with the mean of its outputs.
    """
    if task.level == "track":
        per_clip = logits.mean(dim=1) if logits.ndim == 3 else logits
        return criterion(per_clip, target[:, 0], mask.any(dim=1))
    if logits.ndim == 2:
        logits = logits[:, None].expand(-1, mask.shape[1], -1)
    return criterion(logits.flatten(0, 1), target.flatten(0, 1), mask.flatten(0, 1))


def _for_task(options: Mapping[str, Any], task: Task, default: Any) -> Any:
    return options.get(task.name, options.get(task.kind, default))


def _loader(
    clips: Sequence[ClipIndex],
    features: Features,
    labels: Sequence[Labels | None],
    task: Task,
    recipe: Recipe,
    seed: int,
) -> torch.utils.data.DataLoader[ClipIndex]:
    return torch.utils.data.DataLoader(
        clips,  # type: ignore[arg-type]  # a list is a map-style dataset
        batch_size=recipe.batch,
        shuffle=True,
        collate_fn=ClipBatches(features, labels, task),
        generator=torch.Generator().manual_seed(seed),
    )


def _optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    trained = [p for p in network.parameters() if p.requires_grad]
    return torch.optim.AdamW(trained, lr=recipe.lr, weight_decay=recipe.weight_decay)


def _schedule(optimiser: Any, recipe: Recipe, steps: int) -> Callable[[], None]:
    """Return a function to call after each step."""
    if recipe.schedule == "constant":
        return lambda: None
    if recipe.schedule == "cosine":
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser.optimizer, max(steps, 1), recipe.eta_min)
        return decay.step
    if recipe.schedule == "cosine-restarts":
        restarts = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
            optimiser.optimizer, recipe.t0, eta_min=recipe.eta_min
        )
        return restarts.step
    raise UsageError(f"unknown schedule '{recipe.schedule}'; use cosine-restarts, cosine or constant")
