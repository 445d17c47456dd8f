"""The scripts that write pages, as modules."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def load() -> Callable[[str], ModuleType]:
    """Import a file of the checkout that belongs to no package."""

    def imported(path: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"abawbench_{Path(path).stem}", ROOT / path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up by name
        spec.loader.exec_module(module)
        return module

    return imported
