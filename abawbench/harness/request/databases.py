"""The databases of a run, opened when first needed, and which of them serves a task."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from abawbench.config import Roots
from abawbench.contracts import Database, DatabaseDeclaration, Task, UsageError
from abawbench.plugins import FIRST_PARTY, Plugin, Plugins
from abawbench.progress import Progress
from abawbench.records.record import DatabaseRecord

TRAIN, VALIDATION = "train", "val"
PRESET = "small"
"""Size of a synthetic database unless another is asked for."""


@dataclass(frozen=True)
class Sources:
    """Where databases lie, and how those that make their own files are made."""

    roots: Roots = field(default_factory=dict)
    preset: str | None = None
    """Size of a synthetic database: ``tiny`` or ``small``, which None stands for."""
    seed: int | None = None
    """Of a synthetic database; None stands for 0."""

    @property
    def generated(self) -> tuple[str, int]:
        """How a database that makes its own files makes them: preset and seed."""
        return self.preset or PRESET, self.seed or 0


def sources_of_run(said: DatabaseRecord, given: Sources) -> Sources:
    """Return where the database of a run lies and how it was made, where the given sources do not say otherwise.

    Raises UsageError when it is no longer there.
    """
    if given.roots:
        return given
    for root in said.roots:
        if not Path(root).is_absolute():  # of the working folder it says nothing
            what = f"the record keeps only the name of the folder that '{said.name}' was read from, {root}"
            raise UsageError(f"{what}; give --data {said.name}=ROOT")
        if not Path(root).exists():
            raise UsageError(f"the run read '{said.name}' from {root}, which is gone; give --data {said.name}=ROOT")
    return Sources(
        roots={said.name: tuple(Path(root) for root in said.roots)} if said.roots else {},
        preset=given.preset or said.preset,
        seed=said.seed if given.seed is None else given.seed,
    )


class Databases:
    """The databases of a run, each opened once, when first needed."""

    def __init__(
        self, plugins: Plugins, sources: Sources, progress: Progress, assumptions: Mapping[str, str] | None = None
    ) -> None:
        self._plugins, self._sources, self.progress = plugins, sources, progress
        self._assumptions = assumptions or {}
        self._opened: dict[str, Database] = {}
        self._near = () if sources.roots else (FIRST_PARTY,)
        declared = [p for p in plugins.all("database") if _generates(p)]
        self._roots = dict(sources.roots) or {p.name: () for p in declared if p.distribution == FIRST_PARTY}
        for name in self._roots:
            plugin = self.plugin(name)
            if not self._roots[name] and not _generates(plugin):
                raise UsageError(f"database '{name}' needs a folder: --data {name}=ROOT")

    def describe(self, name: str) -> dict[str, Any]:
        """Return where a database lies, as absolute paths, or how it was made, as the record has them."""
        if self._roots[name]:
            return {"roots": tuple(str(root.absolute()) for root in self._roots[name])}
        preset, seed = self._sources.generated
        return {"preset": preset, "seed": seed}

    def under(self, assumptions: Mapping[str, str]) -> "Databases":
        """Return the same databases, to be opened under these assumptions of uncertain facts."""
        if assumptions == self._assumptions:
            return self
        return Databases(self._plugins, self._sources, self.progress, assumptions)

    @property
    def names(self) -> tuple[str, ...]:
        """The databases that were given, or make their own files."""
        return tuple(self._roots)

    def plugin(self, name: str) -> Plugin:
        """Return the plugin that reads the database."""
        return self._plugins.get("database", name, self._near)

    def open(self, name: str) -> Database:
        """Return the opened database; one that makes its own files makes them now if they are not there."""
        if name not in self._opened:
            sources = replace(self._sources, roots={name: self._roots[name]})
            self._opened[name] = open_database(self.plugin(name), name, sources, self.progress, self._assumptions)
        return self._opened[name]

    def for_task(self, task: Task, *, pooled: bool = False) -> tuple[str, Database]:
        """Return the database a task is run on: its own if given, else the first that has its labels.

        It has both a training and a validation split, or any of them where they are ``pooled``.
        Raises UsageError, with what would help, when no database given can serve the task.
        """
        order = sorted(self._roots, key=lambda name: name != task.database)
        for name in order:
            database = self.open(name)
            splits = database.splits(task.label)
            found = {TRAIN, VALIDATION} & set(splits)
            if len(found) == 2 or (pooled and found):
                return name, database.for_label(task.label)
            if name == task.database and splits:
                raise UsageError(
                    f"database '{name}' has no labels of task '{task.name}' for {TRAIN} and {VALIDATION} (it has "
                    f"{', '.join(splits)}): such a copy can only be predicted by a model trained elsewhere, not "
                    "trained on or scored; add label files, see the database's documentation"
                )
        remedy = (
            f"check that its annotation folder is below {', '.join(map(str, self._roots[task.database]))}"
            if self._roots.get(task.database)
            else f"add --data {task.database}=ROOT"
        )
        raise UsageError(f"no labels of task '{task.name}' in {', '.join(self._roots)}; {remedy}")

    def for_split(self, task: Task, split: str) -> tuple[str, Database]:
        """Return the database that has a split of a task: its own if given, else the first.

        Raises UsageError, naming the splits there are, when no database given has it.
        """
        order = sorted(self._roots, key=lambda name: name != task.database)
        there = {}
        for name in order:
            database = self.open(name)
            there[name] = list(database.splits(task.label))
            if split in there[name]:
                return name, database.for_label(task.label)
        found = "; ".join(f"{name} has {', '.join(splits)}" for name, splits in there.items() if splits) or "none does"
        raise UsageError(
            f"no database given has a split '{split}' of task '{task.name}' ({found}); add --data {task.database}=ROOT"
        )


def open_database(
    plugin: Plugin, name: str, sources: Sources, progress: Progress, assumptions: Mapping[str, str]
) -> Database:
    """Return the database of that name, read by a plugin; one that makes its own files makes them without a root.

    Raises UsageError for missing roots, and DataError when they hold nothing of it.
    """
    database: Database
    if roots := sources.roots.get(name):
        database = plugin.build_under(assumptions, roots)
    elif _generates(plugin):
        preset, seed = sources.generated
        database = plugin.build(preset=preset, seed=seed, progress=progress.report)
    else:
        raise UsageError(f"database '{name}' needs a folder: --data {name}=ROOT")
    return database


def _generates(plugin: Plugin) -> bool:
    return isinstance(plugin.declaration, DatabaseDeclaration) and plugin.declaration.generated
