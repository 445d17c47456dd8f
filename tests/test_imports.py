"""Nothing heavy is imported before it is needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stderr.splitlines()[-1])
    assert result["code"] == 0, done.stderr
    return set(result["loaded"])


def command(*arguments: str) -> str:
    return f"sys.argv[1:] = {list(arguments)!r}; runpy.run_module('abawbench', run_name='__main__', alter_sys=True)"


@pytest.mark.parametrize(
    "module",
    [
        "abawbench",
        "abawbench.contracts",
        "abawbench.hookspecs",
        "abawbench.cli",
        "abawbench.results.store",
        "abawbench.results.table",
        "abawbench.results.leaderboard",
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
