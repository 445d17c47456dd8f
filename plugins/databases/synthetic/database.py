"""The synthetic database behind the contract: generated on first use, read by the loaders of the real databases."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path

from abawbench import cache
from abawbench.contracts.dataset import Database, Problems, Track
from abawbench.contracts.errors import DataError, UsageError
from abawbench.contracts.inspection import Count, Expected, Inspection
from abawbench_plugins.databases.synthetic import manifest
from abawbench_plugins.databases.synthetic.generate import Progress, ensure
from abawbench_plugins.databases.synthetic.inspection import count_tracks, manifest_parts, strangers
from abawbench_plugins.databases.synthetic.presets import preset_named

OWNERS: Mapping[str, str] = {
    "va": "aff-wild2",
    "expr": "aff-wild2",
    "au": "aff-wild2",
    "ce": "c-expr-db",
    "emi": "hume-vidmimic2",
    "ah": "bah",
}
"""Which of the four databases holds a label."""


def open_database(
    roots: Sequence[Path] = (), preset: str = "small", seed: int = 0, progress: Progress | None = None
) -> "Synthetic":
    """Return the synthetic database of a preset and seed, generated first if it is not in the cache.

    ``roots`` may name one folder that was generated before; preset and seed then mean nothing. ``progress`` is called
    with (done, total, what) while files are made. Raises UsageError for an unknown preset and DataError for a folder
    that is not a synthetic database; one that is not complete raises it when it is read.
    """
    if roots:
        return Synthetic(_given(roots))
    return Synthetic(ensure(cache.root() / "synthetic", preset_named(preset), seed, progress))


def _given(roots: Sequence[Path]) -> Path:
    try:
        (folder,) = map(Path, roots)
        manifest.read(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        what = f"{', '.join(map(str, roots))} is not one complete synthetic database"
        raise DataError(f"{what}: no whole {manifest.NAME}; leave the root out to generate one.") from None
    return folder


class Synthetic(Database):
    """Four generated databases seen as one: each label comes from the one that holds it in reality."""

    name = "synthetic"
    synthetic = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems = Problems([folder])
        self._opened: dict[str, Database] = {}

    @cached_property
    def _complete(self) -> bool:
        return manifest.is_complete(self.folder)

    def _database(self, owner: str) -> Database:
        if not self._complete:
            raise DataError(
                f"{self.folder} is not a complete synthetic database; 'abawbench data verify synthetic {self.folder}' "
                "names what is wrong, and without a root it is generated anew."
            )
        if owner not in self._opened:
            database = _open(self.folder, owner)
            self.problems.take(database.problems)
            database.problems = self.problems
            self._opened[owner] = database
        return self._opened[owner]

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist for a label, in the order train, val, test; empty if there are none."""
        if label not in OWNERS or not (self.folder / OWNERS[label]).is_dir():
            return ()
        return self._database(OWNERS[label]).splits(label)

    def tracks(self, label: str, split: str) -> Sequence[Track]:
        """Return the tracks of a split, sorted by id. Raises DataError for a label or split that it does not have."""
        if label not in OWNERS:
            raise DataError(f"The synthetic database has no label '{label}'; it has {', '.join(OWNERS)}.")
        return self._database(OWNERS[label]).tracks(label, split)

    def fingerprint(self) -> str:
        """Return a SHA-256 over the fingerprints of the four databases, each over its annotation files."""
        owners = [owner for owner in dict.fromkeys(OWNERS.values()) if (self.folder / owner).is_dir()]
        parts = [self._database(owner).fingerprint() for owner in owners]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def expected(self, edition: int | None = None) -> Sequence[Expected]:
        """Return the numbers of tracks that the manifest tells."""
        return count_tracks(manifest.read(self.folder))

    def inspect(self, labels: Sequence[str] = (), splits: Sequence[str] = ()) -> Inspection:
        """Return what the copy holds; its files are compared with the manifest, byte by byte, and nothing else."""
        if unknown := sorted(set(labels) - set(OWNERS)):
            raise UsageError(f"The synthetic database has no label '{unknown[0]}'; it has {', '.join(OWNERS)}.")
        files = manifest.read(self.folder)
        counts: list[Count] = []
        for owner in dict.fromkeys(OWNERS.values()):
            wanted = [label for label, of in OWNERS.items() if of == owner and label in (labels or OWNERS)]
            if wanted:
                with suppress(DataError):  # the manifest names the files that are missing
                    found = _open(self.folder, owner).inspect(wanted, splits or ("train", "val"))
                    counts += [count for count in found.counts if count.label]
        for path in strangers(self.folder, files):
            self.problems.add(path, "is not in the manifest; ignored", extra=True)
        return Inspection(counts, manifest_parts(self.folder, files))


def _open(folder: Path, owner: str) -> Database:
    module = import_module(f"abawbench_plugins.databases.{owner.replace('-', '_')}")
    database: Database = module.open_database([folder / owner])
    return database
