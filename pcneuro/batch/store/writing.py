"""Writing rows: a block at once, by one process, its status last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from pcneuro.batch.layout import RUNS, Layout
from pcneuro.batch.row import Row, RowStatus
from pcneuro.batch.store.arrays import METADATA, Spec, StoredArray, add_rows, folders, metadata, open_array
from pcneuro.batch.store.creating import NUMBERS, add_group, group_of
from pcneuro.batch.store.names import MESSAGE, NUMBER, SCHEMA, STATUS, folder_name, free
from pcneuro.batch.store.schema import TEXT, Records, message_of
from pcneuro.errors import DataError

if TYPE_CHECKING:
    import zarr


@final
@dataclass(frozen=True)
class Names:
    """What rows cannot call their numbers and records, and the schema of records in the main group."""

    numbers: frozenset[str]
    records: frozenset[str]
    schema: str


@final
class Writer:
    """Writes blocks. Arrays are made when the first row needs them, and stay open."""

    def __init__(self, folder: Path, layout: Layout, names: Names) -> None:
        self.folder, self.layout, self.names = folder, layout, names
        self._open: dict[Path, zarr.Array] = {}
        self._stored: dict[Path, StoredArray] = {}

    def write(self, block: int, rows: Sequence[Row]) -> None:
        """Write the rows of a block, all but their status, and remove whatever else was there of them."""
        records, kept = [], []
        for row in rows:
            try:
                own = None if row.records is None else Records.of(row.records, self.names.records)
            except (DataError, MemoryError) as error:  # an array may be a view that says more than memory holds
                own, row = None, replace(row, status=RowStatus.FAILED, message=str(error))
            records.append(own)
            kept.append(row)
        self._clear_records(block)
        written = self._records(block, records) | self._numbers(block, kept)
        written |= self._put(block, MESSAGE, Spec(TEXT), [message_of(row.message) for row in kept])
        store = self.folder / RUNS
        for folder in folders(store):
            if folder not in written and folder != store / STATUS:
                self._remove(block, folder)
        self._statuses = np.array([row.status for row in kept], dtype=np.int8)

    def finish(self, block: int) -> None:
        """Write the status of the rows that were written: the block is done."""
        self._put(block, STATUS, Spec("int8"), self._statuses)

    def _numbers(self, block: int, rows: Sequence[Row]) -> set[Path]:
        written = set[Path]()
        for name in dict.fromkeys(name for row in rows for name in row.numbers):
            values = [row.numbers.get(name, np.nan) for row in rows]
            written |= self._put(block, free(name, self.names.numbers, NUMBER), NUMBERS, values)
        return written

    def _records(self, block: int, records: Sequence[Records | None]) -> set[Path]:
        written, store = set[Path](), self.folder / RUNS
        others = [each.schema if each is not None and each.schema != self.names.schema else "" for each in records]
        if any(others):  # it says where to look for what a process that was killed has written
            written |= self._put(block, SCHEMA, Spec(TEXT), others)
        for first in {each.schema: each for each in records if each is not None}.values():
            alike = [each if each is not None and each.schema == first.schema else None for each in records]
            place = store if first.schema == self.names.schema else add_group(self.folder, first, self.layout)
            for name, variable in first.variables.items():
                spec = Spec(variable.dtype, variable.dims, variable.values.shape, variable.attributes)
                values = spec.empty(len(records))
                for number, each in enumerate(alike):
                    if each is not None:
                        values[number] = each.variables[name].values if spec.shape else each.variables[name].values[()]
                written |= self._put(block, name, spec, values, place)
        return written

    def _clear_records(self, block: int) -> None:
        """Remove records of other schemas that the runs of a block had when it was written before."""
        folder = self.folder / RUNS / SCHEMA
        if (folder / METADATA).exists() and StoredArray(folder, metadata(folder)).chunk(block).exists():
            numbers = self.layout.numbers(block)
            schemas = open_array(folder)[numbers.start : numbers.stop]
            for schema in {str(each) for each in np.asarray(schemas) if str(each).isalnum()}:
                group = group_of(self.folder, schema)
                for array in folders(group) if group.is_dir() else ():
                    self._remove(block, array)

    def _put(self, block: int, name: str, spec: Spec, values: Any, place: Path | None = None) -> set[Path]:
        place = place or self.folder / RUNS
        folder = place / folder_name(name)
        if folder not in self._open:
            add_rows(self.folder, place, name, spec, self.layout)
            self._open[folder] = open_array(folder)
        numbers = self.layout.numbers(block)
        dtype = object if spec.dtype == TEXT else spec.dtype
        self._open[folder][numbers.start : numbers.stop] = np.asarray(values, dtype=dtype)
        return {folder}

    def _remove(self, block: int, folder: Path) -> None:
        """Remove a chunk: no row of the block has anything there."""
        if folder not in self._stored:
            self._stored[folder] = StoredArray(folder, metadata(folder))
        if self._stored[folder].rows:
            self._stored[folder].chunk(block).unlink(missing_ok=True)
