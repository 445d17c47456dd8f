"""What is wrong in the files of a database and did not stop it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """Something wrong in the files that did not stop the run; the record counts these."""

    file: str
    what: str
    line: int | None = None
    track: str | None = None
    """The track that was left out because of it."""
    extra: bool = False
    """Whether it only means that something lies there that does not belong; such a copy can still be complete."""

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.what}"


class Problems:
    """The problems a database met, in the order met, each once, with files named relative to the database's roots."""

    def __init__(self, roots: Sequence[Path] = ()) -> None:
        self._roots = tuple(roots)
        self._found: dict[Problem, None] = {}

    @property
    def items(self) -> list[Problem]:
        """The problems so far."""
        return list(self._found)

    def add(
        self, file: object, what: str, line: int | None = None, track: str | None = None, *, extra: bool = False
    ) -> None:
        """Note a problem, and the track it cost; the same one twice counts once."""
        path = Path(str(file))
        root = next((root for root in self._roots if path != root and path.is_relative_to(root)), None)
        name = path.relative_to(root).as_posix() if root else str(file)
        self._found[Problem(name, what, line, track, extra)] = None

    def take(self, others: "Problems") -> None:
        """Add the problems that another database met."""
        self._found |= others._found
