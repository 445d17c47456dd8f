"""Several comparisons at once: corrected p-values, and ranks that the data can tell apart."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for being several, in their order: below α with a family-wise error of α.

    Source: Holm (1979), Scandinavian Journal of Statistics 6.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    corrected, largest = [1.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = largest
    return corrected


def share_ranks(separated: Sequence[bool]) -> list[int]:
    """Return the ranks of a list sorted from the best, where ``separated[i]`` tells entry i from entry i + 1.

    Neighbours that the data cannot separate share the better rank, and the next rank counts them all. The ends of a
    long tie may well differ: a shared rank says that no line could be drawn between neighbours, not that all are
    equal.

    >>> share_ranks([False, True, True, False])
    [1, 1, 3, 4, 4]
    """
    ranks = [1]
    for place, apart in enumerate(separated, 2):
        ranks.append(place if apart else ranks[-1])
    return ranks
