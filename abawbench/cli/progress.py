"""Progress on standard error: bars on a terminal; plain lines where there is none, and one every half minute."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from abawbench.progress import Advance, Progress
from abawbench.system.text import plain

EVERY = 30.0
"""Seconds between two lines where no bar can be drawn."""


class RateColumn(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        """Return the rate with its unit."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f} {task.fields['unit']}/s" if speed else "", style="cyan")


class TerminalProgress(Progress):
    """Draws bars with rates; a finished bar leaves its line. Close it at the end."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._reported: tuple[str, Bars, TaskID] | None = None
        self._under_way: list[Bars] = []
        self._said = ""
        self._closed = threading.Event()
        self._speaker: threading.Thread | None = None

    def note(self, text: str) -> None:
        """Print one line."""
        self._said = plain(text)
        self._console.print(escape(self._said))
        self._speak_now_and_then()

    def _bars(self) -> Bars:
        return Bars(
            TextColumn("  {task.description:<18}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            disable=not self._console.is_terminal,
        )

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[Advance]:
        """Give ``advance(steps)`` while a bar is drawn."""
        with self._bars() as bars:
            task = bars.add_task(plain(what), total=total, unit=plain(unit))
            self._under_way.append(bars)
            self._speak_now_and_then()
            try:
                yield lambda steps: bars.advance(task, steps)
            finally:
                self._under_way.remove(bars)

    def report(self, done: int, total: int, what: str) -> None:
        """Draw a bar for work that reports from outside."""
        if self._reported is None or self._reported[0] != what:
            self._end_report()
            bars = self._bars()
            bars.start()
            self._reported = what, bars, bars.add_task(plain(what), total=total, unit="step")
            self._under_way.append(bars)
            self._speak_now_and_then()
        bars, task = self._reported[1:]
        bars.update(task, completed=done, total=total)
        if done >= total:
            self._end_report()

    def close(self) -> None:
        """Stop the bar of a report that was not finished, which would keep the cursor hidden, and say no more."""
        self._end_report()
        self._closed.set()
        if self._speaker is not None:
            self._speaker.join()

    def _end_report(self) -> None:
        if self._reported is not None:
            self._reported[1].stop()
            self._under_way.remove(self._reported[1])
            self._reported = None

    def _speak_now_and_then(self) -> None:
        """Begin to say where the work is, where no bar shows it."""
        if self._speaker is None and not (self._console.is_terminal or self._console.quiet or self._closed.is_set()):
            self._speaker = threading.Thread(target=self._speak, daemon=True)
            self._speaker.start()

    def _speak(self) -> None:
        while not self._closed.wait(EVERY):
            tasks = [task for bars in list(self._under_way) for task in bars.tasks]
            text = "; ".join(map(_where, tasks)) or self._said
            self._console.print(escape(f"  still at work: {text}"))


def _where(task: Task) -> str:
    """Return how far a task is, in words."""
    left = task.time_remaining
    remaining = "" if left is None else f", about {_span(left)} left"
    total = "" if task.total is None else f" of {task.total:,.0f}"
    unit = f" {task.fields['unit']}s"
    return f"{task.description}, {task.completed:,.0f}{total}{unit}, {_span(task.elapsed or 0)} so far{remaining}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
