"""What is printed: tables, and progress for whatever takes longer than two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from types import TracebackType

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text as Words

from pcneuro.simulation.observer import AbstractObserver
from pcneuro.simulation.task import Text

QUIET = 2.0
"""Seconds before progress is shown."""
PERIOD = 10.0
"""Seconds between lines of progress where there is no terminal."""
WIDTH = 160
"""Columns where there is no terminal."""


class Terminal(AbstractObserver):
    """A bar on a terminal, plain lines elsewhere; both on standard error. To be used as a context."""

    def __init__(self, what: str) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.what = what
        self.bar: Progress | None = None
        self.begun = self.last = time.monotonic()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def say(self, text: str) -> None:
        self.console.print(Words(text), soft_wrap=True)

    def progress(self, share: float) -> None:
        now = time.monotonic()
        if now - self.begun < QUIET:
            return
        if self.console.is_terminal:
            self._draw(share)
        elif self.last == self.begun or now - self.last >= PERIOD:
            self.last = now
            self.say(f"{self.what}: {100 * share:.0f} % after {now - self.begun:.0f} s")

    def _draw(self, share: float) -> None:
        if self.bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
            self.bar = Progress(*columns, console=self.console, transient=True)
            self.bar.start()
            self.bar.add_task(self.what, total=1.0)
        self.bar.update(self.bar.task_ids[0], completed=share)


def console() -> Console:
    """Standard output: coloured on a terminal, plain and wide elsewhere."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)


def print_tables(tables: Iterable[Text]) -> None:
    """Print tables, aligned, numbers to the right."""
    out = console()
    for table in tables:
        drawn = Table(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
        for number, column in enumerate(table.columns):
            drawn.add_column(column, justify="left" if number == 0 else "right")
        for row in table.rows:
            drawn.add_row(*row)
        out.print(drawn)
