"""The task ``va-pearson``."""

from abawbench.contracts import Declaration, TaskDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the declaration of ``va-pearson``."""
    return [
        TaskDeclaration(
            name="va-pearson",
            summary="Valence and arousal per frame, scored by Pearson's r as in older challenges.",
            build="abawbench_va_pearson.task:task",
        )
    ]
