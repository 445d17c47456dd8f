"""Action unit detection on Aff-Wild2."""

from abawbench.contracts import Task


def task() -> Task:
    """Return the task under the protocol of ABAW8.

    The units stand in the official order; the official score is the mean of their twelve positive-class F1.
    """
    return Task(
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
