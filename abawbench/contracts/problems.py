"""What is wrong in the files of a database and did not stop it."""

from collections.abc import Iterable, Sequence
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
    lost: int = 0
    """Annotated frames (of a track-level label: the track) that went with it, as far as its file still tells."""
    extra: bool = False
    """Whether it only means that something lies there that does not belong; such a copy can still be complete."""
    caveat: str | None = None
    """What to know of a value that rests on it, in a few words that stand beside the value in every table."""

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
        self,
        file: object,
        what: str,
        line: int | None = None,
        track: str | None = None,
        *,
        lost: int = 1,
        extra: bool = False,
        caveat: str | None = None,
    ) -> None:
        """Note a problem, and the track it cost with its annotated frames; the same one twice counts once."""
        path = Path(str(file))
        root = next((root for root in self._roots if path != root and path.is_relative_to(root)), None)
        name = path.relative_to(root).as_posix() if root else str(file)
        self._found[Problem(name, what, line, track, max(lost, 1) if track else 0, extra, caveat)] = None

    def take(self, others: "Problems") -> None:
        """Add the problems that another database met."""
        self._found |= others._found


def lost_frames(problems: Iterable[Problem]) -> dict[str, int]:
    """Return track -> annotated frames lost with it, of the tracks that problems cost."""
    found: dict[str, int] = {}
    for problem in problems:
        if problem.track is not None:
            found[problem.track] = max(problem.lost, found.get(problem.track, 0))
    return found
