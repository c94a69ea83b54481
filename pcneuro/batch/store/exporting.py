"""A store as one netCDF file, written block by block."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import h5netcdf
import h5py
import numpy as np
import xarray

from pcneuro.batch.store.names import RUN, folder_name
from pcneuro.files import guarded, write_atomically
from pcneuro.recording.netcdf import write_netcdf

BYTES = 1 << 25
"""So many are read at once."""


def export(dataset: xarray.Dataset, path: str | os.PathLike[str], block: int, *, overwrite: bool) -> Path:
    """Write a dataset with the dimension ``run``, of chunks of ``block`` runs. Raises OutputError."""
    dataset = _plain(dataset)
    runs = dataset.sizes[RUN]
    row = sum(each.dtype.itemsize * math.prod(each.shape) for each in _rows(dataset)) / max(1, runs)
    stretch = block * max(1, int(BYTES / max(row, 1) / block))

    def write(file: BinaryIO) -> None:
        with guarded(file) as target:
            first = _loaded(dataset, slice(0, stretch))
            write_netcdf(first, target, unlimited=[RUN])
            if stretch >= runs:
                return
            with h5py.File(target, "r+") as storage, h5netcdf.File(storage, "r+") as into:
                into.resize_dimension(RUN, runs)
                for start in range(stretch, runs, stretch):
                    part = _loaded(dataset, slice(start, start + stretch))
                    for each in _rows(part):
                        encoded = xarray.conventions.encode_cf_variable(each.variable, name=each.name)
                        into.variables[str(each.name)][start : start + part.sizes[RUN]] = encoded.values
                    target.check()

    write_atomically(path, write, overwrite=overwrite)
    return Path(path)


def _rows(dataset: xarray.Dataset) -> Iterator[xarray.DataArray]:
    return (dataset[name] for name in dataset.variables if RUN in dataset[name].dims)


def _loaded(dataset: xarray.Dataset, runs: slice) -> xarray.Dataset:
    """A stretch of runs in memory; text as objects, without NUL, which HDF5 takes for its end."""
    part = dataset.isel({RUN: runs}).load()
    for name, each in part.variables.items():
        if each.dtype.kind in "TUO":
            text = [str(value).replace("\0", "\\0") for value in each.values.flat]
            part[name] = (each.dims, np.array(text, dtype=object).reshape(each.shape), each.attrs)
    return part


def _plain(dataset: xarray.Dataset) -> xarray.Dataset:
    """Only what netCDF has: no complex numbers, no half floats, no slashes in names, and no encoding of zarr's."""
    made = dataset.drop_encoding()
    for name, each in ((str(name), each) for name, each in dataset.variables.items()):
        if each.dtype.kind == "c":
            for part, values in (("real", made[name].real), ("imag", made[name].imag)):
                made[f"{name}.{part}"] = values.assign_attrs(each.attrs)
            made = made.drop_vars(name)
        elif each.dtype == np.float16:
            made[name] = made[name].astype(np.float32).assign_attrs(each.attrs)
    names = {name: folder_name(str(name)) for name in (*made.variables, *made.dims)}
    return made.rename({old: new for old, new in names.items() if old != new})
