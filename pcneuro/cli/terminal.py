"""Output on the terminal: tables, and progress of whatever takes longer than two seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table

from pcneuro.simulator.progress import Bar
from pcneuro.studies.observer import AbstractObserver
from pcneuro.studies.task import TextTable

WIDTH = 160
"""Columns where there is no terminal."""


class Terminal(Bar, AbstractObserver):
    """A bar on a terminal, plain lines elsewhere."""

    def progress(self, share: float, note: str = "") -> None:
        self.show(share, note)


def console() -> Console:
    """Standard output: coloured on a terminal, plain and wide elsewhere."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)


def print_tables(tables: Iterable[TextTable]) -> None:
    """Print tables, aligned, numbers to the right."""
    out = console()
    for table in tables:
        drawn = Table(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
        for number, column in enumerate(table.columns):
            drawn.add_column(column, justify="left" if number == 0 else "right")
        for row in table.rows:
            drawn.add_row(*row)
        out.print(drawn)
