"""Is a difference real? Pairs of runs, paired tests, ties and the gate for CI. Nothing here prints.

In: records and the statistics of their tracks. Out: ``Comparison``, ``Check``, who shares a rank.
May import: records and what lies below it.
"""
