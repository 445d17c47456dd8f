"""Settings that all tests share."""

import os

import pytest
from hypothesis import HealthCheck, settings

# how long an example takes says more about the machine than about the code
settings.register_profile("abawbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("abawbench")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# where tests run in processes of their own, these are told that there is a terminal of 80 columns
os.environ.pop("COLUMNS", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is not slow as quick."""
    for item in items:
        if item.get_closest_marker("slow") is None:
            item.add_marker(pytest.mark.quick)
