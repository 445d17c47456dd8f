"""MixAugment (Psaroudakis and Kollias 2022): a network learns from real clips and from mixtures of pairs of them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from abawbench.contracts import ImageBatch, LossOn, UsageError


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

    def __call__(self, batch: ImageBatch, loss_on: LossOn) -> Tensor:
        """Return the loss on the mixtures of a batch."""
        partner = torch.randperm(len(batch.index), generator=self._generator).to(batch.index.device)
        share = self._share()
        images, places = mix_images(batch.images, batch.index, partner, share)
        both = ((share, batch.target, batch.mask), (1 - share, batch.target[partner], batch.mask[partner]))
        return torch.stack(
            [part * loss_on(ImageBatch(images, places, labels, known)) for part, labels, known in both]
        ).sum()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state of the random numbers, for a checkpoint."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on with the random numbers from a state."""
        self._generator.set_state(state["generator"])

    def _share(self) -> float:
        # a Beta variable from two Gamma ones takes no generator: a fork keeps the run's own numbers as they were
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (1,), generator=self._generator)))
            return float(self._beta.sample())


def mix_images(images: Tensor, index: Tensor, partner: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Return the images uint8 [B * T, ...] of mixed clips, and their index [B, T].

    ``images`` uint8 [U, ...] are the distinct images of clips with ``index`` [B, T]; clip b is mixed with ``partner``
    [B], frame by frame: ``share`` of its own and the rest of the other's.
    """
    own, other = images[index.flatten()], images[index[partner].flatten()]
    sums = share * own.to(torch.float32) + (1 - share) * other.to(torch.float32)
    return sums.round().to(torch.uint8), torch.arange(index.numel(), device=index.device).view_as(index)
