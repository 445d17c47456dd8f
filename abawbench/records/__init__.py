"""What a run says about itself: the schema of a result and its files on disk.

In: numbers and arrays of a finished job, or a folder. Out: ``Record`` and the files beside it, whole or not at all.
May import: system, statistics, plugins, contracts. Change the schema only together with ``SCHEMA_VERSION``.
"""
