"""Emotional mimicry intensity estimation on Hume-Vidmimic2."""

from abawbench.contracts import Task


def task() -> Task:
    """Return the task under the protocol of ABAW8.

    The outputs are spelled as in the official csv; the official score is the mean of the six correlations over clips.
    """
    return Task(
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
