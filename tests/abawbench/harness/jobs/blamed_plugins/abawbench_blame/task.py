"""The task, whose name says what is to go wrong."""

from collections.abc import Callable
from typing import Any

from faults import plan, reach

from abawbench import losses
from abawbench.contracts import Task


class Bright(Task):
    """Which frames are bright, and which are dark."""

    def decide(self, scores: Any) -> Any:
        reach("task")
        return super().decide(scores)


def loss(logits: Any, target: Any, mask: Any, task: Task) -> Any:
    reach("task")
    return losses.binary_cross_entropy(logits, target, mask, task)


def __getattr__(name: str) -> Callable[[], Task]:
    if not name.startswith("build_"):
        raise AttributeError(name)

    def build() -> Task:
        plan(*name.removeprefix("build_").split("_"))
        reach("task")
        return Bright(
            level="frame",
            kind="multilabel",
            outputs=("bright", "dark"),
            metric="hits",
            database="greys",
            label="bright",
            edition=1,
            activation="sigmoid",
            loss=f"{__name__}:loss",
        )

    return build
