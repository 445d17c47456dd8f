"""Expression recognition on Aff-Wild2."""

from abawbench.contracts import Task


def task() -> Task:
    """Return the task under the protocol of ABAW8.

    The classes stand in the official order; the official score is the mean of all eight F1.
    """
    return Task(
        level="frame",
        kind="multiclass",
        outputs=("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Other"),
        metric="macro-f1",
        database="aff-wild2",
        label="expr",
        edition=8,
        activation="softmax",
        loss="abawbench.losses:focal_cross_entropy",
        submission="abawbench_plugins.tasks.submissions:frames",
    )
