"""Discovery, loading and blame: which plugin gave what, which one failed and why."""

import hashlib
import importlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from abawbench.contracts.declarations import Declaration, ModelDeclaration
from abawbench.contracts.errors import PluginError, UsageError
from abawbench.contracts.text import nearest_names
from abawbench.loading import KINDS as KINDS
from abawbench.loading import SUITE as SUITE
from abawbench.loading import Ended, callbacks_of, declarations_of, how_they_end
from abawbench.system.code import Code, Scope, identify_module
from abawbench.system.text import count

GROUP = "abawbench"
FIRST_PARTY = "abawbench"
SCOPE = Scope(left_out=("abawbench",), by_file=("abawbench_plugins",))
"""What a plugin's own code is: abawbench itself is identified once for a job, our plugins by what each imports."""
_FIELD = re.compile(r"^(Name|Version): *(.*?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Plugin:
    """One declared plugin and who declared it."""

    declaration: Declaration
    distribution: str
    version: str
    module: str

    @property
    def kind(self) -> str:
        """``task``, ``database``, ``model``, ``metric``, ``runtime`` or ``suite``."""
        return self.declaration.kind

    @property
    def name(self) -> str:
        """The name users type."""
        return self.declaration.name

    @property
    def claims(self) -> tuple[str, ...]:
        """The beginnings of the names that it serves, where it stands for many models."""
        return self.declaration.claims if isinstance(self.declaration, ModelDeclaration) else ()

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}' of {self.distribution} {self.version}"

    @property
    def reference(self) -> str:
        """The name that is its own alone: ``distribution:name``."""
        return f"{self.distribution}:{self.name}"

    def name_in(self, plugins: "Plugins") -> str:
        """Return the name to give for it among others: ``distribution:name`` where two share a name."""
        return next(name for name, plugin in plugins.names(self.kind).items() if plugin == self)

    @property
    def near(self) -> tuple[str, str]:
        """The distributions where names that it refers to are looked for first: its own, then abawbench."""
        return self.distribution, FIRST_PARTY

    @property
    def installation(self) -> str:
        """The command that installs what the plugin needs."""
        return f"pip install '{self.declaration.extra or ' '.join(self.declaration.missing)}'"

    def builder(self) -> Any:
        """Import and return the builder. Raises PluginError naming the plugin when that fails.

        Raises UsageError, with the command that installs them, when modules it needs are missing.
        """
        if missing := self.declaration.missing:
            raise UsageError(f"{self.kind} '{self.name}' needs {' and '.join(missing)}; run: {self.installation}")
        path, _, attribute = self.declaration.build.partition(":")
        try:
            builder = getattr(importlib.import_module(path), attribute)
        except Exception as error:
            remedy = f"; install {self.declaration.extra}" if self.declaration.extra else ""
            raise PluginError(f"{self} cannot be imported: {one_line(error)}{remedy}") from error
        if not callable(builder):
            raise PluginError(f"{self}: {self.declaration.build} is not callable")
        return builder(self.name) if self.claims else builder

    def build(self, *args: Any, **kwargs: Any) -> Any:
        """Build the plugin's object, under the name of its declaration; the builder's own errors pass through."""
        try:
            made = self.builder()(*args, **kwargs)
        except UsageError as error:  # of a metric that cannot serve the task, which does not know its name
            raise UsageError(f"{self.kind} '{self.name}': {error}") if self.kind == "metric" else error from error
        if is_dataclass(made) and not isinstance(made, type):
            return replace(made, name=self.name)
        made.name = self.name
        return made

    def build_under(self, assumptions: Mapping[str, str], *args: Any, **kwargs: Any) -> Any:
        """Build the plugin's object under the assumptions that it declares; others mean nothing to it."""
        own = {assumption.name for assumption in self.declaration.assumptions} & assumptions.keys()
        return self.build(*args, **kwargs, **{name.replace("-", "_"): assumptions[name] for name in own})

    def code(self) -> Code:
        """Return what its code is made of: a digest, the versions of what it imports, and what cannot be known.

        Of ours the modules that the builder imports count; of a stranger's every file of its distribution.
        """
        found = identify_module(self.declaration.build.partition(":")[0], self.distribution, SCOPE)
        declared = hashlib.sha256(f"{self.declaration!r}{found.digest}".encode()).hexdigest()
        return replace(found, digest=declared)


@dataclass(frozen=True)
class Callback:
    """A hook by which a plugin follows runs."""

    name: str
    """``on_epoch`` or ``on_result``."""
    distribution: str
    version: str
    call: Callable[..., Any]

    def __str__(self) -> str:
        return f"{self.name} of {self.distribution} {self.version}"


@dataclass(frozen=True)
class LoadFailure:
    """A plugin that could not be loaded."""

    entry_point: str
    distribution: str
    version: str
    error: str

    def __str__(self) -> str:
        return f"plugin '{self.entry_point}' of {self.distribution} {self.version} was left out: {self.error}"


