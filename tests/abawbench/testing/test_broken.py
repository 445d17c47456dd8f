"""Each of the broken plugins is caught, by the check that its fault belongs to; the healthy ones pass beside them."""

import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from abawbench.testing import PAGES, Outcome
from abawbench.testing.watched import outcomes

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
    "broken-hang": ("training", "nothing within 12 s"),
    "broken-huge-output": ("shapes", "more than 4 MiB of output"),
    "broken-memory-bomb": ("shapes", "more than 1.5 GiB of memory"),
    "broken-os-exit": ("shapes", "the end of its process with status 0"),
    "broken-segfault": ("shapes", "the end of its process by SIGSEGV"),
    "broken-mask-ignored": ("masks", "such frames changed"),
    "broken-non-additive": ("additive", "a difference of"),
}


@pytest.mark.parametrize("name", CAUGHT)
def test_a_broken_plugin_is_caught_where_it_is_broken(
    name: str, outcomes_by_plugin: Mapping[str, list[Outcome]]
) -> None:
    check, came = CAUGHT[name]
    (found,) = [one for one in outcomes_by_plugin[name] if one.check == check]
    assert found.status == "broken"
    assert came in found.came
    assert found.expected
    assert found.page in {*PAGES.values(), "docs/broken-plugins.md"}


@pytest.mark.parametrize("name", ["healthy", "colours", "coloured"])
def test_a_healthy_plugin_beside_them_keeps_every_promise(
    name: str, outcomes_by_plugin: Mapping[str, list[Outcome]]
) -> None:
    found = outcomes_by_plugin[name]
    assert {one.status for one in found} <= {"kept", "skipped"}
    assert sum(one.status == "kept" for one in found) > 5


def test_checks_that_came_before_a_crash_are_told_and_those_after_it_marked(
    outcomes_by_plugin: Mapping[str, list[Outcome]],
) -> None:
    statuses = [one.status for one in outcomes_by_plugin["broken-segfault"]]
    end = statuses.index("broken")
    assert set(statuses[:end]) == {"kept"}
    assert set(statuses[end + 1 :]) == {"not run"}


@pytest.mark.parametrize("name", ["stray-daemon", "stray-deserter"])
def test_a_process_that_a_plugin_leaves_behind_keeps_nobody_waiting(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(BROKEN.with_name("stray_plugins")), str(BROKEN))))
    monkeypatch.setenv("STRAY", str(tmp_path))
    began = time.monotonic()
    assert outcomes(name)
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


def test_a_name_that_nobody_has_gives_no_outcome() -> None:
    assert outcomes("no-such-plugin-anywhere") == []


def test_the_page_tells_what_is_said(outcomes_by_plugin: Mapping[str, list[Outcome]]) -> None:
    """Numbers apart: they depend on the libraries."""
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    told = {row[0].strip("| `"): words(row[2]) for row in rows}
    assert sorted(told) == sorted(name.removeprefix("broken-") for name in CAUGHT)
    for name in CAUGHT:
        first = next(one for one in outcomes_by_plugin[name] if one.status == "broken")
        said = f"`{first.check}`: expected {first.expected}; came {first.came}".replace("|", "\\|")
        assert told[name.removeprefix("broken-")] == words(said)


def words(text: str) -> str:
    return re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "#", text).strip()
