"""Violence detection on DVD."""

from abawbench.contracts import Task, TaskDeclaration
from abawbench.hookspecs import hookimpl

SUMMARY = "Violence in every frame, the ABAW10 task; macro F1 of two classes (DVD)."


def task() -> Task:
    """Return the task under the protocol of ABAW10.

    Both classes count alike, over all frames pooled (CONFIRMED). A submission is a zip of one ``<video>.csv`` per video
    with the columns of the annotation files and 0 or 1 in each row (SINGLE; abaw-protocols, section 7).
    """
    return Task(
        name="vd",
        summary=SUMMARY,
        level="frame",
        kind="multiclass",
        outputs=("non-violent", "violent"),
        metric="macro-f1",
        database="dvd",
        label="vd",
        edition=10,
        activation="softmax",
        loss="abawbench.losses:focal_cross_entropy",
        submission="abawbench_plugins.tasks.archives:videos",
    )


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    """Return the declaration of ``vd``."""
    return [TaskDeclaration(name="vd", summary=SUMMARY, build="abawbench_plugins.tasks.vd:task")]
