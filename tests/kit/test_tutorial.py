"""The tutorials, followed to the letter: ``pytest tests/kit/test_tutorial.py -s`` prints the stopwatch."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"(?:<!-- (append|write|replace): ([^\s:]+)(?:: (.*?))? -->\n)?```(\w+)\n(.*?)```", re.DOTALL)


def steps(page: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield (what is done, file, text that is replaced, text) of every block of a page."""
    for action, file, old, language, text in FENCE.findall((DOCS / page).read_text(encoding="utf-8")):
        yield action or language, file, old, text


def test_every_block_says_what_is_done_with_it() -> None:
    assert {what for what, *_ in steps("tutorial.md")} == {"sh", "append", "write", "replace"}
    assert {what for what, *_ in steps("own-predictions.md")} == {"sh", "write"}
    assert {what for what, *_ in steps("first-results.md")} == {"sh"}


def test_the_first_results_come_and_the_page_of_results_reads_them(fresh, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    said = {
        line: fresh.run(*shlex.split(line), cwd=tmp_path)
        for _, _, _, t in steps("first-results.md")
        for line in t.splitlines()
    }
    assert "verified: the record's value" in said["abawbench score runs/mnv4-tam/expr"]
    program = "".join(text for what, _, _, text in steps("results.md") if what == "python")
    assert "mnv4-tam" in fresh.run("python", "-c", program, cwd=tmp_path)
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {"pareto.png", "intervals.png", "confusion.png", "tracks.png", "track.png"}


def test_predictions_of_ones_own_are_scored(fresh, tmp_path: Path) -> None:
    said: list[str] = []
    for what, file, _, text in steps("own-predictions.md"):
        if what == "write":
            (tmp_path / file).write_text(text)
        else:
            said += [fresh.run(*shlex.split(line), cwd=tmp_path) for line in text.splitlines()]
    assert "coverage: 100.00%" in said[1]
    assert json.loads(said[2])["score"]["metric"] == "macro-f1"


def test_the_tutorial_works_to_the_letter(fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # installing offline: what the package needs is there already
    monkeypatch.setenv("PIP_NO_DEPS", "1")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")
    start, here, said = perf_counter(), tmp_path, {}
    for what, file, old, text in steps("tutorial.md"):
        path = here / file
        if what == "append":
            path.write_text(f"{path.read_text()}\n\n{text}")
        elif what == "write":
            path.write_text(text)
        elif what == "replace":
            before = path.read_text()
            assert f"{old}\n" in before
            path.write_text(before.replace(f"{old}\n", text, 1))
        for line in text.splitlines() if what == "sh" else ():
            if line.startswith("cd "):
                here = here / line.removeprefix("cd ")
            elif line.startswith("pip "):
                fresh.run("python", "-m", *shlex.split(line), cwd=here)
            else:
                said[line] = fresh.run(*shlex.split(line), cwd=here)
    print(f"{perf_counter() - start:6.1f} s  the whole tutorial")
    assert "blink" in said["abawbench list models"]
    assert "0 failed" in said["abawbench check blink-motion"]
    assert "blink-motion" in said["abawbench compare runs/blink runs/blink-motion"]
    fresh.uninstall("abawbench-blink")
