"""Comparing a generated folder with its manifest."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from abawbench.contracts.inspection import Expected, FileGroup
from abawbench.contracts.problems import Problem, Problems
from abawbench_plugins.databases.synthetic import manifest

_TOGETHER = 500
_ANNOTATION = re.compile(r"aff-wild2/[^/]+/(VA|EXPR|AU)_[^/]+/(Train|Validation)_Set/[^/]+\.txt")
_SPLITS = {"Train": "train", "Validation": "val"}


@dataclass(frozen=True)
class ManifestFiles(FileGroup):
    """Some files of a generated folder and the digests they must have."""

    folder: Path
    digests: tuple[tuple[str, manifest.Digest], ...]

    @property
    def files(self) -> int:  # type: ignore[override]
        """The number of files."""
        return len(self.digests)

    def check(self, fast: bool) -> Sequence[Problem]:
        """Return the files that are missing or not the bytes that were generated; ``fast`` compares sizes only."""
        problems = Problems()
        for name, digest in self.digests:
            path = self.folder / name
            try:
                same = path.stat().st_size == digest[0] if fast else manifest.digest(path.read_bytes()) == digest
            except OSError as error:
                problems.add(path, f"cannot be read: {error.strerror}")
            else:
                if not same:
                    problems.add(path, "is not the file that was generated; generate the database anew")
        return problems.items


def manifest_files(folder: Path, files: Mapping[str, manifest.Digest]) -> list[FileGroup]:
    """Return the files of a manifest in parts to be compared."""
    rows = tuple(files.items())
    return [ManifestFiles(folder, rows[start : start + _TOGETHER]) for start in range(0, len(rows), _TOGETHER)]


def count_tracks(files: Mapping[str, manifest.Digest]) -> list[Expected]:
    """Return how many Aff-Wild2 tracks of each label and split a manifest lists."""
    found = Counter(match.groups() for path in files if (match := _ANNOTATION.fullmatch(path)))
    return [
        Expected(
            label=task.lower(),
            split=_SPLITS[split],
            what="tracks",
            number=number,
            confidence="CONFIRMED",
            source=manifest.NAME,
        )
        for (task, split), number in sorted(found.items())
    ]


def strangers(folder: Path, files: Mapping[str, manifest.Digest]) -> Iterator[Path]:
    """Yield the files of a folder that its manifest does not list."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in files and name != manifest.NAME:
            yield path
