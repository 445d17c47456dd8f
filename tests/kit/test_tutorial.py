"""The tutorial, followed to the letter: ``pytest tests/kit/test_tutorial.py -s`` prints the stopwatch."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
FENCE = re.compile(r"(?:<!-- (append|write|replace): ([^\s:]+)(?:: (.*?))? -->\n)?```(\w+)\n(.*?)```", re.DOTALL)


def steps() -> Iterator[tuple[str, str, str, str]]:
    """Yield (what is done, file, text that is replaced, text) of every block of the page."""
    for action, file, old, language, text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        yield action or language, file, old, text


def test_every_block_says_what_is_done_with_it() -> None:
    assert {what for what, *_ in steps()} == {"sh", "append", "write", "replace"}


def test_the_tutorial_works_to_the_letter(fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # installing offline: what the package needs is there already
    monkeypatch.setenv("PIP_NO_DEPS", "1")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")
    start, here, said = perf_counter(), tmp_path, {}
    for what, file, old, text in steps():
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
