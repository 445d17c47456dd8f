"""Compound expression recognition on C-EXPR-DB."""

from abawbench.contracts import Task, TaskDeclaration
from abawbench.hookspecs import hookimpl

SUMMARY = "One of seven compound expressions for every frame; macro F1 (C-EXPR-DB)."


def task() -> Task:
    """Return the task under the protocol of ABAW8.

    The classes are spelled and ordered as in the official template. The challenge releases no training labels.
    """
    return Task(
        name="ce",
        summary=SUMMARY,
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


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    """Return the declaration of ``ce``."""
    return [TaskDeclaration(name="ce", summary=SUMMARY, build="abawbench_plugins.tasks.ce:task", in_all=4)]
