"""What may import what, and that nothing heavy is imported before it is needed."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "contracts": set(),
    "_version": set(),
    "nn": set(),
    "progress": set(),
    "losses": {"contracts"},
    "config": {"contracts", "system"},
    "weights": {"config", "contracts", "progress", "system"},
    "hookspecs": {"contracts"},
    "statistics": {"contracts"},
    "system": {"contracts"},
    "loading": {"contracts", "hookspecs"},
    "plugins": {"contracts", "loading", "system"},
    "records": {"contracts", "plugins", "statistics", "system"},
    "compare": {"contracts", "plugins", "records", "statistics", "system"},
    "report": {"_version", "compare", "contracts", "plugins", "records", "statistics", "system"},
    "harness": set(),
    "harness.request": {"_version", "config", "contracts", "plugins", "progress", "records", "system"},
    "harness.data": {"contracts", "harness.request", "nn", "plugins", "progress", "records", "system"},
    "harness.score": {"contracts", "harness.data", "harness.request", "plugins", "records", "statistics", "system"},
    "harness.learn": {
        "contracts", "harness.data", "harness.request", "harness.score", "losses", "nn", "plugins", "progress",
        "records", "system",
    },
    "harness.measure": {
        "_version", "contracts", "harness.data", "harness.learn", "harness.request", "harness.score", "losses", "nn",
        "plugins", "progress", "records", "system", "weights",
    },
    "harness.stored": {
        "_version", "contracts", "harness.combine", "harness.data", "harness.learn", "harness.measure",
        "harness.request", "harness.score", "losses", "nn", "plugins", "progress", "records", "statistics", "system",
        "weights",
    },
    "harness.combine": {"contracts", "harness.request", "harness.score"},
    "harness.jobs": {
        "_version", "contracts", "harness.data", "harness.learn", "harness.measure", "harness.request", "harness.score",
        "losses", "nn", "plugins", "progress", "records", "system", "weights",
    },
    "harness.engines": {
        "contracts", "harness.data", "harness.jobs", "harness.learn", "harness.request", "plugins", "progress",
        "records", "system", "weights",
    },
    "testing": {
        "contracts", "harness.data", "harness.learn", "harness.measure", "harness.request", "losses", "nn", "plugins",
        "progress", "records", "system",
    },
    "scaffold": {"contracts", "plugins"},
    "api": {
        "config", "contracts", "harness.data", "harness.engines", "harness.measure",
        "harness.request", "harness.score", "harness.stored", "plugins", "progress", "records", "system",
    },
    "harness.video": {
        "contracts", "faces", "harness.data", "harness.learn", "harness.stored", "progress", "system",
    },
    "harness.insight": {
        "contracts", "harness.data", "harness.learn", "harness.request", "harness.score", "harness.stored", "progress",
        "records", "statistics", "system",
    },
    "insight": {
        "api", "contracts", "harness.combine", "harness.insight", "harness.request", "harness.stored",
        "harness.video", "plugins", "progress", "records",
    },
    "faces": {"contracts", "weights"},
    "frames": {"compare", "contracts", "plugins", "records", "report"},
    "plot": {
        "api", "compare", "contracts", "harness.request", "harness.score", "plugins", "progress", "records", "report",
    },
    "pytest_plugin": {"api", "harness.request", "records"},
    "cli": {
        "_version", "api", "compare", "config", "contracts", "harness.data", "harness.engines", "harness.request",
        "plugins", "progress", "records", "report", "scaffold", "system", "testing", "weights",
    },
    "cli.insight": {
        "cli", "contracts", "harness.insight", "harness.request", "harness.video", "insight", "progress", "records",
        "report", "statistics", "system",
    },
    "cli.results": {"api", "cli", "compare", "contracts", "plugins", "progress", "records", "report", "system"},
    "abawbench": {
        "_version", "api", "contracts", "frames", "harness.request", "hookspecs", "plot", "records", "system",
        "weights",
    },
    "__main__": {"cli"},
}  # fmt: skip
"""Room -> the rooms whose modules its own may import, itself aside; docs/architecture.md draws it."""
PUBLIC = {"abawbench", "abawbench.contracts", "abawbench.hookspecs", "abawbench.losses", "abawbench.nn"}
"""What a plugin may import of abawbench."""
MOST = 13
"""Modules in a room."""


def modules() -> dict[str, Path]:
    """Dotted name -> file of every module of the package."""
    found = {}
    for path in sorted((ROOT / "abawbench").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module: str) -> str:
    """The room a module lies in: its folder, or itself at the top level."""
    path = ROOT / module.replace(".", "/")
    folder = module if path.is_dir() else module.rpartition(".")[0]
    room = module if folder == "abawbench" else folder
    return room.removeprefix("abawbench.")


def imports(source: str, known: dict[str, Path]) -> Iterator[str]:
    """The modules of the package that a source imports, wherever in it and for whatever."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in inner)


