"""Valence-arousal estimation on Aff-Wild2."""

from abawbench.contracts import Task


def task() -> Task:
    """Return the task under the protocol of ABAW8.

    Labels are in [-1, 1]; the official score is the mean CCC of both, all annotated frames pooled.
    """
    return Task(
        level="frame",
        kind="regression",
        outputs=("valence", "arousal"),
        metric="ccc",
        database="aff-wild2",
        label="va",
        edition=8,
        activation="tanh",
        loss="abawbench.losses:concordance",
        ranges=(-1.0, 1.0),
        submission="abawbench_plugins.tasks.submissions:frames",
    )
