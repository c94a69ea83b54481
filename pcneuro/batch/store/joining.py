"""Records of runs that differ in shape, as one dataset: NaN where a run has nothing, and read only when asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import xarray
from xarray.backends import BackendArray
from xarray.core import indexing

from pcneuro.batch.store.arrays import NAME, StoredArray, open_array
from pcneuro.batch.store.checking import Group
from pcneuro.batch.store.names import RUN
from pcneuro.files import open_regular

_KINDS = ("unit", "batch", "time")
"""What dimensions of records are of, such as ``h_unit`` and ``time_5ms``."""


class _Rows(BackendArray):
    """A variable of all runs, put together from arrays of several schemas: their rows, or coordinates."""

    def __init__(
        self, parts: Sequence[StoredArray | None], codes: np.ndarray, shape: tuple[int, ...], dtype: Any
    ) -> None:
        self.parts, self.codes, self.shape, self.dtype = parts, codes, (len(codes), *shape), np.dtype(dtype)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        runs = np.arange(len(self.codes))[key[0]]
        chosen = np.atleast_1d(runs)
        made = np.full((len(chosen), *self.shape[1:]), "" if self.dtype == object else np.nan, self.dtype)
        codes = self.codes[chosen]
        for code in np.unique(codes):
            array = self.parts[code]
            if array is not None:
                here = codes == code
                stored = open_array(array.folder)
                values = np.asarray(stored.oindex[chosen[here]] if array.rows else stored[...])
                made[(here, *(slice(length) for length in values.shape[1 if array.rows else 0 :]))] = values
        return made[(0, *key[1:])] if np.ndim(runs) == 0 else made[(slice(None), *key[1:])]


@final
@dataclass(frozen=True)
class _Dimension:
    """A dimension in all schemas that have it: its lengths, and its coordinates where it has one."""

    lengths: Mapping[int, int]
    coordinates: Mapping[int, StoredArray]

    @property
    def alike(self) -> bool:
        """Whether it is the same in all of them."""
        if len(set(self.lengths.values())) > 1 or (self.coordinates and len(self.coordinates) < len(self.lengths)):
            return False
        values = set()
        for array in self.coordinates.values():
            content = b""  # zarr writes no chunk that has the fill value only
            with suppress(FileNotFoundError), open_regular(array.folder / "c" / "0") as file:
                content = file.read()
            values.add((array.metadata["data_type"], content))
        return len(values) <= 1


def joined(groups: Sequence[Group], codes: np.ndarray) -> xarray.Dataset:
    """One dataset of all runs, of which each has its records in the group of its number in ``codes`` (runs,).

    A dimension on which runs differ becomes a bare index, as in a sweep's records: its coordinate is then given for
    each run, and shorter runs are filled with NaN, or an empty text. Whole numbers and truth values become floats.
    """
    holders = _variables(groups)
    dims = {name: _dims(name, list(parts.values())) for name, parts in holders.items()}
    known = _dimensions(groups, holders, dims)
    alike = {name for name, dimension in known.items() if dimension.alike}
    made = dict[str, Any]()
    for name, parts in holders.items():
        shape = tuple(max(known[dim].lengths.values()) for dim in dims[name])
        own = [dim if dim in alike else f"{dim}_index" for dim in dims[name]]
        made[name] = _variable([parts.get(code) for code in range(len(groups))], codes, own, shape)
    beside = {name for group in groups for name in group.coordinates if name in made}
    for name, dimension in known.items():
        if dimension.coordinates and name in alike:
            array = next(iter(dimension.coordinates.values()))
            made[name] = ((name,), np.asarray(open_array(array.folder)[...]), attributes_of(array))
        elif dimension.coordinates and name not in made:
            shape = (max(dimension.lengths.values()),)
            arrays = [dimension.coordinates.get(code) for code in range(len(groups))]
            made[name] = _variable(arrays, codes, [f"{name}_index"], shape)
            beside.add(name)
    return xarray.Dataset(made).set_coords(sorted(beside))


def attributes_of(array: StoredArray) -> dict[str, Any]:
    """Attributes that the variable had."""
    return {key: value for key, value in array.metadata["attributes"].items() if key != NAME}


def _variables(groups: Sequence[Group]) -> dict[str, dict[int, StoredArray]]:
    """Name -> number of the group -> array: ``h_1d`` where the variable has another number of dimensions elsewhere."""
    depths: dict[str, set[int]] = {}
    for group in groups:
        for name in group.variables:
            depths.setdefault(name, set()).add(len(group.arrays[name].dims))
    found: dict[str, dict[int, StoredArray]] = {}
    for code, group in enumerate(groups):
        for name in group.variables:
            array = group.arrays[name]
            called = name if len(depths[name]) == 1 else f"{name}_{len(array.dims)}d"
            found.setdefault(called, {})[code] = array
    return found


def _dims(name: str, parts: Sequence[StoredArray]) -> list[str]:
    """Dimensions of a variable: ``time_h_error`` where runs call them differently, as intervals of records are."""
    made = []
    for position, dim in enumerate(parts[0].dims):
        if all(part.dims[position] == dim for part in parts):
            made.append(dim)
        else:
            kind = next((kind for kind in _KINDS if kind in dim.split("_")), dim)
            made.append(f"{kind}_{name.replace('.', '_')}")
    return made


def _dimensions(
    groups: Sequence[Group], holders: Mapping[str, Mapping[int, StoredArray]], dims: Mapping[str, Sequence[str]]
) -> dict[str, _Dimension]:
    lengths: dict[str, dict[int, int]] = {}
    coordinates: dict[str, dict[int, StoredArray]] = {}
    for name, parts in holders.items():
        for code, array in parts.items():
            for new, old, length in zip(dims[name], array.dims, array.metadata["shape"][1:], strict=True):
                lengths.setdefault(new, {})[code] = length
                coordinate = groups[code].arrays.get(old)
                if coordinate is not None and not coordinate.rows:
                    coordinates.setdefault(new, {})[code] = coordinate
    return {name: _Dimension(found, coordinates.get(name, {})) for name, found in lengths.items()}


def _variable(
    parts: Sequence[StoredArray | None], codes: np.ndarray, dims: Sequence[str], shape: tuple[int, ...]
) -> xarray.Variable:
    there = [part for part in parts if part is not None]
    dtypes = [np.dtype(object if part.text else part.metadata["data_type"]) for part in there]
    dtype = np.result_type(*(each if each.kind in "fcO" else np.dtype(float) for each in dtypes))
    array = indexing.LazilyIndexedArray(_Rows(parts, codes, shape, dtype))
    return xarray.Variable((RUN, *dims), array, attributes_of(there[0]))
