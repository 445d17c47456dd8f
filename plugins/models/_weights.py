"""Which weights ``--weights`` means, and what their files hold.

A model names its sources and asks ``find`` for the one that ``--weights`` wants, ``read_state`` for its tensors and
``check_state`` whether they are its network's. Files are safetensors, or checkpoints that hold plain tensors: loading
one never runs code. How a file gets here, and whether it still is the one of its first use, is abawbench's business.
"""

import argparse
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from abawbench import fetch_weights
from abawbench.contracts import Source, UsageError, Weights
from abawbench_plugins.models._pickles import read_whole

NONE = Weights(source="none")
"""Random parameters: works everywhere, is marked in every table and never ranked."""


def find(spec: str, sources: Sequence[Source], model: str) -> Weights:
    """Return what ``--weights SPEC`` names: NAME or NAME=FILE of a source, or ``none``; with the digest of its file.

    Raises UsageError for a name that the model does not know, and for a file that is missing, not the one it should be,
    or cannot be fetched.
    """
    if spec == NONE.source:
        return NONE
    name, equals, file = spec.partition("=")
    source = next((one for one in sources if one.name == name), None)
    if source is None:
        raise UsageError(f"{model} has no weights {spec!r}; give --weights {describe_sources(sources)}")
    if not equals and (source.bundled or source.origin):
        return weights_of(spec, fetch_weights(source, model), source)
    path = Path(file).expanduser()
    if not path.is_file():
        raise UsageError(f"--weights {name}=FILE needs {source.what}; {file!r} is not a file")
    return weights_of(spec, path, source)


def describe_sources(sources: Sequence[Source]) -> str:
    """Return the specifications of the sources and ``none``, for messages."""
    return f"{', '.join(source.spec for source in sources)} or none"


def weights_of(spec: str, path: Path, source: Source) -> Weights:
    """Return the weights in a file of a source, with their digest."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Weights(source=spec, path=str(path), sha256=digest, licence=source.licence, trained_on=source.trained_on)


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the named tensors of a file: safetensors, or a checkpoint that ``torch.load`` reads without running code.

    A checkpoint may be bare or hold them as ``state_dict`` or ``model_state_dict``, averaged ones (``state_dict_ema``)
    coming first; a leading ``module.`` of every name goes. A pickle of a whole network gives its tensors, and none of
    its code is run. Raises UsageError for anything else.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return dict(load_file(path))
        except (OSError, SafetensorError) as error:
            raise UsageError(f"{path} is not a safetensors file ({error}); fetch it anew") from error
    return _read_checkpoint(path)


def _read_checkpoint(path: Path) -> dict[str, Any]:
    try:
        # timm keeps its command line, a plain Namespace, beside the parameters
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # what is no checkpoint, such as a page saved in its place, may raise anything
        return read_whole(path)
    for key in ("state_dict_ema", "state_dict", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds {type(content).__name__}, not named parameters; give the authors' file")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def check_state(
    state: Mapping[str, Any], expected: Mapping[str, Tensor], path: str | os.PathLike[str], what: str, remedy: str
) -> dict[str, Tensor]:
    """Return the state when every name and shape is as expected; ``what`` and ``remedy`` go into the message.

    BatchNorm's counters may be missing: they change nothing. Raises UsageError otherwise.
    """
    found = {name: torch.tensor(0) for name in expected if name.endswith("num_batches_tracked")} | dict(state)
    wrong = sorted(expected.keys() ^ found.keys()) or [
        name
        for name, value in expected.items()
        if not isinstance(found[name], Tensor) or found[name].shape != value.shape
    ]
    if wrong:
        raise UsageError(
            f"{path} does not hold {what}: {len(wrong)} entries differ in name or shape, {wrong[0]!r} first; {remedy}"
        )
    return found
