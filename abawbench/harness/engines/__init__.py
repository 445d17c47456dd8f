"""Where the jobs of a plan are done: on this machine, by a Slurm cluster or by Ray; what is done, and what is missing.

In: a ``Plan`` and numbers of its jobs. Out: a record for each, and a note of how it ended beside the results. May
import: ``harness/jobs`` and the rooms below it. No engine is imported unless it is asked for.
"""
