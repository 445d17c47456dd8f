"""How a network is executed when it is measured or used."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


class Runtime(ABC):
    """A way to execute a network."""

    name: str

    @abstractmethod
    def compile(self, module: "nn.Module", example: "Tensor") -> "Callable[[Tensor], Tensor]":
        """Return a callable from clips [B, T, 3, size, size] to logits, ready for inputs shaped like ``example``."""
