"""Reading a store: rows of a block, statuses, and all of it as one dataset whose arrays are read when asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import numpy as np
import xarray

from pcneuro.batch.extras import needed
from pcneuro.batch.layout import Layout
from pcneuro.batch.row import Row, RowStatus
from pcneuro.batch.store.arrays import StoredArray, open_array
from pcneuro.batch.store.checking import Contents, Group
from pcneuro.batch.store.joining import attributes_of, joined
from pcneuro.batch.store.names import MESSAGE, NUMBER, RUN, SCHEMA, STATUS, free
from pcneuro.errors import StoreError
from pcneuro.files import open_regular

_STATUSES = bytes(RowStatus)


def done_blocks(status: StoredArray) -> set[int]:
    """Blocks that are done: one listing, nothing is read."""
    try:
        return {int(name) for name in os.listdir(status.chunks) if name.isdecimal()}
    except FileNotFoundError:
        return set()


def statuses(status: StoredArray, layout: Layout, blocks: Iterable[int]) -> dict[int, np.ndarray]:
    """Block -> statuses of its runs. Raises StoreError where they are none."""
    read = {}
    for block in blocks:
        values = chunk(status, layout, block)
        if values is None:
            continue  # it is being done again
        count = len(layout.numbers(block))
        if values[:count].tobytes().strip(_STATUSES) or values[count:].any():
            raise StoreError(
                f"{status.chunk(block)} is damaged: it has no status of each run; "
                "pcneuro batch retry does its runs again"
            )
        read[block] = values[:count]
    return read


def chunk(array: StoredArray, layout: Layout, block: int) -> np.ndarray | None:
    """A block of an array of one number a run; None where there is no file of it.

    The file is the numbers, and nothing else: it is read as such, since zarr takes ten times as long for so small ones.
    Raises StoreError where it has another size.
    """
    path = array.chunk(block)
    try:
        with open_regular(path) as file:
            content = file.read(array.chunk_size + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) != array.chunk_size:
        raise StoreError(f"{path} is damaged: it has not the {array.chunk_size} bytes of {layout.block} runs")
    return np.frombuffer(content, dtype=np.dtype(array.metadata["data_type"]).newbyteorder("<"))


def check_sizes(array: StoredArray, block: int) -> None:
    """Raise StoreError where a chunk has another size than its array says."""
    path = array.chunk(block)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return
    if (size < array.chunk_size) if array.text else (size != array.chunk_size):
        raise StoreError(f"{path} is damaged: it has {size} bytes, and not {array.chunk_size}")


def rows(contents: Contents, layout: Layout, block: int, of: np.ndarray) -> list[Row]:
    """Rows of a block whose runs have the statuses ``of``, without those of status 0."""
    numbers = layout.numbers(block)

    def values(array: StoredArray) -> np.ndarray:
        check_sizes(array, block)
        return np.asarray(open_array(array.folder)[numbers.start : numbers.stop])

    main = contents.main
    messages = values(main.arrays[MESSAGE])
    schemas = values(main.arrays[SCHEMA]) if SCHEMA in main.arrays else np.full(len(numbers), "")
    columns = {name.removeprefix(NUMBER): values(main.arrays[name]) for name in contents.numbers}
    records: dict[str, dict[str, np.ndarray]] = {}
    made = []
    for index, number in enumerate(numbers):
        if not of[index]:
            continue
        own = {name: float(column[index]) for name, column in columns.items() if not np.isnan(column[index])}
        group = contents.others.get(str(schemas[index]), main)
        if group.schema not in records:
            records[group.schema] = {name: values(group.arrays[name]) for name in group.variables}
        dataset = _row(group, records[group.schema], index) if group.variables else None
        made.append(Row(number, RowStatus(int(of[index])), str(messages[index]), own, dataset))
    return made


def _row(group: Group, values: Mapping[str, np.ndarray], index: int) -> xarray.Dataset:
    """Records of one run, as they were written."""
    made = xarray.Dataset()
    for name, array in group.arrays.items():
        if name in values:
            dims = array.metadata["dimension_names"][1:]
            made[name] = (dims, np.asarray(values[name][index]), attributes_of(array))
    indices = {
        name: ((name,), np.asarray(open_array(array.folder)[...]), attributes_of(array))
        for name, array in group.arrays.items()
        if not array.rows and name in made.dims
    }
    return made.assign_coords(indices).set_coords(list(group.coordinates))


def dataset(contents: Contents, layout: Layout) -> xarray.Dataset:
    """All of it, as it is by now: rows along ``run``, with what was swept as coordinates of it."""
    main = contents.main
    whole = _opened(main)
    records = whole[list(main.variables)] if main.variables else xarray.Dataset()
    records = records.drop_vars([name for name in records.coords if name in contents.swept])
    if contents.others and SCHEMA in main.arrays:
        groups = [main, *contents.others.values()]
        codes = {group.schema: code for code, group in enumerate(groups)}
        # A run whose group is not there has been written since the groups were listed.
        records = joined(groups, np.array([codes.get(str(each), 0) for each in whole[SCHEMA].values]))
    plain = whole.reset_coords()[[STATUS, MESSAGE, *contents.numbers]].drop_vars(list(records.coords), errors="ignore")
    taken = {str(name) for name in (*records.variables, *records.dims, *plain.coords)} - {RUN}
    plain = plain.rename({name: free(name, taken, NUMBER) for name in contents.numbers if name in taken})
    swept = {key: (RUN, _column(whole[key].values)) for key in contents.swept}
    made = xarray.Dataset({**plain.data_vars.variables, **records.variables})
    made = made.set_coords([name for name in records.coords if name in made.variables])
    # NumPy has no common type of its strings and NaN, which `where` and `sel` need.
    made = made.assign({name: each.astype(object) for name, each in made.data_vars.items() if each.dtype.kind == "T"})
    return made.assign_coords({RUN: np.arange(layout.runs), **swept})


def _column(values: np.ndarray) -> np.ndarray:
    return values if values.dtype.kind in "biuf" else np.array([str(each) for each in values])


def _opened(group: Group) -> xarray.Dataset:
    needed("zarr")
    made = xarray.open_zarr(group.folder, consolidated=False, zarr_format=3, decode_timedelta=False)
    names = {array.folder.name: name for name, array in group.arrays.items() if array.folder.name != name}
    made = made.rename({old: new for old, new in names.items() if old in made.variables})
    for name in names.values():
        if name in made.variables:
            made[name].attrs.pop("name", None)
    beside = [name for name in group.coordinates if name in made]
    return made.set_coords(beside)
