"""BAH as the eighth edition distributed it: videos, faces, transcripts, split lists and one annotation file."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.media import jpeg, mp4
from abawbench_plugins.databases.synthetic.picture import pictures
from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.take import VOICE, WORDS, act_of, labels_of
from abawbench_plugins.databases.synthetic.transcript import say
from abawbench_plugins.databases.synthetic.voice import RATE, speak, voice_of

SHARED = {"annotation.yml": "", "default-split/train.txt": "", "default-split/val.txt": ""}
"""Files that all videos write to, and how they begin."""
_TEMPLATE = "submissions/trial-1.txt"
TEST = {_TEMPLATE: ""}
"""Those of the test set."""


def video(takes: Sequence[Take]) -> Iterator[tuple[str, bytes]]:
    """Yield the files (path below ``bah``, content) of one video."""
    (take,) = takes
    act = act_of(take)
    frames = pictures(take, act, 112)
    for t, picture in enumerate(frames):
        yield f"cropped-aligned-faces/{take.name}/frame-{t}.jpg", jpeg(picture)
    sound = speak(voice_of(take.person), act, take.frames, take.rate, take.random(VOICE))
    yield f"videos/{take.name}", mp4(frames, take.rate, sound, RATE)
    stem = take.name.rpartition("/")[2].removesuffix(".mp4")
    words = say(act, take.frames, take.random(WORDS))
    seconds = take.frames / take.rate
    yield (
        f"transcription/{take.name}/{stem}.yml",
        f'text: "{words}"\ntimestamps:\n- ["{words}", 0.0, {seconds:.3f}]\n'.encode(),
    )


def shared(take: Take) -> dict[str, str]:
    """Return what a video adds to the shared files: its line in the split list and its annotation."""
    if take.split == "test":
        return {_TEMPLATE: "".join(f"{take.name}/frame-{t}.jpg,0\n" for t in range(take.frames))}
    act = act_of(take)
    noticed = labels_of(take, act)["ah"][: take.frames]
    present = int(noticed.any())
    words = say(act, take.frames, take.random(WORDS))
    rows = "".join(f'  - ["{take.name}/frame-{t}.jpg", {value}]\n' for t, value in enumerate(noticed))
    stretches = _stretches(noticed)
    seconds = [[round(start / take.rate, 3), round(stop / take.rate, 3)] for start, stop in stretches]
    annotation = (
        f'"{take.name}":\n  global_ah: {present}\n  frame_annotation:\n{rows}'
        f"  fr_detailed_ah: {stretches}\n  time_detailed_ah: {seconds}\n"
    )
    return {
        "annotation.yml": annotation,
        f"default-split/{take.split}.txt": f"{take.name},{present},{words}\n",
    }


def _stretches(noticed: NDArray[np.int64]) -> list[list[int]]:
    """First and last frame of every stretch of ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], noticed, [0]])))
    return [[int(start), int(stop) - 1] for start, stop in edges.reshape(-1, 2)]
