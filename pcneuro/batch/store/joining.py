"""Records of runs that differ in shape, as one dataset: NaN where a run has nothing, and read only when asked for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray

from pcneuro.batch.store.names import RUN
from pcneuro.studies.records import loosened, same, same_dimensions


def joined(parts: Mapping[str, xarray.Dataset], schemas: np.ndarray, block: int) -> xarray.Dataset:
    """One dataset of parts that all have all runs, of which each has those that ``schemas`` (runs,) says.

    A dimension on which parts differ becomes a bare index, as in a sweep's records: its coordinate is then given for
    each run, and shorter runs are filled with NaN, or an empty text. Whole numbers and truth values become floats.
    """
    names = [name for name, part in parts.items() if part.data_vars]
    datasets = same_dimensions(_alike([parts[name].reset_coords(_beside(parts[name])) for name in names]))
    beside = {name for each in names for name in _beside(parts[each])}
    firsts = {dim: each for each in reversed(datasets) for dim in each.dims if dim != RUN}
    unlike = {dim for dim, first in firsts.items() if not all(same(first, each, dim) for each in datasets)}
    loose = [loosened(each, unlike) for each in datasets]
    beside |= {dim for dim in unlike if any(dim in each.coords for each in datasets)}
    sizes = {f"{dim}_index": max(each.sizes.get(f"{dim}_index", 0) for each in loose) for dim in unlike}
    whole: dict[Hashable, xarray.Variable] = {}
    for schema, each in zip(names, loose, strict=True):
        here = xarray.Variable((RUN,), schemas == schema).chunk({RUN: block})
        padded = each.reset_coords(_beside(each)).drop_vars([name for name in sizes if name in each.variables])
        for name, variable in padded.data_vars.items():
            values = _along_runs(variable.variable, here, sizes)
            whole[name] = values if name not in whole else _either(here, values, whole[name])
    made = xarray.Dataset(whole, coords=_indices(datasets, unlike))
    return made.set_coords([name for name in beside if name in made])


def _beside(dataset: xarray.Dataset) -> list[Hashable]:
    return [name for name in dataset.coords if name not in dataset.dims]


def _alike(datasets: list[xarray.Dataset]) -> list[xarray.Dataset]:
    """Datasets in which a variable has as many dimensions everywhere: ``h_1d`` where it has one more than elsewhere."""
    depths: dict[Hashable, set[int]] = {}
    for each in datasets:
        for name, variable in each.data_vars.items():
            depths.setdefault(name, set()).add(variable.ndim)
    return [
        each.rename({name: f"{name}_{each[name].ndim - 1}d" for name in each.data_vars if len(depths[name]) > 1})
        for each in datasets
    ]


def _indices(datasets: list[xarray.Dataset], unlike: set[Hashable]) -> dict[Hashable, xarray.Variable]:
    """Coordinates of dimensions that all have in common."""
    return {
        name: each[name].variable
        for each in datasets
        for name in each.coords
        if name in each.dims and name not in unlike and name != RUN
    }


def _along_runs(variable: xarray.Variable, here: xarray.Variable, sizes: Mapping[str, int]) -> xarray.Variable:
    """A variable with a row for each run, of the full sizes, filled where the run is of another part."""
    text = variable.dtype.kind in "TUO"
    if variable.dtype.kind in "biu":
        variable = variable.astype(float)
    elif text:
        variable = variable.astype(object)
    fill: Any = "" if text else np.nan
    widths = {dim: (0, sizes[str(dim)] - length) for dim, length in variable.sizes.items() if dim in sizes}
    variable = variable.pad({dim: width for dim, width in widths.items() if width[1]}, constant_values=fill)
    filled = variable.where(here, fill)
    return (
        filled.transpose(RUN, *(dim for dim in filled.dims if dim != RUN))
        .copy(deep=False)
        ._replace(attrs=dict(variable.attrs))
    )


def _either(here: xarray.Variable, values: xarray.Variable, others: xarray.Variable) -> xarray.Variable:
    """``values`` of the runs that are here, ``others`` of the rest."""
    made = values.where(here, others)
    return made.transpose(*others.dims)._replace(attrs=dict(others.attrs))
