"""Multi-task learning on s-Aff-Wild2: valence-arousal, expressions and action units by one model."""

from abawbench.contracts import Task, TaskDeclaration
from abawbench.hookspecs import hookimpl
from abawbench_plugins.tasks import au, expr, va

SUMMARY = "Valence-arousal, expression and action units of every frame at once; P_MTL (s-Aff-Wild2)."


def task() -> Task:
    """Return the task under the protocol of ABAW11, which is that of ABAW7.

    The parts are the three tasks on Aff-Wild2, each with a mask of its own: a frame counts for those it is annotated
    for. P_MTL = P_VA + P_EXPR + P_AU, at most 3. Frames of s-Aff-Wild2 are not consecutive, so a clip holds neighbours
    in the list and not in time. A submission has the header ``image,valence,arousal,expression,aus`` and the rows of
    ``MTL.txt`` in its order, each with what ``decide`` gives (abaw-protocols, section 6).
    """
    parts = (va.task(), expr.task(), au.task())
    return Task(
        name="mtl",
        summary=SUMMARY,
        level="frame",
        kind="multitask",
        outputs=tuple(output for part in parts for output in part.outputs),
        metric="sum-of-parts",
        database="s-aff-wild2",
        label="mtl",
        edition=11,
        activation="parts",
        loss="",
        parts=parts,
        submission="abawbench_plugins.tasks.submissions:multitask",
    )


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    """Return the declaration of ``mtl``."""
    return [TaskDeclaration(name="mtl", summary=SUMMARY, build="abawbench_plugins.tasks.mtl:task")]
