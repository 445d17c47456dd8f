"""What ``abawbench new-plugin`` writes is installed, tested, checked, listed and run, untouched.

``pytest tests/kit/test_new_plugin.py -s`` prints the seconds of every step.
"""

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import abawbench
from abawbench import UsageError
from abawbench.scaffold import EXAMPLES, KINDS, new_plugin, package_files

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "examples"
LONGEST = "a-name-as-long-as-a-name-may-possibly-be"


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_new_plugin_works_as_it_is(fresh, kind: str, tmp_path: Path) -> None:
    name = f"fresh-{kind}"
    fresh.run("abawbench", "new-plugin", name, "--kind", kind, "--out", str(tmp_path))
    package = tmp_path / f"abawbench-{name}"
    fresh.install(package)
    assert " passed" in fresh.run("pytest", "-q", cwd=package)
    assert "0 failed" in fresh.run("abawbench", "check", name, "--kind", KINDS.get(kind, kind))
    assert name in fresh.run("abawbench", "list", f"{KINDS.get(kind, kind)}s")
    for command in try_it(package):
        output = fresh.run(*command, cwd=tmp_path)
    assert "SYNTHETIC" in output or kind == "database"
    assert name in output or kind in ("metric", "task", "database", "runtime")
    fresh.uninstall(f"abawbench-{name}")
    assert name not in fresh.run("abawbench", "list", f"{KINDS.get(kind, kind)}s")


def try_it(package: Path) -> list[list[str]]:
    """The commands at the end of the README's block, with nothing timed."""
    block = (package / "README.md").read_text().split("```sh\n")[1].split("```")[0]
    commands = [shlex.split(part) for part in block.strip().splitlines()[-1].split(" && ")]
    return [[*c, "--latency-seconds", "0.2"] if c[:2] == ["abawbench", "run"] else c for c in commands]


def run_here(*command: str, cwd: Path) -> None:
    """Run a module of this environment: the fresh one has no console script that a tool could find its program by."""
    root = Path(abawbench.__file__).parents[1]
    # mypy does not follow the finders of editable installations, and refuses to be shown what it finds by itself
    shown = {} if root.name == "site-packages" else {"MYPYPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env={**os.environ, **shown},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("name", ["x", LONGEST])
@pytest.mark.parametrize("kind", EXAMPLES)
def test_what_is_written_is_clean_for_every_name(kind: str, name: str, tmp_path: Path) -> None:
    if find_spec("ruff") is None:
        pytest.skip("needs ruff")
    package = new_plugin(name, kind, tmp_path)
    run_here("ruff", "check", "--no-cache", ".", cwd=package)
    run_here("ruff", "format", "--no-cache", "--check", ".", cwd=package)


def test_what_is_written_keeps_strict_types(tmp_path: Path) -> None:
    if find_spec("mypy") is None:
        pytest.skip("needs mypy")
    for kind in EXAMPLES:
        new_plugin(f"typed-{kind}", kind, tmp_path)
    packages = [str(path.parent) for path in tmp_path.glob("*/abawbench_*/__init__.py")]
    assert len(packages) == len(EXAMPLES)
    options = ["--strict", "--follow-imports=silent", "--cache-dir", str(tmp_path / "cache")]
    run_here("mypy", *options, *packages, cwd=tmp_path)


@pytest.mark.parametrize("name", ["", "Upper", "under_score", "two--hyphens", "9lives", "../out", "a" * 41, "ümlaut"])
def test_a_name_that_cannot_be_one_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot name a plugin"):
        new_plugin(name, "model", tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_plugin("mine", "model", tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="exists already"):
        new_plugin("mine", "task", tmp_path)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    def full(self: Path, *args: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UsageError, match="No space left on device"):
        new_plugin("other", "model", tmp_path)
    assert list(tmp_path.iterdir()) == [folder]


def test_the_name_of_an_installed_plugin_is_taken(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"metric 'ccc' of abawbench .* has that name already"):
        new_plugin("ccc", "metric", tmp_path)


@pytest.mark.parametrize("name", ["plugins", "leaderboards", "examples"])
def test_the_name_of_an_installed_package_is_taken(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"a package abawbench_{name} is installed already"):
        new_plugin(name, "model", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", EXAMPLES)
def test_no_spelling_of_the_example_is_left(kind: str) -> None:
    words = EXAMPLES[kind].split("-")
    old = {"-".join(words), "_".join(words), "".join(words)}
    found = package_files("some-thing", kind)
    assert not [path for path, text in found.items() if any(word in f"{path}{text}".lower() for word in old)]


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_file_of_the_example_is_written_but_caches(kind: str) -> None:
    example = FOLDER / EXAMPLES[kind]
    lying = {path.relative_to(example).as_posix() for path in example.rglob("*") if path.is_file()}
    caches = {path for path in lying if re.search(r"_cache/|__pycache__/|\.egg-info/", path)}
    found = package_files(EXAMPLES[kind], kind)
    assert found == {path: (example / path).read_text(encoding="utf-8") for path in lying - caches}
    assert {"pyproject.toml", "README.md", ".gitignore", ".github/workflows/ci.yml"} < set(found)
