"""Progress on standard error: bars and a table of jobs on a terminal, else plain lines, and one every half minute."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from abawbench.progress import Advance, JobsShown, Progress
from abawbench.system.text import plain

EVERY = 30.0
"""Seconds between two lines where no bar can be drawn."""
NAMED = 8
"""Jobs at work that the table names."""


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
        self._report_words: Callable[[], list[str]] = list
        self._under_way: list[Callable[[], list[str]]] = []
        """Each says in words how far some work is."""
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
            with self._told(_words_of(bars)):
                yield lambda steps: bars.advance(task, steps)

    @contextmanager
    def jobs(self, names: Mapping[int, str]) -> Iterator[JobsShown]:
        """Give what is told how jobs stand while a table of them is drawn; it stays as it was at the end."""
        table = JobsTable(names)
        with self._told(lambda: [table.words()]):
            if self._console.is_terminal:
                with Live(table, console=self._console, refresh_per_second=2):
                    yield table
            else:
                yield table

    def report(self, done: int, total: int, what: str) -> None:
        """Draw a bar for work that reports from outside."""
        if self._reported is None or self._reported[0] != what:
            self._end_report()
            bars = self._bars()
            bars.start()
            self._reported = what, bars, bars.add_task(plain(what), total=total, unit="step")
            self._report_words = _words_of(bars)
            self._under_way.append(self._report_words)
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
            self._under_way.remove(self._report_words)
            self._reported = None

    @contextmanager
    def _told(self, words: Callable[[], list[str]]) -> Iterator[None]:
        """Have the line of every half minute tell of work while it is under way."""
        self._under_way.append(words)
        self._speak_now_and_then()
        try:
            yield
        finally:
            self._under_way.remove(words)

    def _speak_now_and_then(self) -> None:
        """Begin to say where the work is, where no bar shows it."""
        if self._speaker is None and not (self._console.is_terminal or self._console.quiet or self._closed.is_set()):
            self._speaker = threading.Thread(target=self._speak, daemon=True)
            self._speaker.start()

    def _speak(self) -> None:
        while not self._closed.wait(EVERY):
            text = "; ".join(text for words in list(self._under_way) for text in words()) or self._said
            self._console.print(escape(f"  still at work: {text}"))


class JobsTable(JobsShown):
    """How many jobs wait, are at work and have ended, and about how long the rest takes."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = {number: plain(name) for number, name in names.items()}
        self._began = time.monotonic()
        self._since: dict[int, float] = {}
        """Of the jobs at work, when they were first seen so."""
        self._ended: dict[int, str] = {}

    def running(self, numbers: Iterable[int]) -> None:
        """Take in which jobs are at work."""
        now = time.monotonic()
        self._since = {number: self._since.get(number, now) for number in numbers if number not in self._ended}

    def ended(self, number: int, status: str) -> None:
        """Take in how a job ended."""
        self._ended[number] = status
        self._since = {other: since for other, since in self._since.items() if other != number}

    def counts(self) -> dict[str, int]:
        """Return how many jobs are in which state; without those that none is in, but for the usual ones."""
        ended, running = Counter(self._ended.values()), len(self._since)
        waiting = len(self._names) - ended.total() - running
        usual = {"waiting": waiting, "running": running, "failed": ended.pop("failed", 0), "done": ended.pop("ok", 0)}
        return usual | dict(ended)

    def seconds_left(self) -> float | None:
        """Return about how long the rest takes, at the pace so far; None where none has ended."""
        done = len(self._ended)
        return (time.monotonic() - self._began) / done * (len(self._names) - done) if done else None

    def words(self) -> str:
        """Return all of it in one line."""
        counts = ", ".join(f"{count} {state}" for state, count in self.counts().items() if count)
        left = self.seconds_left()
        remaining = "" if left is None else f", about {_span(left)} left"
        return f"{len(self._names)} jobs, {counts}, {_span(time.monotonic() - self._began)} so far{remaining}"

    def __rich__(self) -> Group:
        """Return a row of counts, and one for each of some jobs at work."""
        counts, left, now = self.counts(), self.seconds_left(), time.monotonic()
        head = Table("jobs", *counts, "so far", "time left", box=None, pad_edge=False, header_style="bold")
        about = "?" if left is None else f"about {_span(left)}"
        head.add_row(str(len(self._names)), *map(str, counts.values()), _span(now - self._began), about)
        at_work = Table(box=None, show_header=False)
        running = sorted(self._since.items())
        for number, since in running[:NAMED]:
            at_work.add_row(Text(f"  {self._names[number]}"), _span(now - since))
        if len(running) > NAMED:
            at_work.add_row(f"  and {len(running) - NAMED} more", "")
        return Group(head, at_work)


def _words_of(bars: Bars) -> Callable[[], list[str]]:
    return lambda: [_where(task) for task in bars.tasks]


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
