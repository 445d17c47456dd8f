"""Progress bars on the terminal, on standard error; plain lines where there is no terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from abawbench.progress import Advance, Progress
from abawbench.system.text import plain


class RateColumn(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        """Return the rate with its unit."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f} {task.fields['unit']}/s" if speed else "", style="cyan")


class TerminalProgress(Progress):
    """Draws bars with rates; a finished bar leaves its line."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._reported: tuple[str, Bars, TaskID] | None = None

    def note(self, text: str) -> None:
        """Print one line."""
        self._console.print(escape(plain(text)))

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
            yield lambda steps: bars.advance(task, steps)

    def report(self, done: int, total: int, what: str) -> None:
        """Draw a bar for work that reports from outside."""
        if self._reported is None or self._reported[0] != what:
            self.close()
            bars = self._bars()
            bars.start()
            self._reported = what, bars, bars.add_task(plain(what), total=total, unit="step")
        bars, task = self._reported[1:]
        bars.update(task, completed=done, total=total)
        if done >= total:
            self.close()

    def close(self) -> None:
        """Stop the bar of a report that was not finished; it would keep the cursor hidden."""
        if self._reported is not None:
            self._reported[1].stop()
            self._reported = None
