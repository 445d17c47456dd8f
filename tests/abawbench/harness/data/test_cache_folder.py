"""A cache that cannot be written to is named as such, and is not the model's fault."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from abawbench.contracts import UsageError
from abawbench.harness.data.feature_cache import Entry, store


def test_a_cache_that_cannot_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry((torch.zeros(1, 2),), np.ones(1, dtype=bool))
    store(tmp_path / "ab" / "whole.safetensors", entry)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match=r"cannot be written to .*set ABAWBENCH_CACHE"):
        store(tmp_path / "cd" / "none.safetensors", entry)
    assert [path.name for path in tmp_path.iterdir()] == ["ab"]
