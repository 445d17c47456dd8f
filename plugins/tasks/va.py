"""Valence-arousal estimation on Aff-Wild2."""

from abawbench.contracts import Task, TaskDeclaration
from abawbench.hookspecs import hookimpl

SUMMARY = "Valence and arousal of every frame; mean CCC (Aff-Wild2)."


def task() -> Task:
    """Return the task under the protocol of ABAW8.

    Labels are in [-1, 1]; the official score is the mean CCC of both, all annotated frames pooled.
    """
    return Task(
        name="va",
        summary=SUMMARY,
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


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    """Return the declaration of ``va``."""
    return [TaskDeclaration(name="va", summary=SUMMARY, build="abawbench_plugins.tasks.va:task", in_all=1)]
