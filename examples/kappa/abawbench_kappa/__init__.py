"""The metric ``kappa``, and a task that is scored by it."""

from abawbench.contracts import Declaration, MetricDeclaration, TaskDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the declarations of ``kappa`` and of a task that is scored by it."""
    return [
        MetricDeclaration(
            name="kappa",
            summary="Agreement of the classes beyond chance, all frames pooled (Cohen, 1960).",
            build="abawbench_kappa.metric:KappaMetric",
        ),
        TaskDeclaration(
            name="expr-kappa",
            summary="Eight expressions per frame, scored by kappa.",
            build="abawbench_kappa.task:task",
        ),
    ]
