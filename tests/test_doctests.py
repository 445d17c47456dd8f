"""The examples in the docstrings are true."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import abawbench
import abawbench_plugins

MODULES = [
    ".".join([name, *path.relative_to(root).with_suffix("").parts])
    for name, root in (
        ("abawbench", Path(str(abawbench.__file__)).parent),
        ("abawbench_plugins", Path(str(abawbench_plugins.__file__)).parent),
    )
    for path in sorted(root.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8") and path.name != "__init__.py"
]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_hold(module: str) -> None:
    results = doctest.testmod(import_module(module))
    assert results.attempted > 0
    assert results.failed == 0
