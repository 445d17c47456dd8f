"""A pickled network gives its tensors and runs nothing; what names anything else is refused with the ways out."""

import functools
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from abawbench.contracts import UsageError
from abawbench_plugins.models._weights import read_state


class Calls:
    """Calls something when it is unpickled."""

    def __init__(self, function: Any, *given: Any) -> None:
        self.reduced = function, given

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.slow
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet"])
def test_a_whole_network_gives_the_tensors_of_its_state(tmp_path: Path, name: str, legacy: bool) -> None:
    network = timm.create_model(name)
    torch.save(network, tmp_path / "w.pt", _use_new_zipfile_serialization=not legacy)
    found, state = read_state(tmp_path / "w.pt"), network.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key]) for key in state)


def test_a_network_that_looks_functions_up_is_refused_by_what_it_names(tmp_path: Path) -> None:
    network = nn.Linear(2, 1)
    network.rule = network.extra_repr  # type: ignore[assignment]
    torch.save(network, tmp_path / "w.pt")
    with pytest.raises(UsageError, match=r"it names __builtin__\.getattr; it is never executed here"):
        read_state(tmp_path / "w.pt")


def test_nothing_that_a_pickle_names_is_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    evil: list[Any] = [
        Calls(os.mkdir, str(made)),
        Calls(eval, f"__import__('os').mkdir({str(made)!r})"),
        Calls(getattr, "text", "upper"),
        Calls(functools.partial, os.mkdir, str(made)),
        Calls(torch.load, str(made)),
        Calls(torch.hub.load, "a", "b"),
        Calls(pickle.loads, b""),
    ]
    for number, one in enumerate(evil):
        for content in (one, {"state_dict": {"a": one}}):
            torch.save(content, tmp_path / f"{number}.pt")
            with pytest.raises(UsageError, match=r"never executed here.*torch\.save.*safetensors.*ONNX"):
                read_state(tmp_path / f"{number}.pt")
    module = nn.Linear(2, 2)
    module.extra = Calls(os.mkdir, str(made))  # type: ignore[assignment]
    torch.save(module, tmp_path / "inside.pt")
    with pytest.raises(UsageError, match=r"it names (posix|nt)\.mkdir"):
        read_state(tmp_path / "inside.pt")
    assert not made.exists()


def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2))
        torch.jit.save(traced, tmp_path / "w.pt")
    with pytest.raises(UsageError, match="TorchScript program"):
        read_state(tmp_path / "w.pt")
