"""What the hook ``on_epoch`` is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class EpochEnd:
    """An epoch of training that is over."""

    model: str
    task: str
    seed: int
    database: str
    job: str
    """The digest of the job, which its result will carry."""
    settings: Mapping[str, Any]
    """The recipe after overrides, a copy."""
    fold: int | None
    """Of a cross-validation, from 1."""
    epoch: int
    """From 1."""
    loss: float
    """The mean over the clips of the epoch."""
    held_out: float | None
    """The official value on training subjects held out, where some were."""
