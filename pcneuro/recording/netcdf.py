"""Datasets as netCDF, written to a file that is guarded against a full disk."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import h5netcdf
import xarray
from xarray.backends import H5NetCDFStore

from pcneuro.files import GuardedFile


def write_netcdf(
    dataset: xarray.Dataset,
    target: GuardedFile,
    *,
    unlimited: Collection[str] = (),
    encoding: Mapping[str, Any] | None = None,
) -> None:
    """Write a dataset, which ``xarray.open_dataset`` reads; ``unlimited`` dimensions can grow.

    Nothing is raised where the file cannot be written: the target knows, and tells when it is committed.
    """
    with h5netcdf.File(target, "w") as root:
        dataset.dump_to_store(H5NetCDFStore(root), encoding=dict(encoding or {}), unlimited_dims=list(unlimited))
