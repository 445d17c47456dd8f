"""Weights that arrive by themselves: where they lie, what they were at first use, and whether they still are.

In: sources that models declare. Out: local files whose digests are those of the first use. May import: contracts,
config, progress, system. Nothing is fetched without consent, and nothing that differs is used.
"""
