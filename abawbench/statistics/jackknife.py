"""Leaving out one unit at a time: variance, acceleration, and how much frames of one track repeat each other."""

from collections.abc import Callable

from abawbench.contracts.metric import Statistics

Value = Callable[[Statistics], Statistics]


def leave_one_out(value: Value, units: Statistics) -> Statistics:
    """Return the value without each unit in turn, [units], for statistics of units [units, S].

    Source: Quenouille (1956), Biometrika 43; additive statistics make it one subtraction.
    """
    return value(units.sum(axis=0) - units)


def variance(value: Value, units: Statistics) -> float:
    """Return the jackknife variance of the value over units [units, S]; NaN below 2 units."""
    return variance_of(leave_one_out(value, units)) if len(units) > 1 else float("nan")


def variance_of(without: Statistics) -> float:
    """Return (n - 1) / n times the squared deviations of the values without each unit; NaN below 2 units.

    Source: Tukey (1958), Annals of Mathematical Statistics 29.
    """
    n = len(without)
    return float((n - 1) / n * ((without - without.mean()) ** 2).sum()) if n > 1 else float("nan")


def degrees_of_freedom(without: Statistics) -> int:
    """Return how many degrees of freedom the jackknife variance has: n - 1 of equal units, fewer where a few decide.

    Tracks of very unequal length leave the variance to the longest ones. Rounded down, at least 1.

    Source: Johnson & Rust (1992), Journal of Educational Statistics 17, after Satterthwaite (1946), Biometrics 2.
    """
    n, squares = len(without), (without - without.mean()) ** 2 if len(without) else without
    fourth = float((squares**2).sum())
    if n < 2 or fourth == 0:
        return max(n - 1, 1)
    effective = (3.16 - 2.77 / n**0.5) * float(squares.sum()) ** 2 / fourth
    return min(max(int(effective), 1), n - 1)


def acceleration(without: Statistics) -> float:
    """Return the skewness correction of the BCa interval, from the values without each unit; 0 where nothing varies.

    Source: Efron (1987), JASA 82, eq. 6.6 in its jackknife form.
    """
    deviations = without.mean() - without
    squares = float((deviations**2).sum())
    return float((deviations**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0


def design_effect(value: Value, units: Statistics, random_groups: Statistics, *, share: float = 1.0) -> float:
    """Return how many times larger the variance over units is than if every frame were drawn by itself.

    ``random_groups`` [G, S] holds the statistics of all frames, or of a random ``share`` of them, dealt at random into
    G groups of one size, whatever their track: their jackknife variance is that of independent frames, known to
    sqrt(2 / G) of itself. The number of frames divided by the design effect is the effective sample size. NaN where
    either has no variance.

    Source: Kish (1965), Survey Sampling, 8.2; random groups: Wolter (2007), Introduction to Variance Estimation, 2.
    """
    independent = variance(value, random_groups) * share
    return variance(value, units) / independent if independent > 0 else float("nan")
