"""Each of the broken plugins is caught, by the check that its fault belongs to; the healthy ones pass beside them."""

import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from abawbench.testing import PAGES, CheckResult
from abawbench.testing.run import run_checks

pytestmark = pytest.mark.slow

BROKEN = Path(__file__).parents[2] / "broken_plugins"
PAGE = Path(__file__).parents[3] / "docs" / "broken-plugins.md"
CAUGHT = {
    "import-error": ("load", "ModuleNotFoundError: No module named 'a_package_that_is_not_there'"),
    "hook-exception": ("load", "KeyError: 'the hook of this plugin is broken'"),
    "old-contract": ("load", "keeps contract 0, older than this abawbench's"),
    "broken-duplicate": ("name", "'broken-duplicate' claimed by abawbench-broken and abawbench-broken-twin"),
    "broken-wrong-shape": ("shapes", "[2, 5, 3]"),
    "broken-nan": ("shapes", "nan"),
    "broken-frame-order": ("frame-order", "outputs that follow the frames back to front"),
    "broken-network": ("weights", "a call to 203.0.113.1"),
    "broken-hang": ("training", "no result within 12 s (--time-limit), stopped"),
    "broken-huge-output": ("shapes", "printed more than 4 MiB, stopped"),
    "broken-memory-bomb": ("shapes", "took more than 1536 MiB of memory (--memory-limit), stopped"),
    "broken-os-exit": ("shapes", "its process ended with status 0 and no result"),
    "broken-segfault": ("shapes", "its process was ended by SIGSEGV"),
    "broken-mask-ignored": ("masks", "such frames changed"),
    "broken-non-additive": ("additive", "a difference of"),
}


@pytest.mark.parametrize("name", CAUGHT)
def test_a_broken_plugin_is_caught_where_it_is_broken(
    name: str, results_by_plugin: Mapping[str, list[CheckResult]]
) -> None:
    check, came = CAUGHT[name]
    (found,) = [one for one in results_by_plugin[name] if one.check == check]
    assert found.status == "failed"
    assert came in found.came
    assert found.expected
    assert found.page in {*PAGES.values(), "docs/broken-plugins.md"}


@pytest.mark.parametrize("name", ["healthy", "colours", "coloured"])
def test_a_healthy_plugin_beside_them_fails_no_check(
    name: str, results_by_plugin: Mapping[str, list[CheckResult]]
) -> None:
    found = results_by_plugin[name]
    assert {one.status for one in found} <= {"passed", "skipped"}
    assert sum(one.status == "passed" for one in found) > 5


def test_checks_that_came_before_a_crash_are_told_and_those_after_it_marked(
    results_by_plugin: Mapping[str, list[CheckResult]],
) -> None:
    statuses = [one.status for one in results_by_plugin["broken-segfault"]]
    end = statuses.index("failed")
    assert set(statuses[:end]) == {"passed"}
    assert set(statuses[end + 1 :]) == {"not run"}


@pytest.mark.parametrize("name", ["stray-daemon", "stray-deserter"])
def test_a_process_that_a_plugin_leaves_behind_keeps_nobody_waiting(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (BROKEN, BROKEN.with_name("stray_plugins")):
        monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("STRAY", str(tmp_path))
    began = time.monotonic()
    assert run_checks(name)
    assert time.monotonic() - began < 240
    left = told(str(tmp_path))
    for process in left:
        process.kill()
    assert not left or name == "stray-deserter"


def told(text: str) -> list[psutil.Process]:
    """Return the other processes in whose environment a text stands."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and text in process.environ().values():
                found.append(process)
    return found


def test_a_name_that_nobody_has_gives_no_result() -> None:
    assert run_checks("no-such-plugin-anywhere") == []


def test_the_page_tells_what_is_said(results_by_plugin: Mapping[str, list[CheckResult]]) -> None:
    """Numbers apart: they depend on the libraries."""
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    told = {row[0].strip("| `"): words(row[2]) for row in rows}
    assert sorted(told) == sorted(name.removeprefix("broken-") for name in CAUGHT)
    for name in CAUGHT:
        first = next(one for one in results_by_plugin[name] if one.status == "failed")
        said = f"`{first.check}`: expected {first.expected}; came: {first.came}".replace("|", "\\|")
        assert told[name.removeprefix("broken-")] == words(said)


def words(text: str) -> str:
    return re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "#", text).strip()
