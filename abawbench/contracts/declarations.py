"""Declarations: what a hook returns about a plugin, so that listing it imports nothing heavy."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

from abawbench.contracts.source import Source

CONTRACT_VERSION = 2
"""Raised whenever a plugin that kept the old contract could break."""


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """A fact that is not certain, how we take it, and the other ways to take it; the plugin that owns it declares it.

    Users choose by ``--assume NAME=VALUE``. A plugin's builder gets a choice that is not the default as a keyword
    argument of that name, with ``_`` for ``-``.
    """

    name: str
    values: tuple[str, ...]
    """What may be chosen, the default first."""
    fact: str
    """What is uncertain, in one line."""
    source: str
    """Where the fact stands, and how well it is known."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One plugin: its name, one line about it, and the import path of its builder."""

    kind: ClassVar[str]
    name: str
    summary: str
    build: str
    """``package.module:callable``; imported only when the plugin is used."""
    extra: str | None = None
    """The extra to install for it, for example ``abawbench[onnx]``."""
    assumptions: tuple[Assumption, ...] = ()
    """The uncertain facts it depends on, where another assumption can be chosen."""
    needs: tuple[str, ...] = ()
    """The top-level modules that come with the extra; without them the plugin is listed as not installed."""
    contract: int = CONTRACT_VERSION

    @property
    def missing(self) -> tuple[str, ...]:
        """The modules it needs that are not installed; nothing is imported to find out."""
        return tuple(name for name in self.needs if not _is_there(name))


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a package that it lies in is not there, or it has no spec
        return False


@dataclass(frozen=True, kw_only=True)
class TaskDeclaration(Declaration):
    """``build() -> Task``."""

    kind: ClassVar[str] = "task"


@dataclass(frozen=True, kw_only=True)
class SuiteDeclaration(Declaration):
    """A name for several tasks: ``--task abaw8``. It has nothing to build. ``all`` is abawbench's first suite."""

    kind: ClassVar[str] = "suite"
    build: str = ""
    tasks: tuple[str, ...]
    """Names of tasks, in their order."""


@dataclass(frozen=True, kw_only=True)
class MetricDeclaration(Declaration):
    """``build(task) -> Metric``."""

    kind: ClassVar[str] = "metric"


@dataclass(frozen=True, kw_only=True)
class DatabaseDeclaration(Declaration):
    """``build(roots: Sequence[Path]) -> Database``; a generated one is ``build(roots, preset=, seed=, progress=)``."""

    kind: ClassVar[str] = "database"
    licence: str = ""
    editions: tuple[int, ...] = ()
    """The editions whose annotations it can be asked for: ``build`` then takes ``edition=``, None for the latest."""
    generated: bool = False
    """Whether the database makes its own files, so that it needs no root."""
    example: str = ""
    """Import path of ``write(folder)``, which writes a tiny copy in its layout for ``abawbench check``; optional."""


@dataclass(frozen=True, kw_only=True)
class ModelDeclaration(Declaration):
    """``build(settings) -> Model | Predictor``, with the settings class as attribute ``Settings``.

    One that ``claims`` prefixes of names stands for many models: ``build(name)`` returns that of one such name, with
    the attributes ``Settings`` and ``sources``. It is used by those names alone.
    """

    kind: ClassVar[str] = "model"
    inputs: tuple[str, ...] = ("frames",)
    licence: str = ""
    weights: str = ""
    """Where its weights come from, in a few words."""
    trained_on: tuple[str, ...] = ()
    """Databases the weights have seen."""
    sources: tuple[Source, ...] = ()
    """The weights it knows by name; ``abawbench weights`` lists, fetches and checks them."""
    claims: tuple[str, ...] = ()
    """Beginnings of the names it serves, each up to its colon: ``("timm:",)``."""


@dataclass(frozen=True, kw_only=True)
class RuntimeDeclaration(Declaration):
    """``build() -> Runtime``."""

    kind: ClassVar[str] = "runtime"
    format: str = ""
    """What ``abawbench export --format`` calls the files that its ``save`` writes, where it can."""
