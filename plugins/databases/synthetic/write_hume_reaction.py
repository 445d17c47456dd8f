"""Hume-Reaction in the layout of Hume-Vidmimic2, with seven emotions."""

from abawbench_plugins.databases.synthetic.prototypes import REACTIONS
from abawbench_plugins.databases.synthetic.write_hume_vidmimic2 import TABLES, TEST, write_shared, write_video

SHARED = dict.fromkeys(TABLES.values(), f"Filename,{','.join(REACTIONS)}\n")
"""Files that all videos write to, and how they begin."""

__all__ = ["SHARED", "TEST", "write_shared", "write_video"]
