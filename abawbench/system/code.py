"""What a piece of code consists of: its files, the distributions that it imports, and what cannot be known of it.

Identity is by content. Nothing is imported to find out, apart from the parents of a name that lies below a package.
What a file of Python mentions is read from the cache where a file of the same bytes was read before.
"""

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from importlib.util import find_spec
from pathlib import Path

from abawbench.contracts.errors import UsageError
from abawbench.system.cache import cache_folder
from abawbench.system.files import replace_file, sha256

ABSENT = "not installed"
_IMPORTS_BY_NAME = ("import_module", "__import__")
_NAMED_LATE = "imports a module whose name is made at run time"
_RUNS_MORE = ("CDLL", "PyDLL", "LoadLibrary", "load_library", "exec", "Popen", "check_output", "check_call", "system")
"""Calls that bring in code which is not Python's to know."""
_MOST_KEPT = 20_000
"""Files whose mentions are kept in the cache; with more it begins anew."""


@dataclass(frozen=True)
class Scope:
    """Top-level packages that are known otherwise and left out, and those of which only what is imported counts."""

    left_out: tuple[str, ...] = ()
    by_file: tuple[str, ...] = ()


@dataclass(frozen=True)
class Code:
    """What some code is made of."""

    digest: str
    """SHA-256 over all of it."""
    imports: dict[str, str] = field(hash=False)
    """Distribution -> version of what it imports."""
    not_known: tuple[str, ...]
    """What else it may depend on that no digest covers, in words."""


@cache
def identify_module(module: str, owner: str, scope: Scope) -> Code:
    """Return what a module is made of, with every file of the distribution that it belongs to.

    A package that it imports counts by all its files, or by its version where it was installed from an index.
    """
    walk = _Walk(scope)
    if module.partition(".")[0] not in scope.by_file:
        walk.take_distribution(owner)
    walk.follow(module)
    return walk.finish()


@cache
def identify_files(sources: tuple[Path, ...], scope: Scope) -> Code:
    """Return what Python files, and those in folders and below, are made of."""
    walk = _Walk(scope)
    for source in sources:
        found = sorted(source.rglob("*.py")) if source.is_dir() else [source]
        for path in found:
            walk.take(f"{source.name}/{path.relative_to(source).as_posix()}", path, "")
    return walk.finish()


