"""The metric ``kappa``, and a task that is scored by it."""

from abawbench.contracts import MetricDeclaration, TaskDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_metrics() -> list[MetricDeclaration]:
    """Return the declaration of ``kappa``."""
    return [
        MetricDeclaration(
            name="kappa",
            summary="Cohen's kappa: agreement beyond chance, all frames pooled.",
            build="abawbench_kappa.metric:KappaMetric",
        )
    ]


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    """Return the declaration of a task that is scored by ``kappa``."""
    return [
        TaskDeclaration(
            name="expr-kappa",
            summary="Eight expressions per frame, scored by kappa.",
            build="abawbench_kappa.task:task",
        )
    ]