class Plugins:
    """Every plugin that loads, found through the ``abawbench`` entry-point group, ours and strangers' alike.

    One broken plugin never stops the others: it is kept as a ``LoadFailure``. With ``strict`` any failure raises
    PluginError instead; ``third_party=False`` leaves out every distribution but abawbench itself.
    """

    def __init__(
        self, found: Iterable[EntryPoint] | None = None, *, third_party: bool = True, strict: bool = False
    ) -> None:
        self._found = found
        self._third_party = third_party
        self._strict = strict

    @cached_property
    def _loaded(self) -> tuple[list[Plugin], list[LoadFailure], list[tuple[str, str, str]]]:
        """What is declared, what failed, and the import path, distribution and version of what did not."""
        plugins: list[Plugin] = []
        failures: list[LoadFailure] = []
        whole: list[tuple[str, str, str]] = []
        points = entry_points(group=GROUP) if self._found is None else self._found
        origins = [(_origin(point), point) for point in points]
        if not self._third_party:
            origins = [one for one in origins if one[0][0] == FIRST_PARTY]
        origins.sort(key=lambda one: (one[0][0] != FIRST_PARTY, one[0], one[1].name))
        ours = sum(one[0][0] == FIRST_PARTY for one in origins)
        ends = how_they_end([point for _, point in origins[ours:]])
        for number, ((distribution, version), point) in enumerate(origins):
            try:
                if number - ours in ends:
                    raise Ended(ends[number - ours])
                declarations = declarations_of(point)
            except Exception as error:
                told = str(error) if isinstance(error, Ended) else one_line(error)
                failures.append(LoadFailure(point.name, distribution, version, told))
                continue
            plugins += [Plugin(d, distribution, version, point.value) for d in declarations]
            whole.append((point.value, distribution, version))
        if failures and self._strict:
            raise PluginError("; ".join(str(failure) for failure in failures))
        return plugins, failures, whole

    @property
    def failures(self) -> list[LoadFailure]:
        """The plugins that did not load."""
        return self._loaded[1]

    def callbacks(self) -> list[Callback]:
        """Return the hooks by which plugins follow runs, in the order in which they load."""
        return [
            Callback(name, distribution, version, call)
            for value, distribution, version in self._loaded[2]
            for name, call in callbacks_of(value).items()
        ]

    def all(self, kind: str) -> list[Plugin]:
        """Return the plugins of a kind, by name."""
        return sorted((p for p in self._loaded[0] if p.kind == kind), key=lambda p: (p.name, p.distribution))

    def names(self, kind: str) -> dict[str, Plugin]:
        """Return the plugins of a kind by the name to give for each, ``distribution:name`` where two share a name.

        Those that stand for many models have no name of their own to give.
        """
        found = [plugin for plugin in self.all(kind) if not plugin.claims]
        claims = Counter(p.name for p in found)
        return {p.name if claims[p.name] == 1 else p.reference: p for p in found}

    def suites(self) -> dict[str, Plugin]:
        """Return the suites of tasks by name, ``all`` being abawbench's first."""
        found = self.names(SUITE)
        ours = [plugin for plugin in self._loaded[0] if plugin.kind == SUITE and plugin.distribution == FIRST_PARTY]
        return {**found, **({"all": ours[0]} if ours else {})}

    def get(self, kind: str, name: str, near: Sequence[str] = (), others: Iterable[str] = ()) -> Plugin:
        """Return the plugin of that kind and name, or ``distribution:name``.

        A name that several claim is that of the first distribution in ``near`` that has it: what the code or a plugin
        refers to must not change with what else is installed; what a user types is left for the user to say. Raises
        UsageError for an unknown name, with near misses among the plugins and ``others``, and for one that two
        distributions claim.
        """
        matches = self._matches(kind, name)
        if len(matches) == 1:
            return matches[0]
        for preferred in near:
            own = [p for p in matches if p.distribution == preferred]
            if len(own) == 1:
                return own[0]
        if matches:
            claims = " or ".join(p.reference for p in matches)
            raise UsageError(f"{kind} '{name}' is given by {len(matches)} plugins; write {claims}")
        raise UsageError(self._unknown(kind, name, others))

    def _matches(self, kind: str, name: str) -> list[Plugin]:
        claiming = [p for p in self.all(kind) if name.startswith(p.claims) and name not in p.claims]
        if claiming:
            return [replace(p, declaration=replace(p.declaration, name=name)) for p in claiming]
        distribution, _, bare = name.rpartition(":")
        named = [p for p in self.all(kind) if not p.claims]
        return [p for p in named if p.name == bare and distribution in ("", p.distribution)]

    def _unknown(self, kind: str, name: str, others: Iterable[str]) -> str:
        names = [*(name for p in self.all(kind) for name in p.claims or (p.name,)), *others]
        near = nearest_names(name, names)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names) or 'none'}"
        if "," in name and not {one.strip() for one in name.split(",")} - {*names}:
            hint = f"name one at a time: {' '.join(f'--{kind} {one.strip()}' for one in name.split(','))}"
        failed = count(len(self.failures), "plugin")
        broken = f" ({failed} failed to load, see 'abawbench list')" if self.failures else ""
        return f"unknown {kind} '{name}'; {hint}{broken}"


def default_plugins() -> Plugins:
    """Return the installed plugins under the switches of the environment.

    ``ABAWBENCH_THIRD_PARTY=0`` leaves strangers' plugins out; ``ABAWBENCH_STRICT=1`` (the default where ``CI`` is
    set) makes a plugin that does not load fatal.
    """
    strict = os.environ.get("ABAWBENCH_STRICT", os.environ.get("CI", ""))
    return Plugins(
        third_party=os.environ.get("ABAWBENCH_THIRD_PARTY", "1") != "0", strict=strict.lower() not in ("", "0", "false")
    )


def one_line(error: BaseException) -> str:
    """Return the error's type and the first line of its text, with no control characters."""
    text = str(error).strip().splitlines()
    first = "".join(c if c.isprintable() else " " for c in text[0]) if text else ""
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _origin(point: EntryPoint) -> tuple[str, str]:
    """Return the distribution and version of an entry point; a leftover without metadata has neither."""
    # importlib.metadata parses the whole file as an e-mail, once for the name and once for the version
    text = (point.dist and (point.dist.read_text("METADATA") or point.dist.read_text("PKG-INFO"))) or ""
    found = dict(_FIELD.findall(text.partition("\n\n")[0]))
    return found.get("Name", "unknown"), found.get("Version", "0")