def breaches(sources: dict[str, str], known: dict[str, Path]) -> list[str]:
    """What stands in the sources against the table, one sentence each."""
    found = []
    for name, source in sources.items():
        own = room_of(name)
        for target in imports(source, known):
            other = room_of(target)
            if other != own and other not in ALLOWED[own]:
                found.append(f"{own} may not import {other} ({name} imports {target})")
    return found


@pytest.mark.slow
def test_imports_follow_the_table_of_rooms() -> None:
    known = modules()
    assert not breaches({name: path.read_text(encoding="utf-8") for name, path in known.items()}, known)


def test_an_import_that_runs_up_is_named() -> None:
    source = "if TYPE_CHECKING:\n    from abawbench.report import table\n"
    (said,) = breaches({"abawbench.records.store": source}, modules())
    assert said.startswith("records may not import report")


def test_the_table_has_no_circle() -> None:
    left = {room: set(others) for room, others in ALLOWED.items()}
    while left:
        free = [room for room, others in left.items() if not others]
        assert free, f"a circle among {sorted(left)}"
        for room in free:
            del left[room]
        for others in left.values():
            others.difference_update(free)


def test_every_room_has_a_sign_and_few_modules() -> None:
    rooms = [path.parent for path in (ROOT / "abawbench").rglob("__init__.py")]
    for room in rooms:
        if room.name in ("abawbench", "templates"):
            continue
        sign = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8")))
        assert sign, f"{room.name} has no sign"
        count = len(list(room.glob("*.py"))) - 1
        assert count <= MOST, f"{room.name} has {count} modules"


def test_our_plugins_import_what_strangers_may() -> None:
    known = modules()
    found = set()
    for path in (ROOT / "plugins").rglob("*.py"):
        for name in imports(path.read_text(encoding="utf-8"), known):
            if name not in PUBLIC and not name.startswith("abawbench.contracts."):
                found.add(f"{path.relative_to(ROOT)} imports {name}")
    assert not found


HEAVY = {"torch", "torchvision", "torchaudio", "timm", "transformers", "accelerate", "pyarrow", "pandas", "cv2", "av"}
HEAVY |= {"matplotlib", "onnx", "onnxruntime", "openvino"}
PROBE = """
import json, runpy, sys
code = 0
try:
    {statement}
except SystemExit as stop:
    code = stop.code or 0
loaded = sorted({{name.partition(".")[0] for name in sys.modules}})
print(json.dumps({{"code": code, "loaded": loaded}}), file=sys.stderr)
"""


def probe(statement: str, folder: Path) -> set[str]:
    """The top-level modules that a statement loads in a fresh interpreter; it must not fail."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(statement=statement)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stderr.splitlines()[-1])
    assert result["code"] == 0, done.stderr
    return set(result["loaded"])


def command(*arguments: str) -> str:
    return f"sys.argv[1:] = {list(arguments)!r}; runpy.run_module('abawbench', run_name='__main__', alter_sys=True)"


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        "abawbench",
        "abawbench.contracts",
        "abawbench.hookspecs",
        "abawbench.cli",
        "abawbench.records.store",
        "abawbench.report.table",
        "abawbench.report.leaderboard",
    ],
)
def test_importing_the_package_loads_nothing_heavy(module: str, tmp_path: Path) -> None:
    loaded = probe(f"import {module}", tmp_path)
    assert "abawbench" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("list", "models"),
        ("list", "tasks"),
        ("run", "--help"),
        ("score", "--help"),
        ("profile", "--help"),
        ("data", "verify", "--help"),
    ],
    ids=" ".join,
)
def test_looking_around_on_the_command_line_loads_nothing_heavy(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert not probe(command(*arguments), tmp_path) & HEAVY


def test_the_probe_sees_a_heavy_module(tmp_path: Path) -> None:
    assert "pyarrow" in probe("import pyarrow", tmp_path)


def test_help_loads_no_command_no_plugin_and_no_numpy(tmp_path: Path) -> None:
    loaded = probe(command("--help"), tmp_path)
    assert not loaded & (HEAVY | {"numpy", "pluggy", "rich", "pydantic", "abawbench_plugins"})


def test_a_declaration_alone_loads_no_numpy(tmp_path: Path) -> None:
    loaded = probe("from abawbench.contracts import ModelDeclaration", tmp_path)
    assert "numpy" not in loaded
