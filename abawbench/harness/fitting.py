"""One fit: features, training, prediction of the tracks that were not fitted, thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import nn

from abawbench.contracts import Labels
from abawbench.harness.features import Features, features
from abawbench.harness.folds import Fold
from abawbench.harness.inference import predict
from abawbench.harness.phases import phase
from abawbench.harness.postprocessing import stretched, tuned_thresholds
from abawbench.harness.progress import Progress
from abawbench.harness.scoring import official
from abawbench.harness.training import Fitted, fit, hold_out

if TYPE_CHECKING:
    from abawbench.harness.job import Prepared


@dataclass(frozen=True)
class Fit:
    """A network fitted to some tracks, and what it gave for others."""

    network: nn.Module
    source: Features
    fitted: Fitted
    scores: dict[int, NDArray[np.float32]]
    thresholds: dict[str, float]
    """Of each output, where they were tuned."""
    tuned_on: str | None


def fit_and_predict(ready: "Prepared", fold: Fold, accelerator: Accelerator, progress: Progress) -> Fit:
    """Fit a fresh network to the tracks of a fold and predict the others."""
    task, model, seconds, protocol = ready.task, ready.model, ready.seconds, ready.protocol
    # every fold starts from the same numbers, so that a frozen part drawn at random is one and the same
    torch.manual_seed(ready.job.seed)
    device = accelerator.device
    with phase(seconds, "embed"):
        network = model.network(task, ready.weights).to(device)
        embed: Any = network.embed
        source = features(embed, model.clip, ready.tracks, device, progress, protocol.stand_in)

    def predicted(numbers: Sequence[int], progress: Progress | None = None) -> dict[int, NDArray[np.float32]]:
        return predict(
            network,
            model.clip,
            task,
            source,
            numbers,
            batch=model.settings.batch,
            device=device,
            progress=progress,
            protocol=protocol,
        )

    def evaluate(numbers: Sequence[int]) -> float:
        names = [ready.tracks[n].id for n in numbers]
        return official(ready.metric, task, names, list(predicted(numbers).values()), known_labels(ready, numbers))

    subjects = [track.subject for track in ready.tracks]
    with phase(seconds, "fit"):
        fitted = fit(
            network,
            model.clip,
            task,
            model.settings,
            source,
            ready.labels,
            subjects,
            fold.fitted,
            accelerator=accelerator,
            seed=ready.job.seed,
            evaluate=evaluate,
            progress=progress,
        )
    with phase(seconds, "predict"):
        scores = predicted(fold.scored, progress)
        if protocol.thresholds == "fixed":
            return Fit(network, source, fitted, scores, {}, None)
        # the network has not learned from subjects held out: their scores are like those it gives for new ones
        held_out = hold_out(fold.fitted, subjects, model.settings.holdout, ready.job.seed)[1]
        on = held_out or fold.fitted
        thresholds = tuned_thresholds(ready.metric, task, list(predicted(on).values()), known_labels(ready, on))
    return Fit(
        network,
        source,
        fitted,
        {n: stretched(found, thresholds, task.threshold) for n, found in scores.items()},
        dict(zip(task.outputs, thresholds, strict=True)),
        "training subjects held out" if held_out else "the training tracks, which were fitted",
    )


def known_labels(ready: "Prepared", numbers: Sequence[int]) -> list[Labels]:
    """Return the labels of tracks that have some."""
    return [labels for n in numbers if (labels := ready.labels[n]) is not None]
