"""Compound expression recognition on C-EXPR-DB."""

from abawbench.contracts import Task


def task() -> Task:
    """Return the task under the protocol of ABAW8.

    The classes are spelled and ordered as in the official template. The challenge releases no training labels.
    """
    return Task(
        level="frame",
        kind="multiclass",
        outputs=(
            "Fearfully_Surprised",
            "Happily_Surprised",
            "Sadly_Surprised",
            "Disgustedly_Surprised",
            "Angrily_Surprised",
            "Sadly_Fearful",
            "Sadly_Angry",
        ),
        metric="macro-f1",
        database="c-expr-db",
        label="ce",
        edition=8,
        activation="softmax",
        loss="abawbench.losses:focal_cross_entropy",
        submission="abawbench_plugins.tasks.submissions:frames",
    )
