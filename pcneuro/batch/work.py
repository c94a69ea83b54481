"""Work of a batch, as every worker does it: one block of runs, from the settings in the folder to rows in its store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from pcneuro.batch.layout import SCRATCH
from pcneuro.batch.provenance import Provenance
from pcneuro.batch.row import Row, RowStatus
from pcneuro.batch.settings import Settings
from pcneuro.batch.store import Store
from pcneuro.batch.store.checking import described

_KEPT = 4
"""Batches that a worker keeps at hand, with the circuits that it has lowered."""


def _never() -> bool:
    return False


@lru_cache(_KEPT)
def _opened(folder: Path) -> tuple[Settings, Store]:
    return Settings.read(folder), Store.open(folder)


@lru_cache(_KEPT)
def _content(folder: Path) -> str:
    return str(described(folder)["content"])


def perform_block(folder: Path, block: int, stopped: Callable[[], bool] = _never) -> None:
    """Do the runs of a block and write their rows, unless they are there. Same block, same bytes, wherever it is done.

    Raises KeyboardInterrupt where ``stopped`` becomes true, and then writes nothing.
    """
    settings, store = _opened(folder)
    if store.is_done(block):
        return
    numbers = settings.layout.numbers(block)
    kept = {row.number: row for row in store.kept(block)}
    chosen = [number for number in numbers if number not in kept]
    provenance = Provenance(_content(folder))
    values = [settings.space.values(number) for number in chosen]
    rows = settings.study.perform(chosen, values, lambda n: folder / SCRATCH / str(n), stopped)
    made = kept | {row.number: row.keeping(settings.keep) for row in rows}
    store.write(block, [made[number] for number in numbers], provenance.described(chosen, values))
    for number in numbers:
        shutil.rmtree(folder / SCRATCH / str(number), ignore_errors=True)


def give_up(folder: Path, block: int, message: str) -> None:
    """Write that the runs of a block failed, with this message: their worker has died too often."""
    settings, store = _opened(folder)
    store.write(block, [Row(number, RowStatus.FAILED, message) for number in settings.layout.numbers(block)])
