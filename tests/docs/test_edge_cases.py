"""The page of edge cases says what the code and the libraries say now."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script(load: Callable[[str], ModuleType]) -> ModuleType:
    pytest.importorskip("audmetric")
    return load("tools/edge_cases.py")


def test_the_page_is_what_the_script_writes(script: ModuleType) -> None:
    expected = (DOCS / "edge-cases.md").read_text(encoding="utf-8")
    assert script.text() == expected, "run 'python tools/edge_cases.py'"


def test_the_official_values_are_those_worked_out_by_hand(script: ModuleType) -> None:
    found = {(case.name, case.task.name): script.shown(script.ours, case) for case in script.cases()}
    assert found["constant prediction", "va"] == "0.0000"
    assert found["constant prediction of one output", "emi"] == f"{5 / 6:.4f}"
    assert found["absent class, all else right", "expr"] == f"{6 / 8:.4f}"
    assert found["never-active unit, never predicted", "au"] == f"{11 / 12:.4f}"
    # 18 of 24 right by silence: F1 of the frequent class is 2 * 18 / (2 * 18 + 6), weighted by 18 / 24
    assert found["one class everywhere", "ah"] == f"{36 / 42 * 18 / 24:.4f}"
    assert found["one-frame track, alone, right", "expr"] == f"{1 / 8:.4f}"
    assert found["no annotated frame", "va"] == "NaN"
    assert found["missing frame", "va"] == found["NaN in the prediction", "va"] == "refused (ValueError)"
