"""The synthetic database behind the contract: generated on first use, read by the loaders of the real databases."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np

from abawbench import cache_folder
from abawbench.contracts.database import Database, LabelledTrack, Labels, Track
from abawbench.contracts.errors import DataError, UsageError
from abawbench.contracts.inspection import Count, Expected, Inspection
from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._tracks import CountedTrack, FileTrack
from abawbench_plugins.databases.synthetic import manifest
from abawbench_plugins.databases.synthetic.generate import (
    ANSWERS,
    TEST_SET,
    Progress,
    ensure,
    folder_beside,
    folder_of,
    read_people,
)
from abawbench_plugins.databases.synthetic.inspection import count_tracks, manifest_files, strangers
from abawbench_plugins.databases.synthetic.person import describe, person
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

EVERY = DATABASES + FURTHER
TEST_SETS = tuple(f"{owner}{TEST_SET}" for owner in EVERY)

Make = Callable[[str], Path]
"""Returns the folder that holds a database or a test set, after making its files if they are not there."""


def open_database(
    roots: Sequence[Path] = (), preset: str = "small", seed: int = 0, progress: Progress | None = None
) -> "Synthetic":
    """Return the synthetic database of a preset and seed; what is not in the cache is generated when first needed.

    The four databases of ABAW8 are generated together, each further one and each test set by itself. ``roots`` may
    name one folder that was generated before; preset and seed then mean nothing. ``progress`` is called with (done,
    total, what) while files are made. Raises UsageError for an unknown preset and DataError for a folder that is not a
    synthetic database; one that is not complete raises it when it is read.
    """
    if roots:
        there = _find_made(roots)
        return Synthetic(roots[0], cache(lambda owner: _complete(there[owner])), tuple(there))
    parent, chosen = cache_folder() / "synthetic", preset_named(preset)

    def make(owner: str) -> Path:
        return ensure(parent, chosen, seed, progress, None if owner in DATABASES else owner)

    able = DATABASES[:1] if chosen.labels_only else EVERY + TEST_SETS
    return Synthetic(folder_of(parent, chosen, seed), make, able)


def _find_made(roots: Sequence[Path]) -> dict[str, Path]:
    """The databases in a folder and in those beside it, with the folder of each."""
    try:
        (folder,) = map(Path, roots)
        manifest.read(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        what = f"{', '.join(map(str, roots))} is not one complete synthetic database"
        raise DataError(f"{what}: no whole {manifest.NAME}; leave the root out to generate one.") from None
    beside = {owner: folder_beside(folder, owner) for owner in FURTHER + TEST_SETS}
    further = {owner: path for owner, path in beside.items() if manifest.is_complete(path)}
    return {owner: folder for owner in EVERY if (folder / owner).is_dir()} | further


def _complete(folder: Path) -> Path:
    if not manifest.is_complete(folder):
        raise DataError(
            f"{folder} is not a complete synthetic database; 'abawbench data verify synthetic {folder}' names what is "
            "wrong, and without a root it is generated anew."
        )
    return folder


class Synthetic(Database):
    """Generated databases seen as one: each label comes from the one that holds it in reality.

    ``there`` names the databases it has, or can make; ``covers`` those that its fingerprint covers, which are the four
    of ABAW8, or the one that ``for_label`` asked for.

    A test set is read as it is released, without labels; those that its tracks have all the same come from the answers
    beside it, which only this class reads, as the server that scores submissions would.
    """

    name = "synthetic"
    synthetic = True

    def __init__(
        self, folder: Path, make: Make, there: Sequence[str] = EVERY + TEST_SETS, covers: Sequence[str] = DATABASES
    ) -> None:
        self._folder = Path(folder)
        self._make = make
        self._there = tuple(there)
        self._covers = tuple(owner for owner in covers if owner in there)
        self.problems = Problems([self._folder, *(folder_beside(self._folder, name) for name in FURTHER + TEST_SETS)])
        self._opened: dict[str, Database] = {}

    @property
    def folder(self) -> Path:
        """The folder of the four databases of ABAW8, generated if it is not there."""
        return self._make(DATABASES[0])

    def _database(self, name: str) -> Database:
        if name not in self._opened:
            database = _open(self._make(name), name.removesuffix(TEST_SET))
            self.problems.take(database.problems)
            database.problems = self.problems
            self._opened[name] = database
        return self._opened[name]

    def _test_set(self, label: str) -> str | None:
        name = f"{OWNERS.get(label)}{TEST_SET}"
        return name if name in self._there else None

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist for a label, in the order train, val, test; empty if there are none."""
        owner = OWNERS.get(label)
        found = self._database(owner).splits(label) if owner in self._there else ()
        return [*found, "test"] if found and self._test_set(label) else found

    def tracks(self, label: str, split: str) -> Sequence[LabelledTrack]:
        """Return the tracks of a split with their labels, sorted by id.

        Raises DataError for a label or split that it does not have.
        """
        if OWNERS.get(label) not in self._there:
            labels = [name for name, owner in OWNERS.items() if owner in self._there]
            raise DataError(f"The synthetic database has no label '{label}'; it has {', '.join(labels)}.")
        if split == "test" and (name := self._test_set(label)):
            return self._introduce(name, split, self._add_answers(label, name))
        return self._introduce(OWNERS[label], split, self._database(OWNERS[label]).tracks(label, split))

    def _introduce(self, name: str, split: str, tracks: Sequence[LabelledTrack]) -> Sequence[LabelledTrack]:
        """Give tracks the traits of the person whom each shows, where the list of people is there."""
        people = read_people(self._make(name)).get(name.removesuffix(TEST_SET), {}).get(split, {})
        for one in tracks:
            number = people.get(one.track.id.removeprefix("Videos/"))  # as the ids of BAH's videos begin
            if isinstance(one.track, FileTrack) and number is not None:
                one.track.traits = describe(person(number))
        return tracks

    def dropped(self, label: str, split: str) -> Mapping[str, int]:
        """Return the tracks of a split that could not be used, and how many annotated frames each had, at least 1."""
        name = self._test_set(label) if split == "test" else None
        return self._database(name or OWNERS[label]).dropped(label, split)

    def _add_answers(self, label: str, name: str) -> Sequence[LabelledTrack]:
        """Return the tracks of a test set with their labels."""
        folder, owner = self._make(name), OWNERS[label]
        answers = _open(folder / ANSWERS, owner, folder / owner)
        known = {one.track.id: one for one in answers.tracks(label, "val")}
        asked = self._database(name).tracks(label, "test")
        return [
            LabelledTrack(one.track, _labels_of(known[one.track.id], one.track)) if one.track.id in known else one
            for one in asked
        ]

    def template(self, label: str) -> Path | None:
        """Return the template of the test split, or None without one."""
        name = self._test_set(label) or OWNERS.get(label)
        return self._database(name).template(label) if name in self._there else None

    def fingerprint(self) -> str:
        """Return a SHA-256 over the fingerprints of the databases it covers, each over its annotation files."""
        parts = [self._database(owner).fingerprint() for owner in self._covers]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def for_label(self, label: str) -> Database:
        """Return itself for a label of ABAW8, and for another one the synthetic database reduced to its owner."""
        owner = OWNERS.get(label)
        if owner is None or owner in self._covers:
            return self
        both = tuple(name for name in (owner, f"{owner}{TEST_SET}") if name in self._there)
        return Synthetic(self._folder, self._make, both, (owner,))

    def expected(self, edition: int | None = None) -> Sequence[Expected]:
        """Return the numbers of tracks that the manifest tells."""
        return count_tracks(manifest.read(self._folder)) if (self._folder / manifest.NAME).is_file() else ()

    def inspect(self, labels: Sequence[str] = (), splits: Sequence[str] = ()) -> Inspection:
        """Return what lies there; the files are compared with their manifest, byte by byte, and nothing else.

        A further database that was not generated yet is generated if one of its labels is asked for.
        """
        if unknown := sorted(label for label in labels if OWNERS.get(label) not in self._there):
            raise UsageError(f"This synthetic database has no label '{unknown[0]}'.")
        wanted: dict[str, list[str]] = {}
        for label, owner in OWNERS.items():
            if label in labels or (not labels and owner in self._there and self._lies_there(owner)):
                wanted.setdefault(owner, []).append(label)
        counts: list[Count] = []
        for owner, names in wanted.items():
            with suppress(DataError):  # the manifest names the files that are missing
                found = _open(self._of(owner), owner).inspect(names, splits)
                counts += [count for count in found.counts if count.label]
        tests = [folder_beside(self._folder, f"{owner}{TEST_SET}") for owner in wanted]
        folders = [*map(self._of, wanted), *(folder for folder in tests if (folder / manifest.NAME).is_file())]
        manifests = {folder: manifest.read(folder) for folder in folders}
        for folder, files in manifests.items():
            for path in strangers(folder, files):
                self.problems.add(path, "is not in the manifest; ignored", extra=True)
        return Inspection(counts, [part for item in manifests.items() for part in manifest_files(*item)])

    def _lies_there(self, owner: str) -> bool:
        beside = folder_beside(self._folder, owner)
        return owner in self._covers or any((path / owner).is_dir() for path in (self._folder, beside))

    def _of(self, owner: str) -> Path:
        """Return the folder of a database, complete or not; it is made if it is missing and can be made."""
        with suppress(DataError):
            return self._make(owner)
        return self._folder


def _open(folder: Path, owner: str, *more: Path) -> Database:
    module = import_module(f"abawbench_plugins.databases.{owner.replace('-', '_')}")
    database: Database = module.open_database([folder / owner, *more])
    return database


def _labels_of(answer: LabelledTrack, track: Track) -> Labels:
    """Return the labels of a track under the frames that the test set lists; a frame without any is not annotated."""
    known = answer.known
    if isinstance(track, CountedTrack):
        return known
    assert isinstance(track, FileTrack)
    assert isinstance(answer.track, FileTrack)
    at = np.searchsorted(track.numbers, answer.track.numbers)
    values = np.zeros((track.n_frames, *known.values.shape[1:]), dtype=known.values.dtype)
    mask = np.zeros((track.n_frames, *known.mask.shape[1:]), dtype=np.bool_)
    values[at], mask[at] = known.values, known.mask
    return Labels(values, mask)
