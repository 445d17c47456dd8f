"""What a run says where no bar can be drawn."""

import time
from io import StringIO

import pytest
from rich.console import Console

from abawbench.cli import progress as module
from abawbench.cli.progress import TerminalProgress


def console(out: StringIO, *, terminal: bool = False) -> Console:
    return Console(file=out, force_terminal=terminal, width=200)


def wait_for(text: str, out: StringIO) -> str:
    end = time.monotonic() + 10
    while text not in out.getvalue() and time.monotonic() < end:
        time.sleep(0.01)
    return out.getvalue()


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.02)


def test_without_a_terminal_a_line_says_how_far_the_work_is() -> None:
    out, shown = StringIO(), TerminalProgress()
    shown._console = console(out)
    with shown.bar("fit va", 40, "step") as advance:
        advance(10)
        assert "still at work: fit va, 10 of 40 steps, 0 s so far" in wait_for("10 of 40", out)
    shown.close()


def test_work_without_steps_is_told_by_its_last_note() -> None:
    out, shown = StringIO(), TerminalProgress()
    shown._console = console(out)
    shown.note("write onnx")
    assert "still at work: write onnx" in wait_for("still", out)
    shown.close()


def test_work_that_reports_from_outside_is_told_too() -> None:
    out, shown = StringIO(), TerminalProgress()
    shown._console = console(out)
    shown.report(3, 9, "making data")
    assert "still at work: making data, 3 of 9 steps" in wait_for("3 of 9", out)
    shown.report(9, 9, "making data")
    shown.close()


@pytest.mark.parametrize("how", ["terminal", "quiet", "closed"])
def test_nothing_is_added_to_bars_or_to_silence(how: str) -> None:
    out, shown = StringIO(), TerminalProgress(quiet=how == "quiet")
    if how != "quiet":
        shown._console = console(out, terminal=how == "terminal")
    if how == "closed":
        shown.close()
    shown.note("at work")
    time.sleep(0.1)
    shown.close()
    assert "still" not in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7260, "2 h 1 min")]
)
def test_a_time_is_written_as_people_say_it(seconds: float, text: str) -> None:
    assert module._span(seconds) == text


def test_a_table_of_jobs_counts_them_and_names_those_at_work() -> None:
    out, shown = StringIO(), TerminalProgress()
    shown._console = console(out, terminal=True)
    with shown.jobs({4: "hog on va", 5: "prior on va", 6: "prior on au", 9: "tam on va"}) as table:
        table.running([4, 5])
        table.ended(5, "ok")
        table.running([4, 5, 6])
        table.ended(6, "failed")
    shown.close()
    *_, last = out.getvalue().split("time left")
    counts, hog, *_ = [line.split() for line in last.splitlines() if line.strip(" \x1b[0m")]
    assert counts[:5] == ["4", "1", "1", "1", "1"]
    assert "about" in counts
    assert hog[:3] == ["hog", "on", "va"]


def test_without_a_terminal_a_line_tells_of_the_jobs() -> None:
    out, shown = StringIO(), TerminalProgress()
    shown._console = console(out)
    with shown.jobs({0: "prior on va", 1: "prior on au"}) as table:
        table.running([0])
        table.ended(0, "unsupported")
        assert "2 jobs, 1 waiting, 1 unsupported, 0 s so far, about" in wait_for("unsupported", out)
    shown.close()
