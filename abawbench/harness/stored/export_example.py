"""The example beside an exported model: plain Python that needs no abawbench."""

import inspect
import textwrap
from typing import Any

from abawbench.contracts import Model, PluginError, Runtime, Task
from abawbench.harness.data.whole import ONE_TENSOR

_HEAD = '''\
"""{what}"""
from __future__ import annotations
import json, sys
from pathlib import Path
import numpy as np
{imports}
{load}
folder = Path(__file__).resolve().parent
p = json.loads((folder / "preprocessing.json").read_text(encoding="utf-8"))
network = load(folder)
'''
_IMAGES = """\
def score(files):
    images = [cv2.resize(cv2.imread(file), (p["size"], p["size"]))[..., ::-1] for file in files]
    frames = ((np.stack(images) / 255 - p["mean"]) / p["std"]).astype("float32").transpose(0, 3, 1, 2)
    starts = np.arange(0, max(len(frames) - p["clip_length"], 0) + p["clip_stride"], p["clip_stride"])
    at = starts[:, None] + np.arange(p["clip_length"])
    given = network([frames[np.minimum(at, len(frames) - 1)]]).reshape(len(at), -1, {outputs})
    given = np.broadcast_to(given, (*at.shape, {outputs}))
    return {mean}
if __name__ == "__main__":
    print("image {names}")
    {show}
"""
_MEAN = {
    "frame": "np.stack([given[at == n].mean(axis=0) for n in range(len(frames))])",
    "track": "np.mean([one[i < len(frames)].mean(axis=0) for one, i in zip(given, at)], axis=0)[None]",
}
_SHOW = {
    "frame": "for file, row in zip(sys.argv[1:], score(sys.argv[1:])): print(file, *row)",
    "track": 'print("all", *score(sys.argv[1:])[0])',
}
_ARRAYS = """\
arrays = np.load(sys.argv[1])
scores = network([arrays[name] for name in p["inputs"]])
print("clip {names}")
for n, clip in enumerate(scores.reshape(len(scores), -1, {outputs})):
    for row in clip: print(n, *row)
"""
_ENSEMBLE = """\
\"\"\"Print what the ensemble says of the images of one person, in their order: python example.py IMAGE...\"\"\"
import importlib.util, json, sys
from pathlib import Path
import numpy as np
folder = Path(__file__).resolve().parent
e = json.loads((folder / "ensemble.json").read_text(encoding="utf-8"))
def load(name):
    spec = importlib.util.spec_from_file_location(Path(name).parts[0], folder / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
c = load("combine.py")
members = [(load(one["folder"] + "/example.py"), one["thresholds"]) for one in e["members"]]
def score(files):
    said = [c.rescale(module.score(files), own, e["threshold"]) for module, own in members]
    found = c.combine_scores(e["parameters"], np.stack(said).astype(np.float64)).astype(np.float32)
    return c.rescale(found, e["thresholds"], e["threshold"])
if __name__ == "__main__":
    print("image {names}")
    {show}
"""


def ensemble_text(task: Task) -> str:
    """Return the text of ``example.py`` beside the folders of an ensemble's members, which take images alone."""
    return _ENSEMBLE.format(names=" ".join(task.outputs), show=_SHOW[task.level])


def example_text(runtime: Runtime, task: Task, model: Model) -> str:
    """Return the text of ``example.py`` for the files that a runtime saves.

    For a network of frames alone it prints the scores of images: a frame in several clips has the mean of their scores,
    as in a run, a track-level task one line for all images. For any other it takes clips from an .npz file.
    """
    images, names = model.inputs == ONE_TENSOR, " ".join(task.outputs)
    head = _HEAD.format(
        what="Print what the model says of the images of one person, in their order: python example.py IMAGE..."
        if images
        else "Print what the model says of clips, an array for each input it has: python example.py FILE.npz",
        imports="import cv2" if images else "",
        load=load_source(runtime),
    )
    if not images:
        return head + _ARRAYS.format(outputs=len(task.outputs), names=names)
    return head + _IMAGES.format(outputs=len(task.outputs), names=names, mean=_MEAN[task.level], show=_SHOW[task.level])


def load_source(runtime: Runtime) -> str:
    """Return the source of ``Runtime.load`` as a function of its own. Raises PluginError where it cannot be had."""
    try:
        lines = textwrap.dedent(inspect.getsource(type(runtime).load)).splitlines()
    except OSError as error:
        raise PluginError(f"the source of load() of runtime '{runtime.name}' cannot be read: {error}") from error
    return "\n".join(line for line in lines if line != "@staticmethod")


def input_shapes(model: Model) -> dict[str, str]:
    """Return input -> type and shape, in the order in which the network takes them."""
    clip = model.clip
    known = {
        "frames": f"float32 [clips, {clip.length}, 3, {clip.size}, {clip.size}]",
        "audio": "float32 [clips, samples]",
        "text": "int64 [clips, tokens]",
    }
    found: dict[str, Any] = {
        name: known.get(name) or f"float32 [clips, {clip.length}, {model.feature_sizes[name]}]"
        for name in sorted(model.inputs)
    }
    if model.inputs != ONE_TENSOR:
        found["present"] = f"bool [clips, {len(found)}, {clip.length}]"
    return found
