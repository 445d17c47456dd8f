"""The example beside an exported model: plain Python that needs no abawbench."""

from abawbench.contracts import Runtime, Task

_TEXT = '''\
"""Print what the model says of the images of one person, in their order: python example.py IMAGE..."""
import json, sys
from pathlib import Path
import cv2, numpy as np
folder = Path(__file__).resolve().parent
p = json.loads((folder / "preprocessing.json").read_text(encoding="utf-8"))
{loader}
images = [cv2.resize(cv2.imread(file), (p["size"], p["size"]))[..., ::-1] for file in sys.argv[1:]]
frames = ((np.stack(images) / 255 - p["mean"]) / p["std"]).astype("float32").transpose(0, 3, 1, 2)
starts = np.arange(0, max(len(frames) - p["clip_length"], 0) + p["clip_stride"], p["clip_stride"])
at = starts[:, None] + np.arange(p["clip_length"])
scores = network([frames[np.minimum(at, len(frames) - 1)]]).reshape(len(at), -1, {outputs})
scores = np.broadcast_to(scores, (*at.shape, {outputs}))
print("image {names}")
{show}
'''
_SHOW = {
    "frame": "for n, file in enumerate(sys.argv[1:]): print(file, *scores[at == n].mean(axis=0))",
    "track": 'print("all", *np.mean([one[i < len(frames)].mean(axis=0) for one, i in zip(scores, at)], axis=0))',
}


def example(runtime: Runtime, task: Task) -> str:
    """Return the text of ``example.py`` for the files that a runtime saves: prints the scores of images.

    A frame in several clips has the mean of their scores, as in a run; a track-level task has one line for all images.
    """
    return _TEXT.format(
        loader=runtime.loader, outputs=len(task.outputs), names=" ".join(task.outputs), show=_SHOW[task.level]
    )
