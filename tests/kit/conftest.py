"""A fresh environment that sees the packages of this one, and into which plugins are installed as anyone would."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from time import perf_counter

import pytest


@dataclass(frozen=True)
class Fresh:
    """A virtual environment; whatever is run in it must end well unless a status is expected."""

    folder: Path
    cache: Path

    def run(self, *command: str, cwd: Path | None = None, status: int = 0) -> str:
        """Return what a command of the environment prints on standard output; its seconds are printed."""
        own = {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "ABAWBENCH_CACHE": str(self.cache)}
        start = perf_counter()
        done = subprocess.run(
            [str(self.folder / "bin" / command[0]), *command[1:]],
            cwd=cwd or self.folder,
            env={**os.environ, **own, "NO_COLOR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "CI": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"{perf_counter() - start:6.1f} s  {' '.join(map(_short, command))}")
        assert done.returncode == status, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def install(self, package: Path) -> None:
        """Install a package from its folder, offline."""
        self.run("python", "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", str(package))

    def uninstall(self, distribution: str) -> None:
        """Take a distribution out again."""
        self.run("python", "-m", "pip", "uninstall", "-q", "-y", distribution)


def _short(word: str) -> str:
    return Path(word).name if word.startswith("/") else word


def make_environment(folder: Path, sites: Sequence[str]) -> None:
    """Make an environment without packages of its own that sees those of ``sites``, with their console scripts."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    lines = [f"import site; site.addsitedir({path!r})" for path in sites]
    (site / "shared.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in ("abawbench", "pytest"):
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m {name} "$@"\n', encoding="utf-8")
        script.chmod(0o755)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    missing = [name for name in ("pip", "setuptools") if not any(distributions(name=name))]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)} to install packages")
    base = tmp_path_factory.mktemp("kit")
    make_environment(base / "environment", [path for path in sys.path if path.endswith("site-packages")])
    return Fresh(base / "environment", base / "cache")
