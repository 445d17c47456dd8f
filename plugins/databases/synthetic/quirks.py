"""The oddities of the real files that the synthetic ones repeat on purpose: this is the whole list.

==============================================  ========================================================
oddity                                          where
==============================================  ========================================================
frames without a detected face have no image    every database but BAH and DVD: ``has_face``
ignore codes -5 and -1 in stretches             Aff-Wild2, elsewhere for every task: ``ignored``
one label row more than frames                  Aff-Wild2, C-EXPR-DB and DVD: ``label_rows``
labels that stop long before the images         Aff-Wild2: ``label_rows``
two people in one video (``_left``, ``_right``) Aff-Wild2: the names in ``plan``
rates in names, endings that belong to an id    Aff-Wild2: the names in ``plan``
images and videos in more than one folder       Aff-Wild2: ``write_aff_wild2``
task lists that overlap but differ              Aff-Wild2: ``TASK_GAPS`` in ``plan``
face images not zero-padded, a ``Thumbs.db``    Hume-Vidmimic2, Hume-Reaction: ``write_hume_vidmimic2``
clips with almost no face image                 Hume-Vidmimic2, Hume-Reaction: ``has_face``
frames that are not consecutive, three masks    s-Aff-Wild2: ``write_s_aff_wild2`` and ``multitask`` in ``labels``
the older name of a column                      DVD: ``write_dvd``
spaces in paths, folders called ``.mp4``        BAH: the names in ``plan``, and ``write_bah``
frames counted from 0 and not padded            BAH: ``write_bah``, ``write_bah_video``
very uneven classes and action units            the odds in ``plan`` and the looks in ``prototypes``
==============================================  ========================================================
"""

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.take import QUIRKS

MISSING_RATE = 0.015
"""Share of the frames without a detected face."""
FACELESS_EVERY = 40
"""Of so many mimicked reactions, one shows a face in two frames only."""
IGNORED_EVERY = 3
"""Of so many tracks of a task, one has a stretch that nobody annotated."""
_TASKS = ("va", "expr", "au")


def has_face(take: Take) -> NDArray[np.bool_]:
    """Return in which video frames [frames] a face was detected; misses come in runs of two to five."""
    found = np.ones(take.frames, np.bool_)
    if take.database.startswith("bah"):
        return found
    if take.database.startswith("hume-") and take.place % FACELESS_EVERY == 7:
        found[:] = False
        found[2:4] = True
        return found
    rng = take.random(QUIRKS)
    missing_runs = 1 if take.place % 11 == 2 else rng.poisson(take.frames * MISSING_RATE / 3.5)
    for _ in range(missing_runs):
        start = int(rng.integers(1, take.frames))
        found[start : start + int(rng.integers(2, 6))] = False
    return found


def label_rows(take: Take) -> int:
    """Return how many label rows a track has: its frames, one more, or a fifth fewer."""
    if take.database == "aff-wild2" and take.place % 8 == 4:
        return take.frames * 4 // 5
    one_more = {"aff-wild2": 6, "c-expr-db": 5, "dvd": 6}
    if take.database in one_more and take.place % one_more[take.database] == 2:
        return take.frames + 1
    return take.frames


def ignored(take: Take, task: str, rows: int) -> NDArray[np.bool_]:
    """Return which of an Aff-Wild2 task's rows [rows] carry the ignore code: one stretch, elsewhere for each task."""
    out = np.zeros(rows, np.bool_)
    which = _TASKS.index(task)
    if (take.place + which) % IGNORED_EVERY == 0:
        rng = np.random.default_rng([take.seed, take.index, which, QUIRKS])
        start = int(rng.integers(0, rows - 4))
        out[start : start + int(rng.integers(4, 11))] = True
    return out
