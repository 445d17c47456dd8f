"""One split of a job: a fresh learner fitted to some tracks, the others predicted, thresholds met."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from accelerate import Accelerator

from abawbench.contracts import LabelledTrack, Model, PluginError, Predictor
from abawbench.harness.data.inputs import Inputs
from abawbench.harness.jobs.prepare import Prepared
from abawbench.harness.learn.checkpoints import Keeping
from abawbench.harness.learn.learner import Learner, NetworkLearner, Setting, TrackLearner
from abawbench.harness.learn.postprocessing import rescale_to_threshold, tune_thresholds
from abawbench.harness.learn.prediction import Scores
from abawbench.harness.learn.recipe import hold_out
from abawbench.harness.learn.training import Epochs
from abawbench.harness.request.splits import Split
from abawbench.progress import Progress


@dataclass(frozen=True)
class Fit:
    """A learner fitted to some tracks, and what it gave for others."""

    learner: Learner
    inputs: Inputs
    epochs: Epochs
    scores: list[Scores]
    """Of the tracks to score, in their order."""
    thresholds: dict[str, float]
    """Of each output, where they were tuned."""
    tuned_on: str | None


def fit_and_predict(
    ready: Prepared, split: Split, accelerator: Accelerator, progress: Progress, keeping: Keeping | None = None
) -> Fit:
    """Fit a fresh learner to the tracks of a split and predict those to score.

    ``keeping`` says where the checkpoints of this training lie.
    """
    # every fold starts from the same numbers, so that a frozen part drawn at random is one and the same
    torch.manual_seed(ready.job.seed)
    plugin, journal = ready.took_part["model"], ready.journal
    with journal.time_phase("embed", plugin):
        fold = next(n for n, one in enumerate(ready.splits, 1) if one is split) if ready.protocol.folds else None
        learner = build_learner(ready, accelerator, keeping, partial(ready.end_epoch, fold))
        inputs = learner.embed(ready.tracks, progress)
    with journal.time_phase("fit", plugin):
        epochs = learner.fit(inputs, split.fit, ready.job.seed, progress)
    journal.seconds["fit"] += learner.earlier_seconds
    with journal.time_phase("predict", plugin):
        scores = learner.predict(inputs, [one.track for one in split.score], progress)
        _require_finite(split.score, scores)
        found = Fit(learner, inputs, epochs, scores, {}, None)
        return found if ready.protocol.thresholds == "fixed" else _meet_thresholds(found, ready, split)


def build_learner(
    ready: Prepared,
    accelerator: Accelerator,
    keeping: Keeping | None = None,
    end_epoch: Callable[[Mapping[str, float]], None] | None = None,
) -> Learner:
    """Return a learner that knows nothing yet; the caller has seeded torch."""
    # a copy: what a model changes of its task, whoever scores it does not find
    task = deepcopy(ready.task)
    setting = Setting(
        task=task,
        metric=ready.metric,
        protocol=ready.protocol,
        accelerator=accelerator,
        workers=ready.job.workers,
        keeping=keeping,
        end_epoch=end_epoch,
    )
    # another object for every fold: what one remembers of its tracks, the next may have to predict
    model = ready.took_part["model"].build(replace(ready.model.settings))
    if isinstance(model, Predictor):
        return TrackLearner(model, setting)
    assert isinstance(model, Model)
    return NetworkLearner(model, model.network(task, ready.weights), setting)


def _meet_thresholds(found: Fit, ready: Prepared, split: Split) -> Fit:
    """Return the fit with scores rescaled so that published or tuned thresholds come to lie at the task's."""
    if ready.published:
        return _rescale(found, ready, ready.published, "nothing here: the model's publication gives them")
    # the network has not learned from subjects held out: their scores are like those it gives for new ones
    share = ready.model.settings.holdout if isinstance(ready.model, Model) else 0.0
    held_out = hold_out(split.fit, share, ready.job.seed)[1]
    on = held_out or split.fit
    own = found.learner.predict(found.inputs, [one.track for one in on])
    thresholds = tune_thresholds(ready.metric, ready.task, own, [one.known for one in on])
    words = "training subjects held out" if held_out else "the training tracks, which were fitted"
    return _rescale(found, ready, thresholds, words)


def _rescale(found: Fit, ready: Prepared, thresholds: dict[str, float], tuned_on: str) -> Fit:
    scores = [rescale_to_threshold(ready.task, one, thresholds) for one in found.scores]
    return replace(found, scores=scores, thresholds=thresholds, tuned_on=tuned_on)


def _require_finite(tracks: tuple[LabelledTrack, ...], scores: list[Scores]) -> None:
    for one, predicted in zip(tracks, scores, strict=True):
        if not np.isfinite(predicted[one.known.annotated]).all():
            raise PluginError(f"the predictions of track '{one.track.id}' hold NaN or infinity on annotated frames")
