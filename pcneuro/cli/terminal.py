"""Output on the terminal: tables, and progress of whatever takes longer than two seconds."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from pcneuro.simulator.progress import Bar
from pcneuro.studies.observer import AbstractObserver
from pcneuro.studies.task import TextTable

WIDTH = 160
"""Columns where there is no terminal."""
MOST_TABLES, MOST_ROWS = 24, 60
"""So many are printed."""


class Terminal(Bar, AbstractObserver):
    """A bar on a terminal, plain lines elsewhere."""

    def progress(self, share: float, note: str = "") -> None:
        self.show(share, note)


def console() -> Console:
    """Standard output: coloured on a terminal, plain and wide elsewhere."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)


def print_tables(tables: Sequence[TextTable], whole: str) -> None:
    """Print tables, aligned, numbers to the right; of many the first, and where the ``whole`` is."""
    out = console()
    for table in tables[:MOST_TABLES]:
        drawn = Table(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
        for number, column in enumerate(table.columns):
            drawn.add_column(column, justify="left" if number == 0 else "right")
        for row in table.rows[:MOST_ROWS]:
            drawn.add_row(*row)
        out.print(drawn)
        if len(table.rows) > MOST_ROWS:
            out.print(f"... and {len(table.rows) - MOST_ROWS} rows more: {whole}\n")
    if len(tables) > MOST_TABLES:
        out.print(f"... and {len(tables) - MOST_TABLES} tables more: {whole}")
