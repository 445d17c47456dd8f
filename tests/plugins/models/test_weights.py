"""Weights are found, named and read without running code, or refused with what to do."""

import hashlib
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from abawbench.contracts import Source, UsageError
from abawbench_plugins.models._weights import NONE, check_state, find, read_state

HUB = Source(name="big", what="the weights", licence="MIT", trained_on=("ImageNet-1k",), repository="some/where")
FILE = Source(name="mine", what="my file")


class Malicious:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_none_is_always_there() -> None:
    assert find("none", (), "m") is NONE
    assert NONE.sha256 is None


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"m has no weights 'other'; give --weights big, mine=FILE or none"):
        find("other", (HUB, FILE), "m")


def test_a_file_may_stand_for_any_source_and_keeps_its_facts(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.ones(2)}, path)
    found = find(f"big={path}", (HUB, FILE), "m")
    assert (found.path, found.licence, found.trained_on) == (str(path), "MIT", ("ImageNet-1k",))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for spec in ("mine", "mine=gone.pt"):
        with pytest.raises(UsageError, match="needs my file"):
            find(spec, (HUB, FILE), "m")


def test_what_is_not_here_is_asked_for_by_the_models_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("ABAWBENCH_NETWORK", "0")
    with pytest.raises(UsageError, match=r"nothing is fetched unasked; run: abawbench weights fetch m big --network$"):
        find("big", (HUB, FILE), "m")


def test_a_malicious_checkpoint_is_refused_and_creates_nothing(tmp_path: Path) -> None:
    path, made = tmp_path / "bad.pt", tmp_path / "made"
    torch.save({"state_dict": {"a": torch.ones(1)}, "extra": Malicious(made)}, path)
    with pytest.raises(UsageError, match="not a PyTorch checkpoint of plain tensors"):
        read_state(path)
    assert not made.exists()
    torch.load(path, weights_only=False)
    assert made.exists(), "the file would have done harm"


@pytest.mark.parametrize(
    "content", [b"", b"<!doctype html>\n<html><body>404</body></html>", b"version https://git-lfs"]
)
def test_what_is_saved_in_place_of_a_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"w\.pth is not a PyTorch checkpoint"):
        read_state(path)


def test_a_broken_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"junk")
    with pytest.raises(UsageError, match="not a safetensors file"):
        read_state(path)


def test_a_state_must_fit_but_for_batch_counters() -> None:
    expected = torch.nn.BatchNorm1d(3).state_dict()
    given = {name: value for name, value in expected.items() if name != "num_batches_tracked"}
    assert check_state(given, expected, "f", "a norm", "try again").keys() == expected.keys()
    with pytest.raises(UsageError, match=r"f does not hold a norm: 1 entries .* 'bias' first; try again"):
        check_state(
            {name: value for name, value in given.items() if name != "bias"}, expected, "f", "a norm", "try again"
        )
