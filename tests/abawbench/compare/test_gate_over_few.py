"""Over too few subjects a table claims nothing, and a gate judges the tracks that are there and says so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from abawbench.compare.comparison import Comparison, compare
from abawbench.compare.gate import Gate, checks, exit_status
from abawbench.compare.sides import load_side
from abawbench.plugins import Plugins
from abawbench.report.comparison_table import comparison_text

Make = Callable[..., Path]


def few(make_run: Make, noise: float = 0.9) -> Comparison:
    a, b = make_run("a", tracks=6), make_run("b", tracks=6, noise=noise)
    return compare(load_side(str(a)), load_side(str(b)), Plugins(), replicates=500)


def test_the_table_claims_nothing_and_says_why(make_run: Make) -> None:
    found = few(make_run)
    (task,) = found.tasks
    assert (task.units, task.interval.low, task.p_value, task.p_holm, task.detectable) == (3, None, None, None, None)
    text = comparison_text(found)
    assert f"{task.difference:+.3f} " in text
    assert f"{task.difference:+.3f} [" not in text
    assert "va: 3 independent subjects are too few to claim anything, 5 are needed" in text


@pytest.mark.parametrize(("drop", "status"), [(0.001, 1), (2.0, 0)])
def test_the_gate_judges_these_very_tracks(make_run: Make, drop: float, status: int) -> None:
    gate = Gate(max_drop=drop)
    (check,) = found = checks(gate, few(make_run))
    assert exit_status(gate, found) == status
    assert "on every resample of these 3 subjects, with no claim about others" in check.words


def test_the_gate_cannot_tell_what_these_tracks_leave_open(make_run: Make) -> None:
    comparison = few(make_run)
    (task,) = comparison.tasks
    gate = Gate(max_drop=-(task.lowest + task.highest) / 2)
    assert exit_status(gate, checks(gate, comparison)) == 2
