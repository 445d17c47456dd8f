"""From a take to what is written down: the performance and its labels."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic import labels
from abawbench_plugins.databases.synthetic.performance import Performance, perform
from abawbench_plugins.databases.synthetic.plan import Take

ACT, LABELS, QUIRKS, IMAGES, VOICE, WORDS, MOTION = range(7)
"""Purposes of ``Take.random``: what one of them draws never shifts another."""

_ANNOTATORS: Mapping[str, Callable[[Performance, np.random.Generator], NDArray[Any]]] = {
    "va": labels.valence_arousal,
    "expr": labels.expression,
    "au": labels.action_units,
    "ce": labels.compound,
    "emi": labels.mimicry,
    "ah": labels.hesitancy,
    "ah-video": labels.hesitation,
    "mtl": labels.multitask,
    "eri": labels.reaction,
    "vd": labels.violence,
}


def act_of(take: Take) -> Performance:
    """Return the performance of a take; one frame longer than its video, for the label row that has no frame."""
    return perform(take.random(ACT), take.kinds, take.frames + 1)


def labels_of(take: Take, act: Performance) -> dict[str, NDArray[Any]]:
    """Return the labels of a take by task, as annotated, before any of the quirks of the files."""
    rng = take.random(LABELS)
    return {
        task: _ANNOTATORS[task](act, child) for task, child in zip(take.tasks, rng.spawn(len(take.tasks)), strict=True)
    }
