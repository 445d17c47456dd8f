"""Emotional reaction intensity estimation on Hume-Reaction."""

from abawbench.contracts import Task


def task(eri_metric: str = "pearson") -> Task:
    """Return the task under the protocol of ABAW5.

    The seven outputs and their range are CONFIRMED, that the score is the mean of the seven correlations over clips is
    INFERRED from a participant's evaluation (abaw-protocols, section 4.3): the assumption ``eri-metric``. No submission
    format is known.
    """
    return Task(
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
