"""Violence detection on DVD."""

from abawbench.contracts import Reading, Task, TaskDeclaration
from abawbench.hookspecs import hookimpl

SUMMARY = "Violence in every frame, the ABAW10 task; macro F1 of two classes (DVD)."

FILE = Reading(
    name="vd-file",
    values=("zip", "rows"),
    fact="a submission is a zip of one table per video; every other frame-level task wants one file of rows",
    source="abaw-protocols, section 7 (SINGLE)",
)
FIRST_FRAME = Reading(
    name="vd-first-frame",
    values=("1", "0"),
    fact="the frames of a table are counted from 1",
    source="abaw-protocols, section 7 (SINGLE)",
)
VIOLENT = Reading(
    name="vd-violent",
    values=("1", "0"),
    fact="the label of a violent frame is 1",
    source="abaw-protocols, section 7 (SINGLE)",
)


def task(vd_file: str = "zip", vd_first_frame: str = "1", vd_violent: str = "1") -> Task:
    """Return the task under the protocol of ABAW10.

    Both classes count alike, over all frames pooled (CONFIRMED). A submission is a zip of one ``<video>.csv`` per video
    with the columns of the annotation files and 0 or 1 in each row (SINGLE; abaw-protocols, section 7); the readings
    say what else it may be.
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
        options={"first_frame": int(vd_first_frame), "violent": int(vd_violent)},
        submission="abawbench_plugins.tasks." + ("archives:videos" if vd_file == "zip" else "submissions:frames"),
    )


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    """Return the declaration of ``vd``."""
    readings = (FILE, FIRST_FRAME, VIOLENT)
    return [TaskDeclaration(name="vd", summary=SUMMARY, build="abawbench_plugins.tasks.vd:task", readings=readings)]
