"""Shipped features: pickles that may hold one array of numbers and nothing else."""

import pickle
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.errors import DataError
from abawbench.contracts.text import read_regular


def read_array(path: Path) -> NDArray[np.float32]:
    """Return the array in a pickle as float32 [T, D]; one of a single row [D] becomes [1, D].

    Nothing in the file is run: what it names beside numpy's arrays is refused. Raises DataError, naming the file, for
    such a file, for a broken one, and for anything but a finite array of numbers.
    """
    try:
        found = _ArrayUnpickler(BytesIO(read_regular(path))).load()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); unpack it anew.") from error
    except Exception as error:  # a broken pickle may raise anything
        raise DataError(f"{path} is not a pickled array of numbers ({error}); unpack the official file.") from error
    # exactly an array: a subclass has no way in, and an object array could hold anything
    if type(found) is not np.ndarray or found.dtype.kind not in "fiu" or found.ndim not in (1, 2):
        raise DataError(f"{path} holds no array of numbers [T, D]; unpack the official file.")
    if not np.isfinite(found).all():
        raise DataError(f"{path} holds numbers that are not finite; unpack the official file.")
    return np.atleast_2d(found).astype(np.float32)


def _reconstruct(kind: type, shape: tuple[int, ...], code: bytes) -> NDArray[Any]:
    """Return the empty array that a pickle then fills."""
    if kind is not _Array:
        raise pickle.UnpicklingError("no plain array")
    return np.empty(0, dtype=np.int8)


class _Array:
    """Stands for ``numpy.ndarray`` in a pickle: the class cannot be called from there."""

    def __new__(cls, *args: object) -> "_Array":
        raise pickle.UnpicklingError("an array made in another way than numpy's")


def _frombuffer(buffer: bytes, dtype: "np.dtype[Any]", shape: tuple[int, ...], order: Any) -> NDArray[Any]:
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


def _latin1(text: str, encoding: str) -> bytes:
    """Return the bytes that old protocols write as text."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode("latin1")


_MADE: dict[tuple[str, str], Callable[..., Any]] = {
    ("multiarray", "_reconstruct"): _reconstruct,
    ("numeric", "_frombuffer"): _frombuffer,
}
_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
    **{(f"numpy.{core}.{module}", name): made for core in ("core", "_core") for (module, name), made in _MADE.items()},
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name of numpy's arrays. Raises UnpicklingError for any other."""
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        """Raise UnpicklingError: nothing lies outside the file."""
        raise pickle.UnpicklingError("it names something outside the file")
