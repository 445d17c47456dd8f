"""The wheel holds what the checkout holds."""

import importlib.metadata
import os
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import abawbench_examples
import abawbench_leaderboards
import pytest

import abawbench
import abawbench_plugins

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
FOLDERS = {name: ROOT / folder for name, folder in SETUPTOOLS["package-dir"].items()}
INSTALLED = {
    "abawbench": abawbench,
    "abawbench_examples": abawbench_examples,
    "abawbench_leaderboards": abawbench_leaderboards,
    "abawbench_plugins": abawbench_plugins,
}


def files(folder: Path) -> list[Path]:
    """Every file below a package's folder, relative to it, without caches and hidden files."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [path for path in found if not any(part == "__pycache__" or part.startswith(".") for part in path.parts)]


def is_importable(root: Path, module: Path) -> bool:
    """Whether a module can be imported from the package in a folder: every folder on the way to it is a package.

    The examples are packages of their own in folders that are none: they are copied, and not imported.
    """
    return all((root / folder / "__init__.py").is_file() for folder in module.parents)


@pytest.mark.parametrize("package", FOLDERS)
def test_the_packages_listed_are_the_packages_on_disk(package: str) -> None:
    root = FOLDERS[package]
    found = [path for path in files(root) if path.name == "__init__.py" and is_importable(root, path)]
    on_disk = {".".join((package, *path.parts[:-1])) for path in found}
    listed = {name for name in SETUPTOOLS["packages"] if name == package or name.startswith(f"{package}.")}
    assert listed == on_disk


@pytest.mark.parametrize("package", FOLDERS)
def test_every_python_file_lies_in_a_package_or_is_package_data(package: str) -> None:
    folder = FOLDERS[package]
    modules = [path for path in files(folder) if path.suffix == ".py"]
    data = {path for pattern in SETUPTOOLS["package-data"][package] for path in folder.glob(pattern)}
    assert modules
    assert not [path for path in modules if not is_importable(folder, path) and folder / path not in data]


@pytest.mark.parametrize("package", FOLDERS)
def test_package_data_covers_every_other_file(package: str) -> None:
    patterns = SETUPTOOLS["package-data"][package]
    flat = [pattern.removeprefix("**/") if pattern.startswith("**/") else pattern for pattern in patterns]
    others = [path for path in files(FOLDERS[package]) if path.suffix not in {".py", ".pyc"}]
    covered = {
        path
        for path in others
        for pattern, name in zip(patterns, flat, strict=True)
        if fnmatch(path.name if pattern.startswith("**/") else path.as_posix(), name)
    }
    assert sorted(covered) == sorted(others)


@pytest.mark.parametrize("package", FOLDERS)
def test_every_file_of_the_checkout_is_installed(package: str) -> None:
    installed_folder = Path(INSTALLED[package].__file__).parent
    assert not [path for path in files(FOLDERS[package]) if not (installed_folder / path).is_file()]


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="only tox installs the wheel")
def test_tox_tests_the_wheel_and_not_the_checkout() -> None:
    for module in INSTALLED.values():
        assert "site-packages" in Path(module.__file__).parts


@pytest.mark.parametrize("name", PYPROJECT["project"]["entry-points"]["abawbench"])
def test_every_entry_point_names_a_module_that_exists(name: str) -> None:
    package, *parts = PYPROJECT["project"]["entry-points"]["abawbench"][name].split(".")
    module = FOLDERS[package].joinpath(*parts)
    assert module.with_suffix(".py").is_file() or (module / "__init__.py").is_file()


def test_the_installed_entry_points_are_those_of_the_project() -> None:
    distribution = importlib.metadata.distribution("abawbench")
    installed_folder = {point.name: point.value for point in distribution.entry_points if point.group == "abawbench"}
    assert installed_folder == PYPROJECT["project"]["entry-points"]["abawbench"]


def test_versions_agree() -> None:
    version = abawbench.__version__
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version == importlib.metadata.version("abawbench")


def test_the_licence_file_holds_the_licence_that_the_project_names() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PYPROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
