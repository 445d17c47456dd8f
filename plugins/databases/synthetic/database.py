"""The synthetic database behind the contract: generated on first use, read by the loaders of the real databases."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from abawbench import cache
from abawbench.contracts.dataset import Database, Problems, Track
from abawbench.contracts.errors import DataError
from abawbench_plugins.databases.synthetic import manifest
from abawbench_plugins.databases.synthetic.generate import Progress, ensure
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
    that is not a complete synthetic database.
    """
    if roots:
        return Synthetic(_given(roots))
    return Synthetic(ensure(cache.root() / "synthetic", preset_named(preset), seed, progress))


def _given(roots: Sequence[Path]) -> Path:
    folder = Path(roots[0])
    if len(roots) > 1 or not manifest.is_complete(folder):
        raise DataError(
            f"{', '.join(map(str, roots))} is not one complete synthetic database; leave the root out to generate one."
        )
    return folder


class Synthetic(Database):
    """Four generated databases seen as one: each label comes from the one that holds it in reality."""

    name = "synthetic"
    synthetic = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems = Problems([folder])
        self._opened: dict[str, Database] = {}

    def _database(self, owner: str) -> Database:
        if owner not in self._opened:
            module = import_module(f"abawbench_plugins.databases.{owner.replace('-', '_')}")
            database: Database = module.open_database([self.folder / owner])
            self.problems.take(database.problems)
            database.problems = self.problems
            self._opened[owner] = database
        return self._opened[owner]

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist for a label, in the order train, val, test; empty if there are none."""
        return self._database(OWNERS[label]).splits(label) if label in OWNERS else ()

    def tracks(self, label: str, split: str) -> Sequence[Track]:
        """Return the tracks of a split, sorted by id. Raises DataError for a label or split that it does not have."""
        if label not in OWNERS:
            raise DataError(f"The synthetic database has no label '{label}'; it has {', '.join(OWNERS)}.")
        return self._database(OWNERS[label]).tracks(label, split)

    def template(self, label: str) -> Path | None:
        """Return the template of the test split, or None without one."""
        return self._database(OWNERS[label]).template(label) if label in OWNERS else None

    def fingerprint(self) -> str:
        """Return a SHA-256 over the fingerprints of the four databases, each over its annotation files."""
        parts = [self._database(owner).fingerprint() for owner in dict.fromkeys(OWNERS.values())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
