"""A task that is scored by ``kappa``."""

from abawbench.contracts import Task


def task() -> Task:
    """Return the task: the expression labels of Aff-Wild2, scored by another metric than the official one."""
    return Task(
        level="frame",
        kind="multiclass",
        outputs=("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other"),
        metric="kappa",
        database="aff-wild2",
        label="expr",
        edition=8,
        activation="softmax",
        loss="abawbench.losses:cross_entropy",
    )
