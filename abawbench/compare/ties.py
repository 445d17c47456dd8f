"""Which neighbours of a ranking the data can tell apart."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from abawbench.compare.every_pair import Pairs
from abawbench.compare.sides import Run
from abawbench.records.record import Record
from abawbench.statistics.ranking import holm

ALPHA = 0.05
Separate = Callable[[Sequence[Record]], list[bool]]
"""Maps records sorted from the best to whether each differs from the next: one answer fewer than records."""


def count_all_apart(records: Sequence[Record]) -> list[bool]:
    """Return that every neighbour differs: what is said where nothing is known."""
    return [True] * (len(records) - 1)


def compare_neighbours(runs: Sequence[Run], pairs: Pairs) -> Separate:
    """Return what tells neighbours among the records of ``runs`` apart: paired tests, Holm-corrected, at 5%.

    ``pairs`` are of the same runs. Neighbours without statistics of the same tracks are not compared, and so never
    share a rank.
    """
    places = {id(run.record): place for place, run in enumerate(runs)}

    def p_value(a: Record, b: Record) -> float:
        if id(a) not in places or id(b) not in places:
            return 0.0
        found = pairs.difference(places[id(a)], places[id(b)])
        if isinstance(found, str):
            return 0.0
        return found.p_value if found.reason is None else 1.0  # nothing is claimed

    def separate(records: Sequence[Record]) -> list[bool]:
        return [p < ALPHA for p in holm([p_value(a, b) for a, b in pairwise(records)])]

    return separate
