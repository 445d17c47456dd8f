"""The task ``va-pearson``."""

from abawbench.contracts import TaskDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    """Return the declaration of ``va-pearson``."""
    return [
        TaskDeclaration(
            name="va-pearson",
            summary="Valence and arousal per frame, scored by Pearson's r as older challenges did.",
            build="abawbench_va_pearson.task:task",
        )
    ]
