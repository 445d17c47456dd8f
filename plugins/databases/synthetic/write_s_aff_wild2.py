"""s-Aff-Wild2 as it is distributed: single frames of videos, and one list of labels for three tasks per split."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.media import jpeg
from abawbench_plugins.databases.synthetic.picture import pictures
from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.prototypes import AU_NUMBERS
from abawbench_plugins.databases.synthetic.quirks import has_face
from abawbench_plugins.databases.synthetic.take import QUIRKS, act_of, labels_of

_HEADER = f"image,valence,arousal,expression,{','.join(f'AU{number}' for number in AU_NUMBERS)}\n"
_LISTS = {"train": "training_set_annotations.txt", "val": "validation_set_annotations.txt"}
SHARED = dict.fromkeys(_LISTS.values(), _HEADER)
"""Files that all videos write to, and how they begin."""
_TEMPLATE = "MTL.txt"
TEST = {_TEMPLATE: "image,valence,arousal,expression,aus\n"}
"""Those of the test set."""
_STEP = (3, 10)
"""Fewest and most frames from one that was taken to the next."""


def write_video(takes: Sequence[Take]) -> Iterator[tuple[str, bytes]]:
    """Yield the files (path below ``s-aff-wild2``, content) of one video: the images of the frames taken from it."""
    (take,) = takes
    chosen = _choose(take)[has_face(take)[_choose(take)]]
    for t, picture in zip(chosen, pictures(take, act_of(take), 112, chosen.tolist()), strict=True):
        yield f"cropped_aligned/{take.name}/{t + 1:05d}.jpg", jpeg(picture)


def write_shared(take: Take) -> dict[str, str]:
    """Return what a video adds to the shared files: a row for each frame taken."""
    if take.split == "test":
        return {_TEMPLATE: "".join(f"{take.name}/{t + 1:05d}.jpg,\n" for t in _choose(take))}
    values = labels_of(take, act_of(take))["mtl"]
    rows = (
        f"{take.name}/{t + 1:05d}.jpg,{v:.3f},{a:.3f},{','.join(str(int(code)) for code in rest)}\n"
        for t, (v, a, *rest) in zip(_choose(take), values[_choose(take)].tolist(), strict=True)
    )
    return {_LISTS[take.split]: "".join(rows)}


def _choose(take: Take) -> NDArray[np.int64]:
    """Which frames are taken; the first always."""
    steps = take.random(QUIRKS).integers(_STEP[0], _STEP[1] + 1, take.frames)
    places = np.concatenate([[0], np.cumsum(steps)])
    return np.asarray(places[places < take.frames])
