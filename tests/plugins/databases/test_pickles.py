"""Pickles of features give arrays and nothing else."""

import builtins
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abawbench.contracts import DataError
from abawbench_plugins.databases._pickles import read_array


class Calls:
    """Calls a function when unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def put(tmp_path: Path, content: Any, protocol: int | None = None) -> Path:
    path = tmp_path / "00001.pkl"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "f2", "i8", "u1"])
def test_arrays_are_read_whatever_wrote_them(tmp_path: Path, protocol: int, order: Any, dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype, order=order)
    found = read_array(put(tmp_path, array, protocol))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.float32


def test_one_row_is_a_sequence_of_one(tmp_path: Path) -> None:
    assert read_array(put(tmp_path, np.ones(5))).shape == (1, 5)


@pytest.mark.parametrize("function", [os.mkdir, os.system, subprocess.run, builtins.eval, np.save])
def test_a_malicious_pickle_is_refused_and_creates_nothing(tmp_path: Path, function: Any) -> None:
    made = tmp_path / "made"
    argument = {
        os.system: f"mkdir {made}",
        builtins.eval: f"__import__('os').mkdir({str(made)!r})",
        subprocess.run: ["mkdir", str(made)],
    }.get(function, str(made))
    more = (np.ones(1),) if function is np.save else ()
    path = put(tmp_path, Calls(function, argument, *more))
    with pytest.raises(DataError, match=r"is not a pickled array of numbers .*it names"):
        read_array(path)
    assert not list(tmp_path.glob("made*"))
    pickle.loads(path.read_bytes())
    assert list(tmp_path.glob("made*")), "the file would have done harm"


@pytest.mark.parametrize("hidden", [[np.ones((2, 2))], np.array([{"a": 1}], dtype=object), "text", np.ones((1, 1, 1))])
def test_anything_but_an_array_of_numbers_is_refused(tmp_path: Path, hidden: Any) -> None:
    with pytest.raises(DataError, match=r"00001\.pkl"):
        read_array(put(tmp_path, hidden))


def test_an_object_array_cannot_smuggle_a_call(tmp_path: Path) -> None:
    made = tmp_path / "made"
    array = np.empty(1, dtype=object)
    array[0] = Calls(os.mkdir, str(made))
    with pytest.raises(DataError, match=r"it names .*mkdir"):
        read_array(put(tmp_path, array))
    assert not made.exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"not a pickle", pickle.dumps(np.ones((3, 4)))[:-9]])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"00001\.pkl"):
        read_array(put(tmp_path, content))


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not finite"):
        read_array(put(tmp_path, np.array([[1.0, np.nan]])))
