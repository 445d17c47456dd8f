"""The toy world on the bench."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from abawbench.contracts import Model
from abawbench.harness.learn.learner import NetworkLearner, Setting
from abawbench.harness.measure.bench import Bench
from abawbench.harness.request.devices import accelerator_on
from abawbench.harness.request.protocol import OFFICIAL
from abawbench.harness.request.splits import Split
from abawbench.plugins import Plugins


@pytest.fixture
def make_bench(toys: Plugins, toy_model, toy_database) -> Callable[..., Bench]:
    """Put a network for a task of that name on the bench; ``outputs`` makes its last layer as large."""
    task = toys.get("task", "colour").build()
    metric = toys.get("metric", task.metric).build(task)

    def make(name: str = "colour", outputs: int = 3, model: Model = toy_model) -> Bench:
        chosen = replace(task, name=name, outputs=tuple(f"{n}" for n in range(outputs)))
        setting = Setting(task=chosen, metric=metric, protocol=OFFICIAL, accelerator=accelerator_on("cpu", "no"))
        learner = NetworkLearner(model, model.network(chosen, model.weights(None, synthetic=True)), setting)
        return Bench(learner, Split(*(tuple(toy_database.tracks("colour", split)) for split in ("train", "val"))))

    return make
