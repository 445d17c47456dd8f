"""Ambivalence/hesitancy recognition on BAH, the frame-level task of ABAW8."""

from abawbench.contracts import Task


def task() -> Task:
    """Return the task under the protocol of ABAW8.

    ABAW10 and 11 score whole videos by macro F1 instead: another task, not this one with another setting.
    """
    return Task(
        level="frame",
        kind="multiclass",
        outputs=("absent", "present"),
        metric="weighted-f1",
        database="bah",
        label="ah",
        edition=8,
        activation="softmax",
        loss="abawbench.losses:focal_cross_entropy",
        submission="abawbench_plugins.tasks.submissions:bah_frames",
    )
