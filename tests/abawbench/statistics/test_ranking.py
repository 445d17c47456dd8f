"""Several comparisons at once, and ranks that are shared."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from abawbench.statistics.ranking import holm, share_ranks
from abawbench.statistics.ranktest import mann_whitney, rounds_needed


def test_holm_gives_the_textbook_example() -> None:
    # Holm (1979) by hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, 1 x 0.04 and never less than the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_lies_between_no_correction_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    for p, q in zip(p_values, corrected, strict=True):
        assert p <= q <= min(1, len(p_values) * p) + 1e-12
    order = np.argsort(p_values, kind="stable")
    assert all(corrected[i] <= corrected[j] for i, j in pairwise(order))


@given(st.lists(st.booleans(), max_size=12))
def test_a_rank_counts_everyone_above_and_is_shared_where_nothing_separates(separated: list[bool]) -> None:
    ranks = share_ranks(separated)
    assert len(ranks) == len(separated) + 1
    for place, rank in enumerate(ranks):
        assert rank <= place + 1
        if place:
            assert (rank == ranks[place - 1]) == (not separated[place - 1])
            assert rank in (place + 1, ranks[place - 1])


sizes = st.integers(1, 12)


@given(sizes, sizes, st.randoms(use_true_random=False))
def test_without_ties_the_rank_test_is_scipys_exact_one(m: int, n: int, random) -> None:  # type: ignore[no-untyped-def]
    values = random.sample(range(100), m + n)
    x, y = values[:m], values[m:]
    assert mann_whitney(x, y) == pytest.approx(stats.mannwhitneyu(x, y, alternative="greater", method="exact").pvalue)


@pytest.mark.slow
@given(st.lists(st.integers(0, 9), min_size=5, max_size=60), st.lists(st.integers(0, 9), min_size=21, max_size=60))
def test_with_ties_or_many_timings_it_is_scipys_approximation(x: list[int], y: list[int]) -> None:
    if len({*x, *y}) == 1:
        assert mann_whitney(x, y) == 1
        return
    theirs = stats.mannwhitneyu(x, y, alternative="greater", method="asymptotic").pvalue
    assert mann_whitney(x, y) == pytest.approx(theirs)


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one timing"):
        mann_whitney([], [1.0])


def test_as_many_rounds_as_are_said_to_be_needed_are_enough_four_times_in_five() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(0.6, 1, 400), random.normal(0, 1, 400)
    needed = rounds_needed(list(x), list(y), 0.01)
    assert needed is not None
    found = [
        mann_whitney(list(random.normal(0.6, 1, needed)), list(random.normal(0, 1, needed))) < 0.01 for _ in range(300)
    ]
    assert 0.7 <= np.mean(found) <= 0.92
    assert rounds_needed([1.0, 2.0], [1.0, 2.0], 0.01) is None
