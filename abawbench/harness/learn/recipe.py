"""What a recipe stands for: the loss of a task, the optimiser, its schedule, the tracks held out."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, CosineAnnealingWarmRestarts, LRScheduler

from abawbench.contracts import LabelledTrack, Labels, Recipe, Task, UsageError
from abawbench.contracts.text import name_people
from abawbench.losses import resolve_options

Loss = Callable[..., Tensor]


def hold_out(
    tracks: Sequence[LabelledTrack], share: float, seed: int
) -> tuple[list[LabelledTrack], list[LabelledTrack]]:
    """Return the tracks to fit and those held out; no subject is in both. A share of 0 holds out none."""
    people = name_people(one.track.subject for one in tracks)
    names = sorted(set(people))
    count = round(share * len(names))
    if not 0 <= share < 1 or (count and count == len(names)):
        raise UsageError(f"a holdout of {share} leaves nothing to fit; use a share of the training subjects below 1")
    chosen = set(np.random.default_rng(seed).permutation(names)[:count].tolist())
    kept, held = (
        [one for one, who in zip(tracks, people, strict=True) if (who in chosen) == out] for out in (False, True)
    )
    return kept, held


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
    options = resolve_options(_for_task(recipe.loss_options, task, {}), task, labels)
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


def build_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return AdamW over what is trained."""
    trained = [p for p in network.parameters() if p.requires_grad]
    return torch.optim.AdamW(trained, lr=recipe.lr, weight_decay=recipe.weight_decay)


def build_schedule(optimiser: Any, recipe: Recipe, steps: int) -> LRScheduler | None:
    """Return what is stepped after each step of the optimiser; None where the rate is constant."""
    if recipe.schedule == "constant":
        return None
    if recipe.schedule == "cosine":
        return CosineAnnealingLR(optimiser.optimizer, max(steps, 1), recipe.eta_min)
    if recipe.schedule == "cosine-restarts":
        return CosineAnnealingWarmRestarts(optimiser.optimizer, recipe.t0, eta_min=recipe.eta_min)
    raise UsageError(f"unknown schedule '{recipe.schedule}'; use cosine-restarts, cosine or constant")
