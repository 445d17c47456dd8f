"""Expression recognition on Aff-Wild2."""

from abawbench.contracts import Task, TaskDeclaration
from abawbench.hookspecs import hookimpl

SUMMARY = "One of eight expressions for every frame; macro F1 (Aff-Wild2)."


def task() -> Task:
    """Return the task under the protocol of ABAW8.

    The classes stand in the official order; the official score is the mean of all eight F1.
    """
    return Task(
        name="expr",
        summary=SUMMARY,
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


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    """Return the declaration of ``expr``."""
    return [TaskDeclaration(name="expr", summary=SUMMARY, build="abawbench_plugins.tasks.expr:task", in_all=2)]
