"""Violence detection on DVD."""

from abawbench.contracts import Task


def task(vd_file: str = "zip", vd_first_frame: str = "1", vd_violent: str = "1") -> Task:
    """Return the task under the protocol of ABAW10.

    Both classes count alike, over all frames pooled (CONFIRMED). A submission is a zip of one ``<video>.csv`` per video
    with the columns of the annotation files and 0 or 1 in each row (SINGLE; abaw-protocols, section 7); the assumptions
    say what else it may be.
    """
    return Task(
        level="frame",
        kind="multiclass",
        outputs=("non-violent", "violent"),
        metric="macro-f1",
        database="dvd",
        label="vd",
        edition=10,
        activation="softmax",
        loss="abawbench.losses:focal_cross_entropy",
        options={"first_frame": int(vd_first_frame), "violent": int(vd_violent)},
        submission="abawbench_plugins.tasks." + ("archives:videos" if vd_file == "zip" else "submissions:frames"),
    )
