"""Every registered model: two counters agree on its MACs to 0.1%, or the record names the operators of the rest."""

from typing import Any

import pytest
import torch
from torch import nn

from abawbench.contracts import Model, Predictor, UsageError
from abawbench.harness.measure.counting import count_macs
from abawbench.harness.measure.examples import example_of
from abawbench.harness.measure.measure import count_fields
from abawbench.plugins import Plugin, Plugins
from abawbench.records.cost import COUNTERS, TOLERANCE, Cost

pytestmark = pytest.mark.slow

PLUGINS = Plugins(third_party=False)


def built(model: Model) -> nn.Module:
    """The model's network for the first task that it has one for."""
    for task in ("va", "emi", "ce", "ah", "expr"):
        try:
            return model.network(PLUGINS.get("task", task).build(), model.weights("none", synthetic=True))
        except UsageError:
            continue
    raise AssertionError(f"{model.name} has a network for no task")


@pytest.mark.parametrize("plugin", PLUGINS.names("model").values(), ids=lambda plugin: plugin.name)
def test_two_counters_agree_or_operators_explain_the_rest(plugin: Plugin) -> None:
    builder: Any = plugin.builder()
    model: Model = builder(builder.Settings(**builder.Settings.on_synthetic))
    if isinstance(model, Predictor):
        pytest.skip("it has no network")
    network = built(model)
    example = example_of(model, torch.device("cpu"))
    macs = count_macs(network, *example)
    assert not macs.failed
    cost = Cost(**count_fields(network, macs, model.clip, example))
    assert cost.macs_explained
    ours, theirs = (macs.total[name] for name in COUNTERS)
    named = sum(cost.macs_difference_by_operator.values())
    assert abs(theirs - ours - named) <= TOLERANCE * ours
    assert ours > 0
    assert sum(cost.macs_by_stage.values()) == ours
    assert "other" not in cost.macs_by_stage
    # what neither counter sees would be missing from both
    assert "flop_counter" not in macs.missed_products
