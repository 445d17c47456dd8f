"""Intervals, paired tests, floors and ranks over sums of tracks. Pure functions of arrays.

In: statistics [tracks, S] and the subjects. Out: intervals, p-values, ranks. May import: contracts.
Every formula names its source; every claim of coverage has a simulation in tests/simulations.
"""
