"""The experiment trackers that a run may write to, and whether they are installed."""

from collections.abc import Sequence
from difflib import get_close_matches
from importlib.util import find_spec

from abawbench.contracts import UsageError

TRACKERS = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",), "mlflow": ("mlflow",)}
"""Name, as accelerate has it, -> the packages one of which it needs."""


def check_trackers(names: Sequence[str]) -> None:
    """Raise UsageError for a tracker that abawbench does not know, and for one that is not installed."""
    for name in names:
        if name not in TRACKERS:
            near = get_close_matches(name, TRACKERS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"use {', '.join(TRACKERS)}"
            raise UsageError(f"unknown tracker '{name}'; {hint}")
        if not any(find_spec(package) for package in TRACKERS[name]):
            raise UsageError(f"tracker '{name}' is not installed; run: pip install {TRACKERS[name][0]}")
