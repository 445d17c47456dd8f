"""Expression recognition of whole clips, on CREMA-D and RAVDESS."""

from abawbench.contracts import Task


def task() -> Task:
    """Return the task: one expression per clip, by macro F1, with the unweighted average recall (UAR) beside it.

    No edition of ABAW has it; the classes are those that its expressions (edition 8) and acted databases share. Those
    that a database lacks are left out of the mean. Trained as if every clip of a track showed what its label says.
    """
    return Task(
        level="track",
        kind="multiclass",
        outputs=("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise"),
        metric="macro-f1-uar",
        database="crema-d",
        label="expr-clip",
        edition=8,
        activation="softmax",
        loss="abawbench.losses:cross_entropy",
    )
