"""Emotional mimicry intensity estimation on Hume-Vidmimic2."""

from abawbench.contracts import Task, TaskDeclaration
from abawbench.hookspecs import hookimpl

SUMMARY = "Six emotion intensities for every clip; mean Pearson correlation (Hume-Vidmimic2)."


def task() -> Task:
    """Return the task under the protocol of ABAW8.

    The outputs are spelled as in the official csv; the official score is the mean of the six correlations over clips.
    """
    return Task(
        name="emi",
        summary=SUMMARY,
        level="track",
        kind="regression",
        outputs=("Admiration", "Amusement", "Determination", "Empathic Pain", "Excitement", "Joy"),
        metric="pearson",
        database="hume-vidmimic2",
        label="emi",
        edition=8,
        activation="sigmoid",
        loss="abawbench.losses:mean_squared_error",
        ranges=(0.0, 1.0),
        submission="abawbench_plugins.tasks.submissions:clips",
    )


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    """Return the declaration of ``emi``."""
    return [TaskDeclaration(name="emi", summary=SUMMARY, build="abawbench_plugins.tasks.emi:task", in_all=5)]
