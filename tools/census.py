"""Count what the layout promises: modules a room, import arrows, circles, long parameter lists, lines and comments.

``python tools/census.py [FOLDER] [--json]`` looks at the ``abawbench`` package in a checkout (default: this one). A
room is a folder with modules; the modules of the top level are rooms of their own. The arrows that are allowed stand in
``tests/test_imports.py``; a checkout without that table has none that "run up".
"""

import ast
import io
import json
import re
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "abawbench"
MANY = 6
"""Parameters from which on a list of them is long."""
_CODE = re.compile(r"^#\s*(type:|noqa|fmt:|pragma|ruff|mypy|!)")


@dataclass
class Census:
    """What was counted."""

    modules: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    arrows: set[tuple[str, str]] = field(default_factory=set)
    """Between rooms."""
    circles: list[list[str]] = field(default_factory=list)
    """Rooms that import each other."""
    functions: int = 0
    long: list[str] = field(default_factory=list)
    """Functions with ``MANY`` parameters or more."""
    comments: int = 0


def modules_of(root: Path) -> dict[str, Path]:
    """Return dotted name -> file of every module of the package."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module: str, packages: set[str]) -> str:
    """Return the room a module lies in: its folder, or itself at the top level."""
    folder = module if module in packages else module.rpartition(".")[0]
    return module if folder == PACKAGE else folder


def imports(path: Path, known: set[str]) -> Iterator[str]:
    """Yield the modules of the package that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


def take(root: Path) -> Census:
    """Return the census of a checkout."""
    found, known = Census(), modules_of(root)
    packages = {name for name, path in known.items() if path.name == "__init__.py"}
    for name, path in known.items():
        text, room = path.read_text(encoding="utf-8"), room_of(name, packages)
        found.modules[room] += path.name != "__init__.py"
        found.lines[room] += len(text.splitlines())
        found.comments += sum(1 for token in tokenize.generate_tokens(io.StringIO(text).readline)
                              if token.type == tokenize.COMMENT and not _CODE.match(token.string))  # fmt: skip
        for target in imports(path, set(known)):
            other = room_of(target, packages)
            if other != room:
                found.arrows.add((room, other))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.functions += 1
                count = _parameters(node)
                if count >= MANY:
                    found.long.append(f"{name}:{node.name} ({count})")
    found.circles = _circles(found.arrows)
    return found


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return sum(one.arg not in ("self", "cls") for one in given)


def _circles(arrows: set[tuple[str, str]]) -> list[list[str]]:
    """Return the sets of rooms that can reach each other, more than one room each (Tarjan)."""
    after: dict[str, set[str]] = defaultdict(set)
    for one, other in arrows:
        after[one].add(other)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(room: str) -> None:
        index[room] = low[room] = len(index)
        stack.append(room)
        for other in after[room]:
            if other not in index:
                visit(other)
                low[room] = min(low[room], low[other])
            elif other in stack:
                low[room] = min(low[room], index[other])
        if low[room] == index[room]:
            members = stack[stack.index(room) :]
            del stack[stack.index(room) :]
            if len(members) > 1:
                found.append(sorted(members))

    for room in sorted(after):
        if room not in index:
            visit(room)
    return found


def allowed(root: Path) -> dict[str, set[str]] | None:
    """Return the table of allowed arrows of a checkout, None where it has none."""
    path = root / "tests" / "test_imports.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else ():
        target = getattr(node, "target", None) or (getattr(node, "targets", None) or [None])[0]
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name) and target.id == "ALLOWED":
            assert node.value is not None
            table: dict[str, set[str]] = ast.literal_eval(node.value)
            return table
    return None


def main() -> None:
    """Print the census."""
    given = [argument for argument in sys.argv[1:] if argument != "--json"]
    root = Path(given[0] if given else Path(__file__).parents[1]).resolve()
    found, table = take(root), allowed(root)
    up = []
    if table is not None:
        short = {room: room.removeprefix(f"{PACKAGE}.") for arrow in found.arrows for room in arrow}
        up = sorted(f"{short[a]} -> {short[b]}" for a, b in found.arrows if short[b] not in table.get(short[a], set()))
    result = {
        "modules": dict(sorted(found.modules.items())),
        "rooms": len([room for room, count in found.modules.items() if count > 1]),
        "most modules in a room": max(found.modules.values()),
        "lines": sum(found.lines.values()),
        "arrows between rooms": len(found.arrows),
        "arrows that run up": up if table is not None else "no table",
        "circles": found.circles,
        "functions": found.functions,
        f"with {MANY} parameters or more": len(found.long),
        "share": f"{len(found.long) / found.functions:.1%}",
        "comments that say why": found.comments,
    }
    if "--json" in sys.argv:
        print(json.dumps({**result, "long": found.long}, indent=2))
        return
    for name, value in result.items():
        if name == "modules":
            for room, count in found.modules.items():
                if count > 1:
                    print(f"{room:32} {count:4} modules {found.lines[room]:7,} lines")
        else:
            print(f"{name:32} {value}")
    for one in found.long:
        print(f"    {one}")


if __name__ == "__main__":
    main()
