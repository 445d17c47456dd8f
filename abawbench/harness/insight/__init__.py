"""What stored runs say beyond their value: calibration, sub-groups, robustness, and what a data set can show.

In: run folders and their databases. Out: findings, with intervals. May import: stored and below.
A run is never changed; nothing here trains.
"""
