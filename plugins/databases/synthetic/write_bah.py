"""BAH as the eighth edition distributed it: videos, faces, transcripts, split lists and one annotation file."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.answer import media_of, transcript_of, words_of
from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.take import act_of, labels_of

SHARED = {"annotation.yml": "", "default-split/train.txt": "", "default-split/val.txt": ""}
"""Files that all videos write to, and how they begin."""
_TEMPLATE = "submissions/trial-1.txt"
TEST = {_TEMPLATE: ""}
"""Those of the test set."""


def write_video(takes: Sequence[Take]) -> Iterator[tuple[str, bytes]]:
    """Yield the files (path below ``bah``, content) of one video."""
    (take,) = takes
    yield from media_of(take, "cropped-aligned-faces", "videos")
    words, seconds = words_of(take), take.frames / take.rate
    yield transcript_of(take, "transcription", f'text: "{words}"\ntimestamps:\n- ["{words}", 0.0, {seconds:.3f}]\n')


def write_shared(take: Take) -> dict[str, str]:
    """Return what a video adds to the shared files: its line in the split list and its annotation."""
    if take.split == "test":
        return {_TEMPLATE: "".join(f"{take.name}/frame-{t}.jpg,0\n" for t in range(take.frames))}
    act = act_of(take)
    noticed = labels_of(take, act)["ah"][: take.frames]
    present = int(noticed.any())
    words = words_of(take)
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
