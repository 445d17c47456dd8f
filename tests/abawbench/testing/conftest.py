"""The fifteen broken plugins, checked once."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from abawbench.testing.checks import Outcome
from abawbench.testing.watched import Limits, outcomes

BROKEN = Path(__file__).parents[2] / "broken_plugins"


@pytest.fixture(scope="session")
def outcomes_by_plugin() -> Mapping[str, list[Outcome]]:
    """Every outcome of the checks of the broken plugins and of the healthy ones beside them, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(BROKEN), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
        found: dict[str, list[Outcome]] = {}
        for outcome in outcomes("abawbench-broken", limits=Limits(seconds=12, memory_bytes=3 * 2**29)):
            name = outcome.plugin.split("'")[1] if "'" in outcome.plugin else outcome.plugin
            found.setdefault(name, []).append(outcome)
        return found
