"""Hume-Vidmimic2 as it is distributed: clips, sound, sampled face images and one table per split."""

from collections.abc import Iterator, Sequence

import numpy as np

from abawbench_plugins.databases.synthetic.media import jpeg, mp3, mp4
from abawbench_plugins.databases.synthetic.picture import pictures
from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.prototypes import EMOTIONS
from abawbench_plugins.databases.synthetic.quirks import has_face
from abawbench_plugins.databases.synthetic.take import VOICE, act_of, labels_of
from abawbench_plugins.databases.synthetic.voice import RATE, speak, voice_of

TABLES = {"train": "train_split.csv", "val": "valid_split.csv"}
SHARED = dict.fromkeys(TABLES.values(), f"Filename,{','.join(EMOTIONS)}\n")
"""Files that all videos write to, and how they begin."""
_LIST = "test_split.csv"
TEST = {_LIST: "Filename\n"}
"""Those of the test set."""
THUMBS_EVERY = 5
_THUMBS = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def write_video(takes: Sequence[Take]) -> Iterator[tuple[str, bytes]]:
    """Yield the files (path below the database, content) of one clip."""
    (take,) = takes
    act = act_of(take)
    frames = pictures(take, act, 160)
    for t in np.flatnonzero(has_face(take)):
        yield f"face_images/{take.name}/{t + 1}.jpg", jpeg(frames[t])
    if take.place % THUMBS_EVERY == 1:
        yield f"face_images/{take.name}/Thumbs.db", _THUMBS
    sound = speak(voice_of(take.person), act, take.frames, take.rate, take.random(VOICE))
    yield f"raw/{take.name}.mp4", mp4(frames, take.rate, sound, RATE)
    yield f"audio/{take.name}.mp3", mp3(sound, RATE)


def write_shared(take: Take) -> dict[str, str]:
    """Return what a clip adds to the shared files: a row of intensities."""
    if take.split == "test":
        return {_LIST: f"{take.name}\n"}
    (values,) = labels_of(take, act_of(take)).values()
    return {TABLES[take.split]: f"{take.name},{','.join(f'{value:.6g}' for value in values)}\n"}
