"""The page of counts says what the counters say now, and ours are those worked out by hand."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script(load: Callable[[str], ModuleType]) -> ModuleType:
    for library in ("ptflops", "torchinfo"):
        pytest.importorskip(library)
    return load("tools/counts.py")


def test_both_of_our_counters_give_every_hand_count(script: ModuleType) -> None:
    for case in script.cases():
        by_hand, ours, fvcore, *_ = script.row(case)
        assert (case.name, ours, fvcore) == (case.name, by_hand, by_hand)


def test_the_page_is_what_the_script_writes(script: ModuleType) -> None:
    assert script.text() == (DOCS / "counts.md").read_text(encoding="utf-8"), "run 'python tools/counts.py'"
