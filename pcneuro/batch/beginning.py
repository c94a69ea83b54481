"""How a batch begins: with first runs, which tell what rows are like, and then its folder, with a store for these."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from pcneuro.batch import locks
from pcneuro.batch.blocks import seconds_of_a_run, timed_block
from pcneuro.batch.layout import NEW, OLD, Layout
from pcneuro.batch.provenance import Provenance, noting_warnings
from pcneuro.batch.row import Row, RowStatus
from pcneuro.batch.settings import Settings
from pcneuro.batch.store import Store
from pcneuro.batch.store.schema import message_of
from pcneuro.batch.tasks import DEADLY
from pcneuro.errors import ConfigurationError, unknown_name, warn
from pcneuro.files import remove_left, scratch, writing

FIRST = ".first"
"""Ending of the folder of checkpoints of first runs."""
MOST = 8
"""Runs that are tried for one that is done. Where all of these fail, nobody knows what the others will be like."""


def remove_left_by_creators(folder: Path) -> None:
    """Remove what processes have left that were killed while they made the folder of a batch; another one made it."""
    for ending in (FIRST, NEW, OLD):
        remove_left(folder.parent, f".{folder.name}.", ending)


def first_rows(
    settings: Settings,
    place: Path,
    stopped: Callable[[], bool],
    deadly: Collection[int] = (),
    at: Callable[[int], None] = lambda number: None,
) -> tuple[list[Row], float]:
    """The rows of the first runs, up to the first that is done, in this process; checkpoints in ``place``.

    And the seconds that the last of them took. Those that are ``deadly`` are not done; ``at`` is told of each other.
    """
    rows, seconds = list[Row](), 0.0
    for number in range(min(MOST, len(settings.space))):
        if number in deadly:
            rows.append(Row(number, RowStatus.FAILED, DEADLY))
            continue
        at(number)
        values, begun = settings.space.values(number), time.perf_counter()
        rows += settings.study.perform([number], [values], lambda n: place / str(n), stopped)
        seconds = time.perf_counter() - begun
        if rows[-1].status is RowStatus.DONE:
            break
    return rows, seconds


def make_store(
    folder: Path,
    settings: Settings,
    stopped: Callable[[], bool],
    workers: int | None = None,
    *,
    deadly: Collection[int] = (),
    at: Callable[[int], None] = lambda number: None,
) -> None:
    """Make the folder of a batch, once its first runs are done: theirs are the first rows where a block is one run.

    Blocks are those of the settings, or, where the number of ``workers`` is given, of as many runs as suit these.
    Raises ConfigurationError for patterns that match nothing, OutputError for a disk without room for all rows, and
    KeyboardInterrupt where ``stopped`` becomes true. ``deadly`` and ``at`` are those of ``first_rows``.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    described = settings.described()
    provenance = Provenance(str(described["content"]))
    with scratch(folder.parent, f".{folder.name}.", FIRST) as place, noting_warnings() as warned:
        rows, seconds = first_rows(settings, place, stopped, deadly, at)
        if workers is not None and rows[-1].number not in deadly:
            seconds = seconds_of_a_run(settings, rows[-1].number, seconds, place, stopped)
        shutil.rmtree(place, ignore_errors=True)
    if len(rows) < len(settings.space) and all(row.status is RowStatus.FAILED for row in rows):
        warn(f"{folder}: all of the first {len(rows)} runs failed, run 0: {message_of(rows[0].message)}")
    layout = settings.layout
    if workers is not None:
        layout = Layout(layout.runs, timed_block(layout.runs, seconds, workers))
    described["layout"] = layout.described()
    _check_kept(settings.keep, rows)
    kept = [row.keeping(settings.keep) for row in rows]
    keys = settings.space.keys
    columns: dict[str, list[object]] = {key: [] for key in keys}
    for number in range(len(settings.space)):
        values = settings.space.values(number)
        for key in keys:
            columns[key].append(values.get(key))
    first = kept[-1] if kept[-1].status is RowStatus.DONE else None
    store = Store.create(folder, described, layout, columns, first)
    for row in kept if store.layout.block == 1 else ():
        if not store.is_done(row.number):
            values = settings.space.values(row.number)
            with locks.writing(folder):
                store.write(row.number, [row], provenance.described([row.number], [values], warned))


def _check_kept(patterns: Sequence[str], rows: Sequence[Row]) -> None:
    """Raise ConfigurationError for a pattern that matches nothing that the first run brought."""
    last = rows[-1]
    if last.status is not RowStatus.DONE:
        return
    names = [*last.numbers, *(() if last.records is None else map(str, last.records.data_vars))]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigurationError(f"batch.keep: {unknown_name('number or record', pattern, names)}")
