"""Making the folder of a batch, with a store that has no rows yet, and groups of records in it."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pcneuro.batch.extras import needed
from pcneuro.batch.layout import NEW, RUNS, SETTINGS, Layout
from pcneuro.batch.row import Row
from pcneuro.batch.store.arrays import MAKING, METADATA, ROLE, SWEPT, Spec, create_rows, create_whole, give_name
from pcneuro.batch.store.checking import contents
from pcneuro.batch.store.names import AXIS, MESSAGE, NUMBER, OTHERS, RESERVED, RUN, STATUS, free
from pcneuro.batch.store.room import check_room, needed_for
from pcneuro.batch.store.schema import TEXT, Records, printable
from pcneuro.errors import DataError
from pcneuro.files import finished, scratch, unfinished, writing

NUMBERS = Spec("float64")
_SAFE_INTEGER = 2**63


def create(
    folder: Path, described: Mapping[str, Any], layout: Layout, swept: Mapping[str, Any], first: Row | None
) -> None:
    """Make the folder, which appears whole under its name, or not at all; or another process was first: it is theirs.

    ``first`` is the first row that has records, of the least number: what most rows will be like.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = unfinished(folder.parent, f".{folder.name}.", NEW)
        try:
            new.mkdir()
            _fill(new / RUNS, layout, swept, first)
            (new / SETTINGS).write_text(json.dumps(described, indent=1), encoding="utf-8")
            check_room(folder.parent, needed_for(contents(new, layout).rows, layout.blocks), layout)
            try:
                os.rename(new, folder)
            except OSError:
                if not (folder / SETTINGS).exists():
                    raise
        finally:
            finished(new)


def _fill(store: Path, layout: Layout, swept: Mapping[str, Any], first: Row | None) -> None:
    columns = {free(key, RESERVED, AXIS): column(values) for key, values in swept.items()}
    records = None
    if first is not None and first.records is not None:
        try:
            records = Records.of(first.records, {*RESERVED, *columns})
        except (DataError, MemoryError):  # the row will say so, as that of each run
            records = None
    # What xarray reads as coordinates. Their names stand in one text; those with spaces are known to us alone.
    beside = [name for name in (*columns, *(records.coordinates if records else ())) if not set(name) & set(" /%")]
    _create_group(store, records, layout, {SWEPT: list(columns), "coordinates": " ".join(beside)})
    needed("zarr").open_group(store / OTHERS, mode="w", zarr_format=3)
    for name, spec in ((STATUS, Spec("int8")), (MESSAGE, Spec(TEXT))):
        create_rows(store, name, spec, layout)
    for key, values in columns.items():
        create_whole(store, key, (RUN,), values, {ROLE: SWEPT})
    taken = names_of(columns, records)
    for name in first.numbers if first is not None else ():
        create_rows(store, free(name, taken, NUMBER), NUMBERS, layout)


def names_of(swept: Collection[str], records: Records | None) -> set[str]:
    """Names that stand for something by now, so that no number can have them."""
    taken = {*RESERVED, *swept}
    if records is not None:
        taken |= {*records.variables, *records.indices}
        taken.update(dim for each in records.variables.values() for dim in each.dims)
    return taken


def _create_group(place: Path, records: Records | None, layout: Layout, attributes: Mapping[str, Any]) -> None:
    """A group with arrays for records of a schema."""
    known = {
        "schema": records.schema if records else "",
        "variables": list(records.variables) if records else [],
        "coordinates": list(records.coordinates) if records else [],
    }
    needed("zarr").open_group(place, mode="w", zarr_format=3, attributes={"records": known, **attributes})
    if records is None:
        return
    for name, each in records.variables.items():
        create_rows(place, name, Spec(each.dtype, each.dims, each.values.shape, each.attributes), layout)
    for name, each in records.indices.items():
        create_whole(place, name, each.dims, each.values, each.attributes)


def group_of(folder: Path, schema: str) -> Path:
    """The group of records of another schema than the first."""
    return folder / RUNS / OTHERS / schema


def add_group(folder: Path, records: Records, layout: Layout) -> Path:
    """The group of records of another schema than the first, which is made unless it is there."""
    target = group_of(folder, records.schema)
    if not (target / METADATA).exists():
        with scratch(folder, MAKING) as new:
            _create_group(new, records, layout, {"coordinates": " ".join(records.coordinates)})
            give_name(new, target)
    return target


def column(values: Any) -> np.ndarray:
    """Swept values as a coordinate: numbers and truth values as they are, NaN where there is none, all else as text."""
    values = list(values)
    given = [value for value in values if value is not None]
    whole = all(isinstance(value, bool | np.bool_) for value in given)
    numbers = all(
        (isinstance(value, bool | int | float | np.number | np.bool_) and -_SAFE_INTEGER <= value < _SAFE_INTEGER)
        or isinstance(value, float)
        for value in given
    )
    if given and numbers and (whole or not any(isinstance(value, bool | np.bool_) for value in given)):
        return np.array(values) if len(given) == len(values) else np.array(values, dtype=float)
    return np.array([_text(value) for value in values], dtype=object)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return printable(value if isinstance(value, str) else json.dumps(value, default=str))
