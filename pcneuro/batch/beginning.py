"""How a batch begins: with first runs, which tell what rows are like, and then its folder, with a store for these."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from pcneuro.batch import locks
from pcneuro.batch.provenance import Provenance
from pcneuro.batch.row import Row, RowStatus
from pcneuro.batch.settings import Settings
from pcneuro.batch.store import Store
from pcneuro.errors import ConfigurationError, unknown_name
from pcneuro.files import scratch, writing

MOST = 8
"""Runs that are tried for one that is done. Where all of these fail, nobody knows what the others will be like."""


def first_rows(settings: Settings, place: Path, stopped: Callable[[], bool]) -> list[Row]:
    """The rows of the first runs, up to the first that is done, in this process; checkpoints in ``place``."""
    rows = list[Row]()
    for number in range(min(MOST, len(settings.space))):
        values = settings.space.values(number)
        rows += settings.study.perform([number], [values], lambda n: place / str(n), stopped)
        if rows[-1].status is RowStatus.DONE:
            break
    return rows


def make_store(folder: Path, settings: Settings, stopped: Callable[[], bool]) -> Store:
    """Make the folder of a batch, once its first runs are done: theirs are the first rows where a block is one run.

    Raises ConfigurationError for patterns that match nothing, OutputError for a disk without room for all rows, and
    KeyboardInterrupt where ``stopped`` becomes true.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    described = settings.described()
    provenance = Provenance(str(described["content"]))
    with scratch(folder.parent, f".{folder.name}.", ".first") as place:
        rows = first_rows(settings, place, stopped)
        shutil.rmtree(place, ignore_errors=True)
    _check_kept(settings.keep, rows)
    kept = [row.keeping(settings.keep) for row in rows]
    keys = settings.space.keys
    columns: dict[str, list[object]] = {key: [] for key in keys}
    for number in range(len(settings.space)):
        values = settings.space.values(number)
        for key in keys:
            columns[key].append(values.get(key))
    first = kept[-1] if kept[-1].status is RowStatus.DONE else None
    store = Store.create(folder, described, settings.layout, columns, first)
    for row in kept if settings.layout.block == 1 else ():
        if not store.is_done(row.number):
            values = settings.space.values(row.number)
            with locks.writing(folder):
                store.write(row.number, [row], provenance.described([row.number], [values]))
    return store


def _check_kept(patterns: Sequence[str], rows: Sequence[Row]) -> None:
    """Raise ConfigurationError for a pattern that matches nothing that the first run brought."""
    last = rows[-1]
    if last.status is not RowStatus.DONE:
        return
    names = [*last.numbers, *(() if last.records is None else map(str, last.records.data_vars))]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigurationError(f"batch.keep: {unknown_name('number or record', pattern, names)}")
