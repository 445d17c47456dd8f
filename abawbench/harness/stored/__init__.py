"""A finished run used again: loaded, exported, submitted.

In: a run folder. Out: its network, files for elsewhere, the official prediction file. May import: measure and below.
Nothing is written unless it is whole and reads back as what was meant.
"""
