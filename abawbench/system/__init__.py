"""The machine, knowing nothing of benchmarks: cache folder, locks, whole files, safe text, network guard, processes.

In: paths, text, processes. Out: the same, safe and whole. May import: contracts (for its errors).
Nothing here knows what a model, a task or a record is.
"""
