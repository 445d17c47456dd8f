"""The page of sizes says what the networks are now, and every figure is that of its reference."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("tools/systems.py")


@pytest.fixture(scope="module")
def page(script: ModuleType) -> str:
    return str(script.text())


def test_the_page_is_what_the_script_writes(page: str) -> None:
    assert page == (DOCS / "systems.md").read_text(encoding="utf-8"), "run 'python tools/systems.py'"


def test_every_figure_is_that_of_the_reference_in_all_its_digits(script: ModuleType, page: str) -> None:
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")][: len(script.ROWS)]
    assert [row[0] for row in rows] == [f"| `{one.model}`" for one in script.ROWS]
    assert all(row[2] == row[3] and row[4] == row[5] for row in rows)
