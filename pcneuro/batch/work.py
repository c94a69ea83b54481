"""Work of a batch, as every worker does it: one block of runs, from the settings in the folder to rows in its store."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from pcneuro.batch import locks
from pcneuro.batch.layout import SCRATCH, SETTINGS
from pcneuro.batch.provenance import Provenance, noting_warnings
from pcneuro.batch.row import Row, RowStatus
from pcneuro.batch.settings import Settings
from pcneuro.batch.store import Store, checking
from pcneuro.batch.tasks import DEADLY, Task
from pcneuro.errors import StoreError, reporting_divergence

_KEPT = 4
"""Batches that a worker keeps at hand, with the circuits that it has lowered."""


def _never() -> bool:
    return False


def _opened(folder: Path) -> tuple[Settings, Store]:
    return _kept(folder, _stamp(folder))[:2]


def _content(folder: Path) -> str:
    return _kept(folder, _stamp(folder))[2]


def _stamp(folder: Path) -> tuple[int, int]:
    """What tells a batch from another one that has taken its folder. Raises StoreError where there is none."""
    try:
        status = (folder / SETTINGS).stat()
    except OSError as error:
        raise StoreError(f"{folder} is no folder of a batch: {error.strerror}") from None
    return status.st_ino, status.st_mtime_ns


@lru_cache(_KEPT)
def _kept(folder: Path, stamp: tuple[int, int]) -> tuple[Settings, Store, str]:
    return Settings.read(folder), Store.open(folder), str(checking.described(folder)["content"])


def perform_block(folder: Path, block: int, stopped: Callable[[], bool] = _never) -> None:
    """Do the runs of a block and write their rows, unless they are there. Same block, same bytes, wherever it is done.

    Raises KeyboardInterrupt where ``stopped`` becomes true, and then writes nothing; OutputError where that fails.
    """
    perform(folder, Task(block), stopped)


def perform(folder: Path, task: Task, stopped: Callable[[], bool] = _never) -> None:
    """Do what a task says, unless its rows are there. Raises what ``perform_block`` does."""
    settings, store = _opened(folder)
    if store.is_done(task.block):
        return
    if task.trial is not None:
        with noting_warnings():
            _rows(folder, [task.trial], stopped)
        return
    kept = {row.number: row for row in store.kept(task.block)}
    chosen = [number for number in settings.layout.numbers(task.block) if number not in kept]
    provenance = Provenance(_content(folder))
    with noting_warnings() as warned:
        if task.apart:
            rows = [row for number in chosen for row in _one(folder, number, task.deadly, stopped)]
        else:
            rows = _rows(folder, chosen, stopped)
    _write(folder, task.block, kept, rows, provenance, warned)


def give_up(folder: Path, block: int) -> None:
    """Write that the runs of a block failed: their workers have died too often. Rows that it has already stay."""
    settings, store = _opened(folder)
    kept = {row.number: row for row in store.kept(block)}
    chosen = [number for number in settings.layout.numbers(block) if number not in kept]
    rows = [Row(number, RowStatus.FAILED, DEADLY) for number in chosen]
    _write(folder, block, kept, rows, Provenance(_content(folder)))


def runs_of(folder: Path, block: int) -> range:
    """The runs of a block."""
    return _opened(folder)[0].layout.numbers(block)


def _one(folder: Path, number: int, deadly: Sequence[int], stopped: Callable[[], bool]) -> list[Row]:
    if number in deadly:
        return [Row(number, RowStatus.FAILED, DEADLY)]
    return _rows(folder, [number], stopped)


def _rows(folder: Path, numbers: Sequence[int], stopped: Callable[[], bool]) -> list[Row]:
    settings, _ = _opened(folder)
    values = [settings.space.values(number) for number in numbers]
    with reporting_divergence():
        rows = settings.study.perform(numbers, values, lambda n: folder / SCRATCH / str(n), stopped)
    return [row.keeping(settings.keep) for row in rows]


def _write(
    folder: Path,
    block: int,
    kept: Mapping[int, Row],
    rows: Sequence[Row],
    provenance: Provenance,
    warned: Sequence[str] = (),
) -> None:
    """Write the rows of a block: those that it has ``kept``, and new ones."""
    settings, store = _opened(folder)
    numbers, made = [row.number for row in rows], {**kept, **{row.number: row for row in rows}}
    values = [settings.space.values(number) for number in numbers]
    with locks.writing(folder):
        described = provenance.described(numbers, values, warned)
        store.write(block, [made[n] for n in settings.layout.numbers(block)], described)
    for number in numbers:
        shutil.rmtree(folder / SCRATCH / str(number), ignore_errors=True)
