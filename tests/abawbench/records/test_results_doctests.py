"""The examples in the docstrings are true."""

import doctest
from types import ModuleType

import pytest

from abawbench.records import store
from abawbench.system import text


@pytest.mark.parametrize("module", [store, text], ids=lambda module: module.__name__)
def test_the_examples_hold(module: ModuleType) -> None:
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0
