"""Multi-task learning on s-Aff-Wild2: valence-arousal, expressions and action units by one model."""

from dataclasses import replace

from abawbench.contracts import Task
from abawbench_plugins.tasks import au, expr, va


def task() -> Task:
    """Return the task under the protocol of ABAW11, which is that of ABAW7.

    The parts are the three tasks on Aff-Wild2, each with a mask of its own: a frame counts for those it is annotated
    for. P_MTL = P_VA + P_EXPR + P_AU, at most 3. Frames of s-Aff-Wild2 are not consecutive, so a clip holds neighbours
    in the list and not in time. A submission has the header ``image,valence,arousal,expression,aus`` and the rows of
    ``MTL.txt`` in its order, each with what ``decide`` gives (abaw-protocols, section 6).
    """
    whole = {"va": va.task(), "expr": expr.task(), "au": au.task()}
    parts = tuple(replace(part, name=name) for name, part in whole.items())
    return Task(
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
