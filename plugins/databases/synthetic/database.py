"""The synthetic database behind the contract: generated on first use, read by the loaders of the real databases."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from abawbench import cache
from abawbench.contracts.dataset import Database, Problems, Track
from abawbench.contracts.errors import DataError
from abawbench_plugins.databases.synthetic import manifest
from abawbench_plugins.databases.synthetic.generate import Progress, ensure, folder_beside, folder_of
from abawbench_plugins.databases.synthetic.plan import DATABASES, FURTHER
from abawbench_plugins.databases.synthetic.presets import preset_named

OWNERS: Mapping[str, str] = {
    "va": "aff-wild2",
    "expr": "aff-wild2",
    "au": "aff-wild2",
    "ce": "c-expr-db",
    "emi": "hume-vidmimic2",
    "ah": "bah",
    "mtl": "s-aff-wild2",
    "eri": "hume-reaction",
    "vd": "dvd",
    "ah-video": "bah-video",
}
"""Which database holds a label."""

Make = Callable[[str], Path]
"""Returns the folder that holds a database, after making its files if they are not there."""


def open_database(
    roots: Sequence[Path] = (), preset: str = "small", seed: int = 0, progress: Progress | None = None
) -> "Synthetic":
    """Return the synthetic database of a preset and seed; what is not in the cache is generated when first needed.

    The four databases of ABAW8 are generated together, each of the further ones by itself. ``roots`` may name one
    folder that was generated before; preset and seed then mean nothing. ``progress`` is called with (done, total,
    what) while files are made. Raises UsageError for an unknown preset and DataError for a folder that is not a
    complete synthetic database.
    """
    if roots:
        there = _made_before(roots)
        return Synthetic(roots[0], there.__getitem__, tuple(there))
    parent, chosen = cache.root() / "synthetic", preset_named(preset)

    def make(owner: str) -> Path:
        return ensure(parent, chosen, seed, progress, owner if owner in FURTHER else None)

    return Synthetic(folder_of(parent, chosen, seed), make)


def _made_before(roots: Sequence[Path]) -> dict[str, Path]:
    """The databases in a folder and in those beside it, with the folder of each."""
    folder = Path(roots[0])
    if len(roots) > 1 or not manifest.is_complete(folder):
        raise DataError(
            f"{', '.join(map(str, roots))} is not one complete synthetic database; leave the root out to generate one."
        )
    beside = {owner: folder_beside(folder, owner) for owner in FURTHER}
    further = {owner: path for owner, path in beside.items() if manifest.is_complete(path)}
    return {owner: folder for owner in DATABASES + FURTHER if (folder / owner).is_dir()} | further


class Synthetic(Database):
    """Generated databases seen as one: each label comes from the one that holds it in reality.

    ``there`` names the databases it has, or can make; ``covers`` those that its fingerprint covers, which are the four
    of ABAW8, or the one that ``for_label`` asked for.
    """

    name = "synthetic"
    synthetic = True

    def __init__(
        self, folder: Path, make: Make, there: Sequence[str] = DATABASES + FURTHER, covers: Sequence[str] = DATABASES
    ) -> None:
        self._folder = Path(folder)
        self._make = make
        self._there = tuple(there)
        self._covers = tuple(owner for owner in covers if owner in there)
        self.problems = Problems([self._folder, *(folder_beside(self._folder, further) for further in FURTHER)])
        self._opened: dict[str, Database] = {}

    @property
    def folder(self) -> Path:
        """The folder of the four databases of ABAW8, generated if it is not there."""
        return self._make(DATABASES[0])

    def _database(self, owner: str) -> Database:
        if owner not in self._opened:
            module = import_module(f"abawbench_plugins.databases.{owner.replace('-', '_')}")
            database: Database = module.open_database([self._make(owner) / owner])
            self.problems.take(database.problems)
            database.problems = self.problems
            self._opened[owner] = database
        return self._opened[owner]

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist for a label, in the order train, val, test; empty if there are none."""
        owner = OWNERS.get(label)
        return self._database(owner).splits(label) if owner in self._there else ()

    def tracks(self, label: str, split: str) -> Sequence[Track]:
        """Return the tracks of a split, sorted by id. Raises DataError for a label or split that it does not have."""
        if OWNERS.get(label) not in self._there:
            labels = [name for name, owner in OWNERS.items() if owner in self._there]
            raise DataError(f"The synthetic database has no label '{label}'; it has {', '.join(labels)}.")
        return self._database(OWNERS[label]).tracks(label, split)

    def template(self, label: str) -> Path | None:
        """Return the template of the test split, or None without one."""
        owner = OWNERS.get(label)
        return self._database(owner).template(label) if owner in self._there else None

    def fingerprint(self) -> str:
        """Return a SHA-256 over the fingerprints of the databases it covers, each over its annotation files."""
        parts = [self._database(owner).fingerprint() for owner in self._covers]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def for_label(self, label: str) -> Database:
        """Return itself for a label of ABAW8, and for another one the synthetic database reduced to its owner."""
        owner = OWNERS.get(label)
        if owner is None or owner in self._covers:
            return self
        return Synthetic(self._folder, self._make, (owner,), (owner,))
