"""How a network is executed when it is measured or used."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from abawbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

Example: TypeAlias = "tuple[Tensor | dict[str, Tensor], ...]"
"""What a network is called with, ``network(*inputs)``: for one that sees clips alone, (clips [B, T, 3, S, S],)."""


class Runtime(ABC):
    """A way to execute a network. It leaves the network itself as it was, but may put it into evaluation mode."""

    name: str = ""
    """What the declaration calls it; set when abawbench builds it."""
    precision: str = "fp32"
    """In which most of the arithmetic is done: ``fp32``, ``bf16`` or ``int8``."""
    calibrates: bool = False
    """Whether it takes ranges from example inputs; only then ``calibration`` is given."""

    @abstractmethod
    def compile(
        self, module: "nn.Module", example: "Example", calibration: "Sequence[Example]" = ()
    ) -> "Callable[..., Tensor]":
        """Return a callable like the network, ready for inputs of exactly the shapes in ``example``.

        It gives the network's logits as float32 and computes with as many threads as torch has now. ``calibration``
        holds inputs of training clips, shaped like ``example``. Raises UsageError for what this machine cannot do.
        """

    def save(self, module: "nn.Module", example: "Example", folder: Path) -> None:
        """Write the network into files in ``folder`` that run without torch, for any number of clips.

        The declaration's ``format`` names their format. Raises UsageError where a runtime has none.
        """
        raise UsageError(f"runtime '{self.name}' writes no files that run elsewhere")

    @staticmethod
    def load(folder: Path) -> "Callable[[list[Any]], Any]":
        """Return a function from a list of arrays to an array of logits, out of the files of ``save`` in ``folder``.

        Its source is copied into the example beside an exported model, which runs without abawbench: it is a static
        method that imports inside whatever it needs.
        """
        raise UsageError("this runtime loads no files")
