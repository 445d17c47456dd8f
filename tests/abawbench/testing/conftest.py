"""The fifteen broken plugins, checked once."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from abawbench.testing.checks import CheckResult
from abawbench.testing.run import ALLOWANCE, run_checks

BROKEN = Path(__file__).parents[2] / "broken_plugins"


@pytest.fixture(scope="session")
def results_by_plugin() -> Mapping[str, list[CheckResult]]:
    """Every result of the checks of the broken plugins and of the healthy ones beside them, by name."""
    with pytest.MonkeyPatch.context() as patch:
        # one for the processes that check, one for the interpreter that a check starts
        patch.syspath_prepend(str(BROKEN))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(BROKEN), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
        found: dict[str, list[CheckResult]] = {}
        for result in run_checks("abawbench-broken", allowance=replace(ALLOWANCE, seconds=12, memory=3 * 2**29)):
            name = result.plugin.split("'")[1] if "'" in result.plugin else result.plugin
            found.setdefault(name, []).append(result)
        return found
