"""Every example is installed from its own folder into a fresh environment, then tested, listed, checked, run, removed.

``pytest tests/kit/test_examples.py -s`` prints the seconds of every step.
"""

import shlex
import shutil
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("*/pyproject.toml"))
MORE_MODELS = {"colour-ridge", "face-voice"}
"""Tried under another name by ``test_new_plugin.py``, which also finds that nothing else differs."""


def entry_point(folder: Path) -> tuple[str, str]:
    """The kind and name of the plugin that an example adds."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    (name,) = project["entry-points"]["abawbench"]
    kind, _, plugin = name.partition("-")
    return kind, plugin


def test_there_is_an_example_of_every_kind() -> None:
    kinds = [entry_point(EXAMPLES / name)[0] for name in FOLDERS if name not in MORE_MODELS]
    assert sorted(kinds) == ["database", "metric", "model", "runtime", "task"]


@pytest.mark.parametrize("example", [name for name in FOLDERS if name not in MORE_MODELS])
def test_an_example_is_installed_checked_run_and_removed(fresh, example: str, tmp_path: Path) -> None:
    package = tmp_path / example
    shutil.copytree(EXAMPLES / example, package)
    kind, name = entry_point(package)
    assert name not in fresh.run("abawbench", "list", f"{kind}s")
    fresh.install(package)
    assert name in fresh.run("abawbench", "list", f"{kind}s")
    assert " passed" in fresh.run("pytest", "-q", cwd=package)
    assert "0 failed" in fresh.run("abawbench", "check", name, "--kind", kind)
    for command in (package / "README.md").read_text().split("```sh\n")[1].split("```")[0].strip().splitlines()[4:]:
        for part in command.split(" && "):
            words = shlex.split(part)
            timed = ["--latency-seconds", "0.2"] if words[:2] == ["abawbench", "run"] else []
            fresh.run(*words, *timed, cwd=tmp_path)
    fresh.uninstall(f"abawbench-{example}")
    assert name not in fresh.run("abawbench", "list", f"{kind}s")
