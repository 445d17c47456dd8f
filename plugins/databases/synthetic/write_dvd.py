"""DVD as it is distributed: videos and one table of labels for each; violence is anger with large, fast motion."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from abawbench_plugins.databases.synthetic.media import mp4
from abawbench_plugins.databases.synthetic.performance import Performance
from abawbench_plugins.databases.synthetic.picture import pictures
from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.prototypes import VIOLENT
from abawbench_plugins.databases.synthetic.quirks import label_rows
from abawbench_plugins.databases.synthetic.take import MOTION, VOICE, act_of, labels_of
from abawbench_plugins.databases.synthetic.voice import RATE, speak, voice_of

SHARED: dict[str, str] = {}
"""Files that all videos write to, and how they begin."""
SHAKE = {"dx": 5.0, "dy": 3.5, "roll": 2.0}
"""How far a violent head is thrown about, beyond the range in which others move."""
OLD_NAME_EVERY = 5
"""Of so many tables, one calls its first column as in edition 9."""
TEST: dict[str, str] = {}
_SPLITS = {"train": "Training", "val": "Validation", "test": "Test"}


def write_video(takes: Sequence[Take]) -> Iterator[tuple[str, bytes]]:
    """Yield the files (path below ``dvd``, content) of one video."""
    (take,) = takes
    act = act_of(take)
    frames = pictures(take, shaken(act, take.random(MOTION)), 112)
    sound = speak(voice_of(take.person), act, take.frames, take.rate, take.random(VOICE))
    yield f"{_SPLITS[take.split]}/videos/{take.name}.mp4", mp4(frames, take.rate, sound, RATE)
    if take.split == "test":
        yield f"Test/templates/{take.name}.csv", _table(take, [0] * label_rows(take))
    else:
        yield from annotations(take)


def annotations(take: Take) -> Iterator[tuple[str, bytes]]:
    """Yield the table (path below ``dvd``, content) of a labelled video."""
    labels = labels_of(take, act_of(take))["vd"][: label_rows(take)].tolist()
    yield f"{_SPLITS[take.split]}/annotations/{take.name}.csv", _table(take, labels)


def _table(take: Take, labels: Sequence[int]) -> bytes:
    column = "Frame_Num" if take.index % OLD_NAME_EVERY == 2 else "Frame_Number"
    rows = "".join(f"{number},{label}\n" for number, label in enumerate(labels, start=1))
    return f"{column},Label\n{rows}".encode()


def write_shared(take: Take) -> dict[str, str]:
    """Return what a video adds to the shared files: nothing, each has its own."""
    return {}


def shaken(act: Performance, rng: np.random.Generator) -> Performance:
    """Return a performance whose violent acts come with jerks of the head from frame to frame."""
    violent = np.array([episode.kind == VIOLENT for episode in act.episodes])
    force = act.strength[:, violent].max(axis=1, initial=0.0)
    jerks = {name: reach * force * rng.uniform(-1, 1, len(act)) for name, reach in SHAKE.items()}
    return replace(act, dx=act.dx + jerks["dx"], dy=act.dy + jerks["dy"], roll=act.roll + jerks["roll"])
