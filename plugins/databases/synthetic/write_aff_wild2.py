"""Aff-Wild2 as it is distributed: videos, cropped and aligned faces, and one annotation file per track and task."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.media import jpeg, mp4
from abawbench_plugins.databases.synthetic.picture import pictures
from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.prototypes import AU_NUMBERS, EXPRESSIONS
from abawbench_plugins.databases.synthetic.quirks import has_face, ignored, label_rows
from abawbench_plugins.databases.synthetic.take import VOICE, act_of, labels_of
from abawbench_plugins.databases.synthetic.voice import RATE, speak, voice_of

SHARED: dict[str, str] = {}
"""Files that all videos write to, and how they begin."""

_SPLITS = {"train": "Train_Set", "val": "Validation_Set"}
_FOLDERS = {
    "va": "VA_Estimation_Challenge",
    "expr": "EXPR_Recognition_Challenge",
    "au": "AU_Detection_Challenge",
}
_HEADERS = {
    "va": "valence,arousal",
    "expr": ",".join(EXPRESSIONS),
    "au": ",".join(f"AU{number}" for number in AU_NUMBERS),
}
_BLANK = {"va": "0,0", "expr": "0", "au": ",".join(["0"] * len(AU_NUMBERS))}
_TEMPLATES = {
    task: f"prediction_files_format/CVPR_8th_ABAW_{name}_test_set_sample.txt"
    for task, name in (("va", "VA"), ("expr", "Expr"), ("au", "AU"))
}
_LISTS = {
    task: f"names_of_videos_in_each_test_set/{name}_Challenge_test_set_release.txt"
    for task, name in zip(
        _TEMPLATES, ("Valence_Arousal_Estimation", "Expression_Recognition", "Action_Unit_Detection"), strict=True
    )
}
TEST = {path: f"image_location,{_HEADERS[task]}\n" for task, path in _TEMPLATES.items()}
TEST |= dict.fromkeys(_LISTS.values(), "")
"""Files that all videos of the test set write to, and how they begin."""


def write_video(takes: Sequence[Take]) -> Iterator[tuple[str, bytes]]:
    """Yield the files (path below ``aff-wild2``, content) of one video and of the one or two people in it."""
    shown, heard = [], []
    for take in takes:
        act = act_of(take)
        frames = pictures(take, act, 112)
        shown.append(frames)
        heard.append(speak(voice_of(take.person), act, take.frames, take.rate, take.random(VOICE)))
        late = take.name.isdigit()
        faces = "cropped_aligned_new_50_vids" if late else "cropped_aligned"
        for t in np.flatnonzero(has_face(take)):
            yield f"{faces}/{take.name}/{t + 1:05d}.jpg", jpeg(frames[t])
        if take.split in _SPLITS:
            yield from annotations(take)
    both = [np.concatenate(side_by_side, axis=1) for side_by_side in zip(*shown, strict=True)]
    sound = np.clip(np.sum(heard, axis=0), -1, 1).astype(np.float32)
    folder = "new_vids" if late else f"batch{takes[0].index % 2 + 1}"
    yield f"{folder}/{takes[0].video}.mp4", mp4(both, takes[0].rate, sound, RATE)


def write_shared(take: Take) -> dict[str, str]:
    """Return what a track adds to the shared files: to be predicted, its name and its frames; else nothing."""
    if take.split in _SPLITS:
        return {}
    frames = range(1, label_rows(take) + 1)
    rows = {task: "".join(f"{take.name}/{frame:05d}.jpg,{_BLANK[task]}\n" for frame in frames) for task in take.tasks}
    return {_TEMPLATES[task]: text for task, text in rows.items()} | {_LISTS[t]: f"{take.name}\n" for t in take.tasks}


def annotations(take: Take) -> Iterator[tuple[str, bytes]]:
    """Yield the annotation files (path below ``aff-wild2``, content) of a labelled track."""
    rows = label_rows(take)
    for task, values in labels_of(take, act_of(take)).items():
        lines = [_HEADERS[task], *_rows(task, values[:rows], ignored(take, task, rows))]
        path = f"8th_ABAW_Annotations/{_FOLDERS[task]}/{_SPLITS[take.split]}/{take.name}.txt"
        yield path, ("\n".join(lines) + "\n").encode()


def _rows(task: str, values: NDArray[Any], ignore: NDArray[np.bool_]) -> Iterator[str]:
    if task == "va":
        return ("-5,-5" if skip else f"{v:.3f},{a:.3f}" for (v, a), skip in zip(values, ignore, strict=True))
    if task == "expr":
        return (str(-1 if skip else value) for value, skip in zip(values, ignore, strict=True))
    return (",".join(map(str, [-1] * 12 if skip else row)) for row, skip in zip(values, ignore, strict=True))
