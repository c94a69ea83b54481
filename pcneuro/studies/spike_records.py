"""Spikes, and what was decoded from them, as arrays with dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcneuro.export.targets import Exported
from pcneuro.simulator.result import Result

if TYPE_CHECKING:
    import xarray


def spike_records(exported: Exported) -> xarray.Dataset:
    """Spikes with a dimension of their own for each vertex, ``<vertex>.spike``."""
    import xarray

    found = xarray.Dataset()
    for vertex, table in exported.spikes.items():
        for name in table.dtype.names or ():
            attributes = {"units": "ms"} if name == "time" else {}
            found[f"{vertex}.spike_{name}"] = (f"{vertex}.spike", table[name], attributes)
    return found


def decoded_records(exported: Exported, own: Result) -> xarray.Dataset:
    """Errors at the end by both, (batch, unit) each, under ``<vertex>.decoded`` and ``<vertex>.graded``."""
    import xarray

    found = xarray.Dataset()
    for vertex in own.errors:
        for name, errors in (("decoded", exported.errors[vertex]), ("graded", own.errors[vertex])):
            found[f"{vertex}.{name}"] = (("batch", f"{vertex}.unit"), errors.reshape(len(errors), -1))
    return found
