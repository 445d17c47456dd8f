"""Action unit detection on Aff-Wild2."""

from abawbench.contracts import Task, TaskDeclaration
from abawbench.hookspecs import hookimpl

SUMMARY = "Twelve action units for every frame; mean F1 (Aff-Wild2)."


def task() -> Task:
    """Return the task under the protocol of ABAW8.

    The units stand in the official order; the official score is the mean of their twelve positive-class F1.
    """
    return Task(
        name="au",
        summary=SUMMARY,
        level="frame",
        kind="multilabel",
        outputs=("AU1", "AU2", "AU4", "AU6", "AU7", "AU10", "AU12", "AU15", "AU23", "AU24", "AU25", "AU26"),
        metric="macro-f1",
        database="aff-wild2",
        label="au",
        edition=8,
        activation="sigmoid",
        loss="abawbench.losses:focal_sigmoid",
        threshold=0.5,
        submission="abawbench_plugins.tasks.submissions:frames",
    )


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    """Return the declaration of ``au``."""
    return [TaskDeclaration(name="au", summary=SUMMARY, build="abawbench_plugins.tasks.au:task", in_all=3)]
