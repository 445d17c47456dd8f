"""One fit: features, training, prediction of the tracks that were not fitted, thresholds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import nn

from abawbench.contracts import Labels, PluginError, Predictor
from abawbench.harness.data.features import Features
from abawbench.harness.data.inputs import inputs_of, no_inputs
from abawbench.harness.learn.postprocessing import finished, stretched, tuned_thresholds
from abawbench.harness.learn.prediction import predict
from abawbench.harness.learn.training import Fitted, fit, hold_out
from abawbench.harness.request.folds import Fold
from abawbench.harness.score.scoring import official
from abawbench.progress import Progress

if TYPE_CHECKING:
    from abawbench.harness.jobs.job import Prepared


Predict = Callable[[Sequence[int], Progress | None], dict[int, NDArray[np.float32]]]
"""Numbers of tracks to their scores."""


@dataclass(frozen=True)
class Fit:
    """A model fitted to some tracks, and what it gave for others."""

    network: nn.Module | None
    source: Features
    fitted: Fitted
    scores: dict[int, NDArray[np.float32]]
    thresholds: dict[str, float]
    """Of each output, where they were tuned."""
    tuned_on: str | None


def fit_and_predict(ready: "Prepared", fold: Fold, accelerator: Accelerator, progress: Progress) -> Fit:
    """Fit a fresh model to the tracks of a fold and predict the others."""
    # every fold starts from the same numbers, so that a frozen part drawn at random is one and the same
    torch.manual_seed(ready.job.seed)
    fitted: _Fitted = (
        _fit_predictor(ready, ready.model, fold)
        if isinstance(ready.model, Predictor)
        else _fit_network(ready, fold, accelerator, progress)
    )
    network, source, log, predicted = fitted
    task, protocol = ready.task, ready.protocol
    with ready.journal.timed("predict", ready.took_part["model"]):
        scores = predicted(fold.scored, progress)
        if protocol.thresholds == "fixed":
            return Fit(network, source, log, scores, {}, None)
        if ready.published:
            moved = {n: stretched(task, one, ready.published) for n, one in scores.items()}
            return Fit(network, source, log, moved, ready.published, "nothing here: the model's publication gives them")
        # the network has not learned from subjects held out: their scores are like those it gives for new ones
        subjects = [track.subject for track in ready.tracks]
        share = 0.0 if network is None else ready.model.settings.holdout
        held_out = hold_out(fold.fitted, subjects, share, ready.job.seed)[1]
        on = held_out or fold.fitted
        found = list(predicted(on, None).values())
        thresholds = tuned_thresholds(ready.metric, task, found, known_labels(ready, on))
    return Fit(
        network,
        source,
        log,
        {n: stretched(task, one, thresholds) for n, one in scores.items()},
        thresholds,
        "training subjects held out" if held_out else "the training tracks, which were fitted",
    )


_Fitted = tuple[nn.Module | None, Features, Fitted, Predict]


def _fit_network(ready: "Prepared", fold: Fold, accelerator: Accelerator, progress: Progress) -> _Fitted:
    task, model, journal, protocol = ready.task, ready.model, ready.journal, ready.protocol
    plugin = ready.took_part["model"]
    device = accelerator.device
    with journal.timed("embed", plugin):
        network = model.network(task, ready.weights).to(device)
        source = inputs_of(network, model, ready.tracks, device, progress, protocol)

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

    with journal.timed("fit", plugin):
        fitted = fit(
            network,
            model.clip,
            task,
            model.settings,
            source,
            ready.labels,
            [track.subject for track in ready.tracks],
            fold.fitted,
            accelerator=accelerator,
            seed=ready.job.seed,
            evaluate=evaluate,
            progress=progress,
        )
    return network, source, fitted, predicted


def _fit_predictor(ready: "Prepared", model: Predictor, fold: Fold) -> _Fitted:
    task = ready.task
    with ready.journal.timed("fit", ready.took_part["model"]):
        model.fit(task, [ready.tracks[n] for n in fold.fitted], known_labels(ready, fold.fitted), ready.job.seed)

    def predicted(numbers: Sequence[int], progress: Progress | None = None) -> dict[int, NDArray[np.float32]]:
        found = {}
        for number in numbers:
            track = ready.tracks[number]
            scores = np.asarray(model.predict(task, track), dtype=np.float64)
            wanted = (1 if task.level == "track" else track.n_frames, len(task.outputs))
            if scores.shape != wanted:
                raise PluginError(f"model '{model.name}' gave scores of shape {scores.shape}, not {wanted}")
            found[number] = finished(scores, np.arange(len(scores)), ready.protocol)
        return found

    return None, no_inputs(ready.tracks), Fitted(), predicted


def known_labels(ready: "Prepared", numbers: Sequence[int]) -> list[Labels]:
    """Return the labels of tracks that have some."""
    return [labels for n in numbers if (labels := ready.labels[n]) is not None]
