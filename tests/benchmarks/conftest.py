"""Sizes: a fiftieth by default, so that these run along as tests; the official one with ``ABAWBENCH_FULL=1``."""

import os

import pytest

FULL = os.environ.get("ABAWBENCH_FULL", "0") not in ("", "0")


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the official size is run, and its limits hold."""
    return FULL


@pytest.fixture(scope="session")
def share(full: bool) -> float:
    """Share of the official number of rows."""
    return 1.0 if full else 0.02
