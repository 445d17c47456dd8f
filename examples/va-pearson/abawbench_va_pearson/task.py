"""What ``va-pearson`` predicts, and how it is scored."""

from abawbench.contracts import Task


def task() -> Task:
    """Return the task: the labels of va, scored by a metric that does not see scale and offset."""
    return Task(
        level="frame",
        kind="regression",
        outputs=("valence", "arousal"),
        metric="pearson",
        database="aff-wild2",
        label="va",
        edition=8,
        activation="tanh",
        loss="abawbench.losses:pearson",
        ranges=(-1.0, 1.0),
    )