class _Walk:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._digests: dict[str, str] = {}
        self._imports: dict[str, str] = {}
        self._not_known: dict[str, None] = {}
        self._taken: set[Path] = set()
        self._followed: set[str] = set()
        self._whole: set[str] = set()
        """Top-level packages all of whose files are in."""
        self._waiting: list[str] = []

    def finish(self) -> Code:
        while self._waiting:
            self._follow(self._waiting.pop())
        _mentions().keep()
        sha = hashlib.sha256()
        for name, digest in sorted((*self._digests.items(), *self._imports.items())):
            sha.update(f"{name}\0{digest}\0".encode())
        return Code(sha.hexdigest(), dict(sorted(self._imports.items())), tuple(self._not_known))

    def follow(self, module: str) -> None:
        """Take in a module, by its dotted name, when its turn comes."""
        if module not in self._followed:
            self._followed.add(module)
            self._waiting.append(module)

    def take_distribution(self, name: str) -> None:
        """Take in every file that a distribution says it has."""
        found = _named(name)
        listed = [] if found is None else [file for file in found.files or () if not _is_derived(file.parts)]
        if found is None or not listed or found.read_text("RECORD") is None or _is_editable(found):
            self._note(f"{name} has no list of its files: only those of the packages that its code imports are known")
            return
        for file in listed:
            self.take(file.as_posix(), Path(str(found.locate_file(file))), "")
        self._whole |= {file.parts[0].partition(".")[0] for file in listed if len(file.parts) > 1 or file.suffix}

    def take(self, label: str, path: Path, package: str) -> None:
        """Take in one file, and what it imports where it is Python."""
        if path in self._taken:
            return
        self._taken.add(path)
        try:
            if not path.is_file():  # a FIFO would be waited for
                return
            self._digests[label] = sha256(path)
            mentions = _mentions().of(path, self._digests[label]) if path.suffix == ".py" else []
        except OSError as error:
            self._note(f"{label} cannot be read ({error.strerror})")
            return
        for line, level, what in mentions:
            if level is not None:
                for module in _resolve(what, level, package):
                    self.follow(module)
            elif package and what == [_NAMED_LATE]:
                self._take_siblings(path.parent, package)
            else:
                self._note(f"{label}:{line} {what[0]}")

    def _follow(self, module: str) -> None:
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top in self._scope.left_out:
            return
        if top in self._scope.by_file:
            self._take_module(module)
        elif top not in self._whole:
            self._take_package(module)

    def _take_package(self, module: str) -> None:
        place = _place(module)
        if place is None:
            self._imports[module.partition(".")[0]] = ABSENT
            return
        name, path = place
        if name in self._whole:
            return
        self._whole.add(name)
        if path is None:
            self._note(f"module {name} lies in no file")
        elif owner := _owner(path):
            self._imports[owner.metadata["Name"]] = _version(owner)
        elif path.is_dir():
            for file in _files_below(path):
                self.take(f"{name}/{file.relative_to(path).as_posix()}", file, "")
        else:
            self.take(path.name, path, "")

    def _take_module(self, module: str) -> None:
        """Take in a module's file alone, and what lies beside it that is no module."""
        place = _place(module.partition(".")[0])
        if place is None or place[1] is None:
            return
        top, *inner = module.split(".")
        path = place[1].joinpath(*inner)
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if not file.is_file():
            return
        package = module if path.is_dir() else module.rpartition(".")[0]
        for one in (file, *_data_beside(file.parent)):
            self.take(f"{top}/{one.relative_to(place[1]).as_posix()}", one, package)

    def _take_siblings(self, folder: Path, package: str) -> None:
        """Take in every module of a package, one of which is imported by a name made at run time."""
        for file in sorted(folder.glob("*.py")):
            self.follow(package if file.stem == "__init__" else f"{package}.{file.stem}")

    def _note(self, what: str) -> None:
        self._not_known[what] = None


Mention = tuple[int, int | None, list[str]]
"""A line, and what it imports: dots before the name, and dotted names. Without a number of dots: what is unclear."""


class _Mentions:
    """What files of Python mention, by the SHA-256 of their bytes, kept between processes."""

    def __init__(self, file: Path | None) -> None:
        self._file, self._new = file, False
        self._known: dict[str, list[Mention]] = {}
        if file is not None:
            with suppress(OSError, ValueError, TypeError):  # none yet, or damaged: made again
                self._known = dict(json.loads(file.read_bytes()))

    def of(self, path: Path, digest: str) -> list[Mention]:
        """Return what a file with this digest mentions. Raises OSError where it cannot be read."""
        if digest not in self._known:
            self._known[digest], self._new = list(_read_mentions(path.read_bytes())), True
        return self._known[digest]

    def keep(self) -> None:
        """Write what is new for other processes, where this one may."""
        if not self._new or self._file is None:
            return
        kept = self._known if len(self._known) <= _MOST_KEPT else {}
        try:
            with replace_file(self._file) as temporary:
                temporary.write_text(json.dumps(kept))
        except OSError:
            return
        self._new = False


def _mentions() -> _Mentions:
    """Return those of the cache folder, none where there is no such folder."""
    try:
        return _kept_in(cache_folder() / "code")
    except UsageError:
        return _kept_in(None)


@cache
def _kept_in(folder: Path | None) -> _Mentions:
    """Return those that this code found with this Python: another reads files in another way."""
    return _Mentions(folder and folder / f"{sys.implementation.cache_tag}-{sha256(Path(__file__))[:12]}.json")


