"""Fifteen broken plugins, and healthy ones beside them.

With the folder above on the import path (``PYTHONPATH=tests/broken_plugins``) they count as installed: its two
``dist-info`` folders are all that it takes. Task ``colours`` on database ``coloured`` with model ``healthy`` is the job
that must complete whatever its neighbours do.
"""

BROKEN = {
    "import-error": ("entry point", "its module imports a package that is not there"),
    "wrong-shape": ("model broken-wrong-shape", "its head gives one output more than the task has"),
    "nan": ("model broken-nan", "its head gives NaN once it is trained"),
    "frame-order": ("model broken-frame-order", "its head gives the frames of a clip back to front"),
    "mask-ignored": ("metric broken-mask-ignored", "its statistics count frames that nobody annotated"),
    "non-additive": ("metric broken-non-additive", "its statistics are means, which do not add up"),
    "hang": ("model broken-hang", "its head waits for ever while it is trained"),
    "memory-bomb": ("model broken-memory-bomb", "its frozen part allocates without end"),
    "segfault": ("model broken-segfault", "its head reads address 0 when it predicts"),
    "os-exit": ("model broken-os-exit", "building its network ends the process, with status 0"),
    "hook-exception": ("entry point", "its hook raises"),
    "network": ("model broken-network", "it calls home when asked for its weights"),
    "huge-output": ("model broken-huge-output", "building its network prints 200 MB"),
    "duplicate": ("model broken-duplicate", "two distributions give a model of that name"),
    "old-contract": ("entry point", "it was written for contract 0"),
}
"""Name -> where it enters, and what is wrong with it."""
