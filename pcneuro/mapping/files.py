"""Mappings in netCDF files, which are read without being trusted: no code, no size that is not there, one digest."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from pcneuro.circuit.networks import hdf5
from pcneuro.errors import CircuitFileError, PcneuroError, shown
from pcneuro.files import guarded, write_atomically
from pcneuro.mapping import validity
from pcneuro.mapping.abstract_mapping import AbstractMapping
from pcneuro.mapping.chips import Chip, chip_of
from pcneuro.mapping.schema import ENTRIES, NAMES, dataset_of

if TYPE_CHECKING:
    import xarray

FORMAT, VERSION = "pcneuro mapping", 3
DIGEST, FACTS = "digest", "chip_facts"
LONGEST_FACTS = 1_000_000
"""Letters of an attribute."""
_WHAT = "the mapping"
_TEXTS = (
    "format",
    "chip",
    FACTS,
    DIGEST,
    "circuit",
    "circuit_digest",
    "clamped",
    "activity",
    "given",
    "division",
    "strategies",
    "libraries",
    "notes",
    "unpriced",
    "pcneuro",
)
_WHOLE = (
    "version",
    "mesh_width",
    "mesh_height",
    "cores_a_tile",
    "seed",
    "together",
    "inputs",
    "synapses",
    "axons",
    "samples",
)


def write(mapping: AbstractMapping, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Write a mapping. Raises OutputError."""
    data = mapping.data.assign_attrs({"format": FORMAT, "version": VERSION, FACTS: facts_of(mapping.chip)})
    data = data.assign_attrs({DIGEST: digest(data)})

    from pcneuro.recording.netcdf import write_netcdf  # and with it libraries that nothing else here needs

    def put(file: BinaryIO) -> None:
        with guarded(file) as target:
            write_netcdf(data, target)

    write_atomically(path, put, overwrite=overwrite)


def digest(data: xarray.Dataset) -> str:
    """Of all numbers, names and attributes."""
    made = hashlib.sha256()
    for name, entry in ENTRIES.items():
        values = np.ascontiguousarray(data[name].values, dtype=entry.dtype.newbyteorder("<"))
        made.update(f"{name} {values.shape} ".encode() + values.tobytes())
    names = {name: [str(each) for each in data[name].values] for name in NAMES}
    facts = {name: data.attrs[name] for name in (*_TEXTS, *_WHOLE) if name != DIGEST}
    made.update(json.dumps([names, facts], sort_keys=True).encode())
    return made.hexdigest()


def read(path: str | os.PathLike[str]) -> tuple[xarray.Dataset, Chip]:
    """The dataset and the chip of the mapping in a file. Raises CircuitFileError."""
    try:
        with hdf5.opened(_WHAT, path) as root:
            values: dict[str, Any] = {name: hdf5.array(root, name, len(e.dims)) for name, e in ENTRIES.items()}
            values |= {name: hdf5.texts(root, name) for name in NAMES}
            attributes = {name: _attribute(root, name, str) for name in _TEXTS}
            attributes |= {name: _attribute(root, name, int) for name in _WHOLE}
        return _checked(values, attributes)
    except CircuitFileError as error:
        raise CircuitFileError(f"{shown(str(path))}: {error}") from None
    except PcneuroError as error:
        raise CircuitFileError(str(error)) from None


def _attribute(root: Any, name: str, kind: type) -> Any:
    """An attribute that is text, or a whole number."""
    if name not in root.attrs:
        raise CircuitFileError(f"it is no mapping: it has no attribute {name!r}")
    if root.attrs.get_id(name).get_storage_size() > LONGEST_FACTS:
        raise CircuitFileError(f"the attribute {name!r} is too large")
    value = root.attrs[name]
    if kind is int and np.size(value) == 1 and np.asarray(value).dtype.kind in "iu":
        return int(np.ravel(value)[0])
    if kind is str and isinstance(value, str) and len(value) <= LONGEST_FACTS:
        return value
    raise CircuitFileError(f"the attribute {name!r} is no {'text' if kind is str else 'whole number'}")


def _checked(values: dict[str, Any], attributes: dict[str, Any]) -> tuple[xarray.Dataset, Chip]:
    """What was read, if it is a mapping."""
    if (attributes["format"], attributes["version"]) != (FORMAT, VERSION):
        raise CircuitFileError(f"its format is {shown(attributes['format'])}; this pcneuro reads {FORMAT!r} {VERSION}")
    sizes: dict[str, int] = {}
    for name, dims in [*((name, (dim,)) for name, dim in NAMES.items()), *((n, e.dims) for n, e in ENTRIES.items())]:
        shape = np.shape(values[name])
        if any(sizes.setdefault(dim, size) != size for dim, size in zip(dims, shape, strict=True)):
            raise CircuitFileError(f"{name} is of shape {shape}, and others of {[sizes[dim] for dim in dims]}")
        if name in ENTRIES and (values[name].dtype.kind == "f") != (ENTRIES[name].kind == "f"):
            raise CircuitFileError(f"{name} has numbers of type {values[name].dtype}")
    data = dataset_of(values, attributes)
    if digest(data) != attributes[DIGEST]:
        raise CircuitFileError("its numbers are not those that were written: it is damaged; map the circuit again")
    try:
        chip = chip_of(json.loads(attributes[FACTS]))
    except (ValueError, RecursionError) as error:  # the package's own errors of tables are ValueErrors
        raise CircuitFileError(f"the attribute {FACTS!r} is no chip: {error}") from None
    validity.check(data, chip)
    return data, chip


def facts_of(chip: Chip) -> str:
    """A chip as JSON, of which ``chip_of`` makes it again."""
    from dataclasses import asdict

    return json.dumps(chip.model_dump(exclude_none=True) | {"mesh": asdict(chip.mesh)}, sort_keys=True)
