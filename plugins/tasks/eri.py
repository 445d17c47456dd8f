"""Emotional reaction intensity estimation on Hume-Reaction."""

from abawbench.contracts import Reading, Task, TaskDeclaration
from abawbench.hookspecs import hookimpl

SUMMARY = "Seven reaction intensities for every clip, the ABAW5 task; mean Pearson correlation (Hume-Reaction)."

METRIC = Reading(
    name="eri-metric",
    values=("pearson", "ccc"),
    fact="the score is the mean Pearson correlation of the seven dimensions; the mean CCC is the other usual one",
    source="abaw-protocols, section 4.3 (INFERRED)",
)


def task(eri_metric: str = "pearson") -> Task:
    """Return the task under the protocol of ABAW5.

    The seven outputs and their range are CONFIRMED, that the score is the mean of the seven correlations over clips is
    INFERRED from a participant's evaluation (abaw-protocols, section 4.3): the reading ``eri-metric``. No submission
    format is known.
    """
    return Task(
        name="eri",
        summary=SUMMARY,
        level="track",
        kind="regression",
        outputs=("Adoration", "Amusement", "Anxiety", "Disgust", "Empathic-Pain", "Fear", "Surprise"),
        metric=eri_metric,
        database="hume-reaction",
        label="eri",
        edition=5,
        activation="sigmoid",
        loss="abawbench.losses:mean_squared_error",
        ranges=(0.0, 1.0),
    )


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    """Return the declaration of ``eri``."""
    return [
        TaskDeclaration(name="eri", summary=SUMMARY, build="abawbench_plugins.tasks.eri:task", readings=(METRIC,)),
    ]
