"""C-EXPR-DB in the form of its template: numbered videos, aligned faces and one list of frames per split."""

from collections.abc import Iterator, Sequence

import numpy as np

from abawbench_plugins.databases.synthetic.media import jpeg, mp4
from abawbench_plugins.databases.synthetic.picture import pictures
from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.prototypes import COMPOUNDS
from abawbench_plugins.databases.synthetic.quirks import has_face, label_rows
from abawbench_plugins.databases.synthetic.take import VOICE, act_of, labels_of
from abawbench_plugins.databases.synthetic.voice import RATE, speak, voice_of

_HEADER = f"image_location,{','.join(COMPOUNDS)}\n"
SHARED = {"labels/train.txt": _HEADER, "labels/val.txt": _HEADER}
"""Files that all videos write to, and how they begin."""
_TEMPLATE = "CVPR_8th_ABAW_CE_test_set_sample.txt"
TEST = {_TEMPLATE: _HEADER}
"""Those of the test set."""


def write_video(takes: Sequence[Take]) -> Iterator[tuple[str, bytes]]:
    """Yield the files (path below ``c-expr-db``, content) of one video."""
    (take,) = takes
    act = act_of(take)
    frames = pictures(take, act, 112)
    for t in np.flatnonzero(has_face(take)):
        yield f"cropped_aligned/{take.name}/{t + 1:05d}.jpg", jpeg(frames[t])
    sound = speak(voice_of(take.person), act, take.frames, take.rate, take.random(VOICE))
    yield f"videos/{take.name}.mp4", mp4(frames, take.rate, sound, RATE)


def write_shared(take: Take) -> dict[str, str]:
    """Return what a video adds to the shared files: a row per frame."""
    if take.split == "test":
        return {_TEMPLATE: "".join(f"{take.name}/{t:05d}.jpg,0\n" for t in range(1, label_rows(take) + 1))}
    classes = labels_of(take, act_of(take))["ce"][: label_rows(take)]
    rows = "".join(f"{take.name}/{t:05d}.jpg,{value}\n" for t, value in enumerate(classes, start=1))
    return {f"labels/{take.split}.txt": rows}
