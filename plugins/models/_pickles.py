"""Pickles of whole networks: their tensors are taken out, and nothing that they name is imported or run.

A pickle names classes and functions and calls them. Here every class of torch.nn and timm is an empty shell that keeps
what is put into it; a handful of functions that make tensors are real; any other name is refused.
"""

import collections
import pickle
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from abawbench.contracts import UsageError

_SHELLS = ("torch.nn.", "timm.")
_REAL: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,  # its name in the protocol that torch writes
    ("torch", "Size"): torch.Size,
    ("torch", "device"): torch.device,
    **{("torch", name): getattr(torch, name) for name in ("float32", "float16", "bfloat16", "int64")},
    **{("torch._utils", name): getattr(torch._utils, name) for name in ("_rebuild_tensor_v2", "_rebuild_parameter")},
}
_PARTIAL = ("functools", "partial")
WAYS_OUT = (
    "it is never executed here; on a machine where you trust it, save model.state_dict() with torch.save or with "
    "safetensors, or export the network to ONNX, and give that file"
)


class Shell:
    """Stands for an object of a class that is not imported; keeps its state."""

    def __init__(self, *given: Any, **named: Any) -> None:
        """Do nothing with what the class would be called with."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _REAL:
            return _REAL[module, name]
        if f"{module}.".startswith(_SHELLS) or (module, name) == _PARTIAL:
            return type(name.rpartition(".")[2], (Shell,), {})
        raise _RefusedError(f"{module}.{name}")


class _RefusedError(pickle.UnpicklingError):
    """A name that a pickle may not have."""


def _load(file: Any, **options: Any) -> Any:
    return _Unpickler(file, **options).load()


_MODULE: Any = SimpleNamespace(__name__="abawbench pickles", Unpickler=_Unpickler, load=_load)
"""What ``torch.load`` takes in place of the module ``pickle``."""


def read_whole(path: Path) -> dict[str, Tensor]:
    """Return the parameters and buffers of a pickled network by name. Raises UsageError for anything else."""
    if zipfile.is_zipfile(path) and any(name.endswith("/constants.pkl") for name in zipfile.ZipFile(path).namelist()):
        raise UsageError(f"{path} is a TorchScript program: {WAYS_OUT}")
    try:
        with warnings.catch_warnings():
            # old files hold the source of their classes, which is looked for in vain
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", pickle_module=_MODULE, weights_only=False)
    except _RefusedError as error:
        what = f"{path} is not a PyTorch checkpoint of plain tensors: it names {error}"
        raise UsageError(f"{what}; {WAYS_OUT}") from error
    except Exception as error:  # what is no checkpoint, such as a page saved in its place, may raise anything
        raise UsageError(f"{path} is not a PyTorch checkpoint; give the authors' file") from error
    if not isinstance(found, Shell):
        raise UsageError(f"{path} holds {type(found).__name__}, not a network or named parameters; {WAYS_OUT}")
    return dict(_tensors(found, ""))


def _tensors(shell: Shell, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Yield names and tensors as ``state_dict`` does."""
    state = vars(shell)
    for kind in ("_parameters", "_buffers"):
        for name, value in _named(state, kind):
            if isinstance(value, Tensor) and name not in (state.get("_non_persistent_buffers_set") or ()):
                yield prefix + name, value.detach()
    for name, inner in _named(state, "_modules"):
        if isinstance(inner, Shell):
            yield from _tensors(inner, f"{prefix}{name}.")


def _named(state: dict[str, Any], kind: str) -> list[tuple[str, Any]]:
    found = state.get(kind)
    return [(str(name), value) for name, value in found.items()] if isinstance(found, dict) else []
