"""The pages hang together: all in the navigation, promises as the checks make them, built strictly."""

import html
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from abawbench.plugins import KINDS
from abawbench.testing import PAGES

pytestmark = pytest.mark.slow

EXAMPLE = r'^--8<-- "(examples/.+)"$'
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_page_is_in_the_navigation_and_every_entry_a_page() -> None:
    listed = re.findall(r": ([\w/.-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_of_a_contract_takes_its_worked_example_from_files_that_are_there(kind: str) -> None:
    """A formatter of Python in Markdown once took the two lines for an expression, and the page showed them."""
    files = re.findall(EXAMPLE, (DOCS / "contracts" / f"{kind}.md").read_text(), re.MULTILINE)
    assert len(files) == 2
    assert all((ROOT / file).is_file() for file in files)


def test_every_page_that_a_check_names_is_there() -> None:
    assert all((ROOT / page).is_file() for page in PAGES.values())


@pytest.mark.parametrize("kind", KINDS)
def test_the_promises_of_a_page_are_those_of_the_checks(load: Callable[[str], ModuleType], kind: str) -> None:
    promises = load("tools/promises.py")
    text = (DOCS / "contracts" / f"{kind}.md").read_text()
    assert promises.MARK in text
    assert promises.page(kind, text) == text


@pytest.mark.skipif(importlib.util.find_spec("zensical") is None, reason="the site is built by tox -e docs")
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    for folder in ("docs", "examples"):  # it builds beside its configuration
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = [path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md") if path.name != "index.md"]
    assert all((tmp_path / "site" / page / "index.html").is_file() for page in pages)
    assert "--job-timeout" in _text(tmp_path / "site" / "reference" / "command-line" / "index.html")
    assert "gather" in _text(tmp_path / "site" / "reference" / "nn" / "index.html")
    assert "frame-order" in (tmp_path / "site" / "contracts" / "model" / "index.html").read_text()
    for kind in KINDS:
        shown = _text(tmp_path / "site" / "contracts" / kind / "index.html")
        assert "--8" not in shown
        for file in re.findall(EXAMPLE, (DOCS / "contracts" / f"{kind}.md").read_text(), re.MULTILINE):
            assert "".join((ROOT / file).read_text().split()) in shown, f"{kind} does not show {file}"


def _text(page: Path) -> str:
    """Return what a page says, without tags and spaces."""
    return "".join(html.unescape(re.sub(r"<[^>]*>", "", page.read_text())).split())


def test_the_page_of_broken_plugins_tells_what_a_run_says(load: Callable[[str], ModuleType]) -> None:
    """A run of them all is tested elsewhere; this is what that test expects it to say."""
    isolation = load("tests/abawbench/harness/jobs/test_isolation.py")
    page = (DOCS / "broken-plugins.md").read_text()
    assert len(isolation.RUN) >= 7
    assert [name for name, reason in isolation.RUN.items() if reason not in page] == []
