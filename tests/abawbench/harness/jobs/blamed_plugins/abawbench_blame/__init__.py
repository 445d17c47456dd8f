"""A plugin of each kind, in a module of its own, that goes wrong where the name of the task says.

Task ``metric-score-exit``: the metric ends the process in the phase "score". ``$BLAMED_TASKS`` lists those there are.
"""

import os

from abawbench.contracts import (
    DatabaseDeclaration,
    Declaration,
    MetricDeclaration,
    ModelDeclaration,
    RuntimeDeclaration,
    TaskDeclaration,
)
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the tasks, and what they need."""
    here = __name__
    return [
        *(
            TaskDeclaration(name=name, summary="goes wrong", build=f"{here}.task:build_{name.replace('-', '_')}")
            for name in os.environ["BLAMED_TASKS"].split()
        ),
        MetricDeclaration(name="hits", summary="share of right answers", build=f"{here}.metric:Hits"),
        DatabaseDeclaration(name="greys", summary="greys", build=f"{here}.database:build", generated=True),
        ModelDeclaration(name="grey", summary="sees grey", build=f"{here}.model:Grey", weights="none"),
        RuntimeDeclaration(name="plain", summary="plain PyTorch", build=f"{here}.runtime:Plain"),
    ]
