"""Where the backbone's parameters come from, and how each kind of file is read."""

import argparse
import functools
import hashlib
import pickle
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from torch import Tensor

from abawbench.contracts import UsageError, Weights
from abawbench_plugins.models.mnv4_tam.network import BACKBONE

BUNDLED = Path(__file__).parent / "weights" / "synthetic.safetensors"
HUB = "timm/mobilenetv4_conv_small.e2400_r224_in1k"
SPECS = "synthetic, imagenet, affectnet=FILE or none"
_CLASSIFIER = ("conv_head.", "norm_head.", "classifier.")
"""What an image classifier has behind the features; the mixers take its place."""


def find_weights(spec: str) -> Weights:
    """Return the source a specification names, with the digest of its file; fetches ImageNet weights when not there.

    Raises UsageError for an unknown specification, a missing file and a hub that cannot be reached.
    """
    name, _, value = spec.partition("=")
    if name == "affectnet":
        path = Path(value).expanduser()
        if not path.is_file():
            raise UsageError(f"--weights affectnet=FILE needs the authors' model_best.pth.tar; {value!r} is not a file")
        return _weights(spec, path, None, "AffectNet expressions")
    if spec == "synthetic":
        if not BUNDLED.is_file():
            raise UsageError(
                f"the bundled weights {BUNDLED} are missing from this installation; reinstall abawbench, or give "
                "--weights imagenet, affectnet=FILE or none"
            )
        return _weights(spec, BUNDLED, "Apache-2.0", "abawbench synthetic faces")
    if spec == "imagenet":
        return _weights(spec, _fetch(), "Apache-2.0", "ImageNet-1k")
    if spec == "none":
        return Weights(source=spec)
    raise UsageError(f"mnv4-tam has no weights {spec!r}; give --weights {SPECS}")


def read_backbone(weights: Weights) -> dict[str, Tensor] | None:
    """Return the backbone's parameters under timm's names; None for ``none``. Raises UsageError for a foreign file."""
    if weights.path is None:
        return None
    path = Path(weights.path)
    state = load_file(path) if path.suffix == ".safetensors" else _read_checkpoint(path)
    state = {name: value for name, value in state.items() if not name.startswith(_CLASSIFIER)}
    return _checked(state, path)


def _weights(source: str, path: Path, licence: str | None, *trained_on: str) -> Weights:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Weights(source=source, path=str(path), sha256=digest, licence=licence, trained_on=trained_on)


def _fetch() -> Path:
    path = _download()
    if path is None:
        raise UsageError(
            f"the ImageNet weights {HUB} are not here and the Hugging Face hub cannot be reached; give --weights "
            f"synthetic, affectnet=FILE or none, or run `hf download {HUB} model.safetensors` on a machine with a "
            "connection and copy its ~/.cache/huggingface/hub here"
        )
    return path


@functools.cache
def _download() -> Path | None:
    """Return the file of the ImageNet weights, None when the hub cannot be reached: asked once, it retries for long."""
    import huggingface_hub

    try:
        return Path(huggingface_hub.hf_hub_download(HUB, "model.safetensors", local_files_only=True))
    except OSError:
        pass
    try:
        return Path(huggingface_hub.hf_hub_download(HUB, "model.safetensors"))
    except OSError:
        return None


def _read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the parameters in a checkpoint of timm's training script, the averaged ones where it has them."""
    try:
        # timm keeps its command line, a plain Namespace, beside the parameters
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
        raise UsageError(f"{path} is not a PyTorch checkpoint of plain tensors; give the authors' file") from error
    for key in ("state_dict_ema", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds {type(content).__name__}, not named parameters; give the authors' file")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def _checked(state: dict[str, Any], path: Path) -> dict[str, Tensor]:
    """Return the state when every name and shape is the backbone's; raise UsageError otherwise."""
    with torch.device("meta"):
        expected = timm.create_model(BACKBONE, features_only=True, pretrained=False).state_dict()
    # BatchNorm's counters change nothing here, and the bundled file leaves them out
    state = {name: torch.tensor(0) for name in expected if name.endswith("num_batches_tracked")} | state
    wrong = sorted(expected.keys() ^ state.keys()) or [
        name
        for name, value in expected.items()
        if not isinstance(state[name], Tensor) or state[name].shape != value.shape
    ]
    if wrong:
        raise UsageError(
            f"{path} does not hold timm's {BACKBONE}: {len(wrong)} entries differ in name or shape, {wrong[0]!r} "
            f"first; give --weights {SPECS}"
        )
    return state
