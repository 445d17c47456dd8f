"""MixAugment (Psaroudakis and Kollias 2022): a network learns from real clips and from mixtures of pairs of them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from abawbench.contracts import UsageError

LossOn = Callable[[Any, Any, Tensor, Tensor], Tensor]
"""Inputs, index, target and mask to a loss."""


class Mixer:
    """Mixes each clip of a batch with another one by a share drawn from Beta(alpha, alpha).

    The loss of a mixture is the share-weighted sum of its losses on both clips' labels, which for cross-entropies is
    the loss on the mixed label. It is added to the loss on the real clips.
    """

    def __init__(self, alpha: float, seed: int) -> None:
        if not alpha > 0:
            raise UsageError(f"mix={alpha} is not possible; give a number above 0, or 0 for no mixing")
        self._beta = torch.distributions.Beta(alpha, alpha)
        self._generator = torch.Generator().manual_seed(seed)

    def loss(self, batch: Mapping[str, Any], loss_on: LossOn) -> Tensor:
        """Return the loss on the mixtures of a batch, as ``clips.ClipBatches`` makes it of images."""
        inputs, index, target, mask = (batch[name] for name in ("inputs", "index", "target", "mask"))
        if isinstance(inputs, dict) or inputs[0].dtype != torch.uint8:
            raise UsageError("mix needs images, and this network is given something else; use --set mix=0")
        partner = torch.randperm(len(index), generator=self._generator).to(index.device)
        share = self._share()
        images, places = mixed(inputs[0], index, partner, share)
        both = ((share, target, mask), (1 - share, target[partner], mask[partner]))
        return torch.stack([part * loss_on((images,), places, labels, known) for part, labels, known in both]).sum()

    def _share(self) -> float:
        # a Beta variable from two Gamma ones takes no generator: a fork keeps the run's own numbers as they were
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (1,), generator=self._generator)))
            return float(self._beta.sample())


def mixed(images: Tensor, index: Tensor, partner: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Return the images uint8 [B * T, ...] of mixed clips, and their index [B, T].

    ``images`` uint8 [U, ...] are the distinct images of clips with ``index`` [B, T]; clip b is mixed with ``partner``
    [B], frame by frame: ``share`` of its own and the rest of the other's.
    """
    own, other = images[index.flatten()], images[index[partner].flatten()]
    sums = share * own.to(torch.float32) + (1 - share) * other.to(torch.float32)
    return sums.round().to(torch.uint8), torch.arange(index.numel(), device=index.device).view_as(index)
