"""Records as datasets: those of a sweep with the dimension ``run``, and spikes with what was decoded from them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray

from pcneuro.export.targets import Exported
from pcneuro.files import guarded
from pcneuro.files.toml import Problem
from pcneuro.recording.netcdf import write_netcdf
from pcneuro.recording.record import Record
from pcneuro.simulator.result import Result
from pcneuro.studies.tables import made_from

RUN = "run"


def record_tables(raw: Any) -> Any:
    """``Record`` objects from the tables ``[[record]]`` of a file. Raises Problem."""
    if not isinstance(raw, list):
        raise Problem((), "needs tables: write [[record]] above the keys of each")
    records = []
    for number, table in enumerate(raw):
        try:
            records.append(made_from({"Record": Record}, "Record", table))
        except Problem as problem:
            raise problem.below(str(number)) from None
    return records


def stack(datasets: Sequence[xarray.Dataset], swept: Sequence[Mapping[str, Any]]) -> xarray.Dataset:
    """One dataset along ``run``, with the swept values as coordinates of it.

    A dimension on which runs differ (another time step, other populations) becomes a bare index: its coordinate is then
    given for each run, and shorter runs are filled with NaN, or an empty text.
    """
    datasets = _same_dimensions(datasets)
    # Each dataset is compared with the first that has the dimension, so that the time is that of their number.
    firsts = {dim: each for each in reversed(datasets) for dim in each.dims}
    unlike = {dim for dim, first in firsts.items() if not all(_same(first, each, dim) for each in datasets)}
    loose = [_loosened(each, unlike) for each in datasets]
    # As variables, coordinates may be missing in some: what one run has and another has not is NaN there.
    beside = {name for each in loose for name in each.coords if name not in each.dims}
    joined = xarray.concat(
        [each.reset_coords() for each in loose],
        dim=RUN,
        join="outer",
        data_vars="all",
        compat="equals",
        combine_attrs="drop_conflicts",
    ).set_coords(beside)
    coordinates = {key: (RUN, _column([values[key] for values in swept])) for key in swept[0]}
    joined = joined.assign_coords({RUN: np.arange(len(datasets))} | coordinates)
    for name, variable in joined.variables.items():
        if variable.dtype == object:
            joined[name] = (variable.dims, np.where(variable.isnull(), "", variable.values).astype(str), variable.attrs)
    return joined.drop_vars([f"{dim}_index" for dim in unlike])


def _same_dimensions(datasets: Sequence[xarray.Dataset]) -> list[xarray.Dataset]:
    """Datasets in which each variable has dimensions of the same names: ``time_h1_error`` where they were not.

    Records have a dimension of time in common where their intervals agree, which may depend on the time step.
    """
    names: dict[Any, list[set[Any]]] = {}
    for dataset in datasets:
        for name, variable in dataset.data_vars.items():
            known = names.setdefault(name, [set() for _ in variable.dims])
            for at_position, dim in zip(known, variable.dims, strict=True):
                at_position.add(dim)
    if all(len(at_position) == 1 for known in names.values() for at_position in known):
        return list(datasets)
    renamed = []
    for dataset in datasets:
        parts = []
        for name in dataset.data_vars:
            part = dataset[[name]]
            for position, dim in enumerate(part[name].dims):
                if len(names[name][position]) > 1:
                    new = f"{_kind(str(dim))}_{str(name).replace('.', '_')}"
                    part = part.rename({dim: new}) if new != dim else part
            parts.append(part)
        renamed.append(xarray.merge([dataset.drop_vars(list(dataset.variables)), *parts], combine_attrs="override"))
    return renamed


def _kind(dim: str) -> str:
    """What a dimension of a record is of, of ``h1_unit``, ``time_5ms`` and so on; other dimensions as they are."""
    parts = dim.split("_")
    return next((kind for kind in ("unit", "batch", "time") if kind in parts), dim)


def _same(first: xarray.Dataset, second: xarray.Dataset, dim: Any) -> bool:
    """Whether both have a dimension, of the same size and coordinate."""
    if dim not in second.dims or first.sizes[dim] != second.sizes[dim]:
        return False
    return dim not in first.coords or (dim in second.coords and bool(np.array_equal(first[dim], second[dim])))


def _loosened(dataset: xarray.Dataset, dims: set[Any]) -> xarray.Dataset:
    """The dataset with these dimensions as bare indices."""
    names = {dim: f"{dim}_index" for dim in dims if dim in dataset.dims}
    variables = {
        name: ([names.get(dim, dim) for dim in variable.dims], variable.values, variable.attrs)
        for name, variable in dataset.variables.items()
    }
    coordinates = [name for name in variables if name in dataset.coords]
    loose = xarray.Dataset(variables, attrs=dataset.attrs).set_coords(coordinates)
    return loose.assign_coords({index: np.arange(loose.sizes[index]) for index in names.values()})


def _column(values: Sequence[Any]) -> np.ndarray:
    """Swept values as a coordinate: numbers as they are, all else as text."""
    if all(isinstance(value, bool | int | float) for value in values):
        return np.array(values)
    return np.array([value if isinstance(value, str) else json.dumps(value) for value in values], dtype=str)


def write_records(path: Path, dataset: xarray.Dataset) -> None:
    """Write netCDF, which ``xarray.open_dataset`` reads."""
    with path.open("w+b") as file, guarded(file) as target:
        write_netcdf(dataset, target)


def spike_records(exported: Exported) -> xarray.Dataset:
    """Spikes with a dimension of their own for each vertex, ``<vertex>.spike``."""
    spikes = xarray.Dataset()
    for vertex, table in exported.spikes.items():
        for name in table.dtype.names or ():
            attributes = {"units": "ms"} if name == "time" else {}
            spikes[f"{vertex}.spike_{name}"] = (f"{vertex}.spike", table[name], attributes)
    return spikes


def decoded_records(exported: Exported, graded: Result) -> xarray.Dataset:
    """Errors at the end by both, (batch, unit) each, under ``<vertex>.decoded`` and ``<vertex>.graded``."""
    decoded = xarray.Dataset()
    for vertex in graded.errors:
        for name, errors in (("decoded", exported.errors[vertex]), ("graded", graded.errors[vertex])):
            decoded[f"{vertex}.{name}"] = (("batch", f"{vertex}.unit"), errors.reshape(len(errors), -1))
    return decoded
