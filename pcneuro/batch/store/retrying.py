"""Runs that are to be done again, and leftovers of blocks that were never finished."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import numpy as np

from pcneuro.batch.layout import PROVENANCE, RETRY, SCRATCH, Layout
from pcneuro.batch.row import RowStatus
from pcneuro.batch.store.arrays import clear_unfinished
from pcneuro.batch.store.checking import Contents
from pcneuro.batch.store.names import STATUS
from pcneuro.batch.store.reading import done_blocks, statuses
from pcneuro.errors import StoreError

PARTIAL = ".partial"
"""How names of files end that are being written."""


def take_back(folder: Path, contents: Contents, layout: Layout, block: int, again: Collection[RowStatus]) -> int:
    """Let a block not be done where some runs are to be done again; how many these are.

    Its statuses are put first where ``kept`` finds them, with 0 for these runs; rows of the others stay. Where they are
    damaged the whole block is done again.
    """
    status = contents.main.arrays[STATUS]
    chunk = status.chunk(block)
    try:
        values = statuses(status, layout, [block])[block]
    except KeyError:
        return 0
    except StoreError:
        chunk.unlink(missing_ok=True)
        return len(layout.numbers(block))
    chosen = np.isin(values, list(again))
    if chosen.any():
        place = folder / RETRY / str(block)
        place.parent.mkdir(exist_ok=True)
        write_small(place, np.where(chosen, 0, values).astype(np.int8).tobytes())
        chunk.unlink(missing_ok=True)
    return int(chosen.sum())


def kept(folder: Path, layout: Layout, block: int) -> np.ndarray | None:
    """Statuses of a block of which some runs are done again, 0 for those; None for all other blocks."""
    place = folder / RETRY / str(block)
    if not place.exists():
        return None
    values = np.frombuffer(place.read_bytes(), dtype=np.int8)
    if len(values) != len(layout.numbers(block)) or not np.isin(values, [0, *RowStatus]).all():
        raise StoreError(f"{place} is damaged: delete it, and all runs of its block are done again")
    return values


def forget(folder: Path, block: int) -> None:
    """A block of which some runs were done again is done."""
    place = folder / RETRY
    (place / str(block)).unlink(missing_ok=True)
    with suppress(OSError):  # of other blocks, or there is none
        place.rmdir()


def write_small(path: Path, content: bytes) -> None:
    """Write a file beside the store, whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def clean(folder: Path, contents: Contents, layout: Layout, blocks: Collection[int]) -> None:
    """Remove what killed processes have left of these blocks, which nobody else writes by now.

    Checkpoints stay, unless their run is done: with others it goes on.
    """
    clear_unfinished(folder)
    done = done_blocks(contents.main.arrays[STATUS])
    place = folder / SCRATCH
    for name in os.listdir(place) if place.is_dir() else ():
        if name.isdecimal() and int(name) // layout.block in done:
            shutil.rmtree(place / name, ignore_errors=True)
    for array in contents.rows:
        if array.chunks.is_dir():
            for name in os.listdir(array.chunks):
                if name.endswith(PARTIAL) and array.block_of(name) in blocks:
                    (array.chunks / name).unlink(missing_ok=True)
    for place in (folder / PROVENANCE, folder / RETRY):
        for name in os.listdir(place) if place.is_dir() else ():
            number = name.partition(".")[0]
            if name.endswith(PARTIAL) and number.isdecimal() and int(number) in blocks:
                (place / name).unlink(missing_ok=True)
    for block in done if (folder / RETRY).is_dir() else ():
        forget(folder, block)