def _read_mentions(source: bytes) -> Iterator[Mention]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):  # some packages bring templates that are no Python
        return
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import):
            yield line, 0, [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield line, node.level, [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and _called(node) in _IMPORTS_BY_NAME and (name := _constant(node)):
            yield line, 0, [name]
        if said := _unclear(node):
            yield line, None, [said]


def _resolve(names: Sequence[str], level: int, package: str) -> Iterator[str]:
    """Give dotted names without the dots before them; none within a package of which all files are in."""
    if not level:
        yield from names
    elif package:
        parents = package.split(".")[: len(package.split(".")) - level + 1]
        yield from (".".join([*parents, *filter(None, [name.strip(".")])]) for name in names)


def _unclear(node: ast.AST) -> str | None:
    """Return, of a call after which more code may run than is known, what it does."""
    if not isinstance(node, ast.Call):
        return None
    called = _called(node)
    if called in _IMPORTS_BY_NAME and _constant(node) is None:
        return _NAMED_LATE
    return f"calls {called}, which may run other code" if called in _RUNS_MORE else None


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _constant(node: ast.Call) -> str | None:
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def _place(module: str) -> tuple[str, Path | None] | None:
    """Return the package that a name belongs to and its folder or file; None where there is no such module.

    Of a namespace package it is the package one level below.
    """
    top, _, rest = module.partition(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return (top, None) if top in sys.modules else None
    if spec is None:
        return None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders:
        return top, Path(spec.origin) if spec.origin and Path(spec.origin).exists() else None
    if spec.origin is not None:
        return top, folders[0]
    inner = rest.partition(".")[0]
    for path in (path for folder in folders for path in (folder / inner, folder / f"{inner}.py") if inner):
        if path.exists():
            return f"{top}.{inner}", path
    return (top, folders[0]) if len(folders) == 1 else None


@cache
def _owner(path: Path) -> Distribution | None:
    """Return the installed distribution whose list of files names a package's folder or file, None without one."""
    for folder in (path.parent, path.parent.parent):
        inside = path.relative_to(folder).as_posix()
        namesake = inside.partition("/")[0].partition(".")[0]
        # most packages have the name of their distribution: the lists of all the others need not be read then
        for found in (*distributions(name=namesake, path=[str(folder)]), *_in_folder(folder)):
            record = found.read_text("RECORD") or ""
            if record.startswith((f"{inside}/", f"{inside},")) or f"\n{inside}/" in record or f"\n{inside}," in record:
                return None if _is_editable(found) else found
    return None


@cache
def _in_folder(folder: Path) -> tuple[Distribution, ...]:
    return tuple(distributions(path=[str(folder)]))


@cache
def _named(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except (PackageNotFoundError, ValueError):
        return None


def _is_editable(found: Distribution) -> bool:
    if '"editable": true' in (found.read_text("direct_url.json") or ""):
        return True
    # of large packages the list takes a tenth of a second to parse, which one look spares
    return "__editable__" in (found.read_text("RECORD") or "__editable__") and any(
        file.name.startswith("__editable__") for file in found.files or ()
    )


def _version(found: Distribution) -> str:
    """Return the version of a distribution; of one that came from a folder or a repository, with what it holds."""
    if not found.read_text("direct_url.json"):
        return found.version
    rows = [row for row in (found.read_text("RECORD") or "").splitlines() if ",sha256=" in row]
    kept = sorted(row for row in rows if ".dist-info/" not in row)
    return f"{found.version}, files {hashlib.sha256(chr(10).join(kept).encode()).hexdigest()[:12]}"


def _is_derived(parts: Sequence[str]) -> bool:
    """Return whether a file is made from others, or by the installer."""
    return (
        parts[-1].endswith((".pyc", ".pyo"))
        or any(part == "__pycache__" or part.endswith((".dist-info", ".egg-info")) for part in parts)
        or parts[0] in ("..", "bin")
    )


def _files_below(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        yield from (Path(where, name) for name in sorted(files) if not _is_derived((name,)))


def _data_beside(folder: Path) -> Iterator[Path]:
    """Give the files that are no modules in a folder and below, apart from packages within it."""
    for where, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name != "__pycache__" and not name.startswith(".") and not Path(where, name, "__init__.py").exists()
        ]
        yield from (Path(where, name) for name in files if not _is_derived((name,)) and not name.endswith(".py"))
