"""Whether the dataset of a mapping, read from a file that nobody trusts, can be one: texts, numbers, and places."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.errors import CircuitFileError, shown
from pcneuro.mapping.chips import ENERGIES, Chip
from pcneuro.mapping.schema import BOUND, BOUNDS, CANDIDATE, CORE, ENTRIES, NAMES, NEURON, ORDER, PART, POPULATION

if TYPE_CHECKING:
    import xarray

LISTS = ("notes", "strategies", "libraries", "clamped", "unpriced")
"""Attributes that are lists of texts, as JSON."""
LINES = ("circuit", "circuit_digest", "activity", "given", "division", "pcneuro")
"""Attributes that are one line each."""
COUNTS = ("seed", "together", "inputs", "synapses", "axons", "samples")
MAY_BE_UNKNOWN = (
    "most",
    "energy",
    "energy_gradient",
    "limiting_share",
    "steps",
    "time",
    "step_time",
    "longest_step",
)
"""Numbers that are NaN where they are not known, or where there is no limit."""
LARGEST = 1e100
"""No number is larger, so that sums and products of some are finite."""
_NAME = re.compile(r"[\w .\-\[\]]{1,200}")
_POPULATION = re.compile(r".+\.(value|error)")
"""Names are drawn into pictures, where others would be formulas, or have no letters."""
NONE = -1
"""Of ``limiting_core``: there are no times."""


def check(data: xarray.Dataset, chip: Chip) -> None:
    """Raise CircuitFileError where a dataset is not that of a mapping to this chip."""
    _check_texts(data)
    _check_chip(data, chip)
    _check_numbers(data)
    _check_neurons(data)
    _check_delays(data)
    _check_places(data, chip)


def _check_texts(data: xarray.Dataset) -> None:
    """Texts are shown on terminals and in pages: each is one line, without control characters."""
    for name in LISTS:
        _check_printable(name, _list_of(data.attrs[name], name))
    for name in LINES:
        _check_printable(name, [data.attrs[name]])
    for name in NAMES:
        names = [str(each) for each in data[name].values]
        wrong = next((each for each in names if not _NAME.fullmatch(each)), None)
        if wrong is not None:
            raise CircuitFileError(f"{name} has {shown(wrong)} in it, which is no name")
        if len(set(names)) < len(names):
            raise CircuitFileError(f"{name} has a name twice")
    others = [str(each) for each in data["population_name"].values if not _POPULATION.fullmatch(str(each))]
    if others:
        raise CircuitFileError(f"{shown(others[0])} is no population: these are of values or of errors")
    unknown = sorted({*json.loads(data.attrs["unpriced"])} - {*ENERGIES})
    if unknown:
        raise CircuitFileError(f"unpriced has {shown(unknown[0])}, which is no operation of a chip")
    if tuple(str(each) for each in data[BOUND].values) != BOUNDS:
        raise CircuitFileError(f"{BOUND} is not {BOUNDS}")
    if data.attrs["division"] not in [str(each) for each in data[CANDIDATE].values]:
        raise CircuitFileError(f"the division {shown(data.attrs['division'])} is none that was tried")
    for dimension in (ORDER, PART):
        if not data.sizes[dimension]:
            raise CircuitFileError(f"there is no {dimension} in it")


def _list_of(text: str, name: str) -> list[str]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, list) or not all(isinstance(each, str) for each in read):
        raise CircuitFileError(f"the attribute {name!r} is no list of texts")
    return read


def _check_printable(name: str, texts: list[str]) -> None:
    wrong = next((text for text in texts if not text.isprintable()), None)
    if wrong is not None:
        raise CircuitFileError(f"{name} has control characters in it: {shown(wrong)}")


def _check_chip(data: xarray.Dataset, chip: Chip) -> None:
    facts, mesh = data.attrs, chip.mesh
    said = facts["chip"], facts["mesh_width"], facts["mesh_height"], facts["cores_a_tile"]
    if said != (chip.name, mesh.width, mesh.height, mesh.cores_a_tile):
        raise CircuitFileError(f"it is said to be of the chip {shown(said[0])}, and has the facts of another one")


def _check_numbers(data: xarray.Dataset) -> None:
    """Counts are from 0 up, and no number is too large to be added."""
    for name, entry in ENTRIES.items():
        values = data[name].values
        if entry.kind == "f":
            wrong = (values < 0) | (values > LARGEST)
            wrong |= np.isnan(values) if name not in MAY_BE_UNKNOWN else False
        else:
            wrong = values < (NONE if name == "limiting_core" else 0)
        if wrong.any():
            raise CircuitFileError(f"{name} has {values[wrong].flat[0]!s} in it, which is no count")
    for name in COUNTS:
        if data.attrs[name] < 0:
            raise CircuitFileError(f"the attribute {name!r} is {data.attrs[name]}, which is no count")


def _check_neurons(data: xarray.Dataset) -> None:
    """Populations have all neurons, in their order, and each is on a core."""
    core, sizes = data["core_of"].values, data["population_size"].values
    if core.size and core.max() >= data.sizes[CORE]:
        raise CircuitFileError(f"a neuron is on core {core.max()} of {data.sizes[CORE]}")
    if int(data["limiting_core"]) >= data.sizes[CORE]:
        raise CircuitFileError(f"limiting_core is {int(data['limiting_core'])} of {data.sizes[CORE]}")
    if (sizes > core.size).any() or sizes.sum() != core.size:
        raise CircuitFileError("its populations have other numbers of neurons than there are")
    begin = np.repeat(np.cumsum(sizes) - sizes, sizes)
    population, unit = np.repeat(np.arange(data.sizes[POPULATION]), sizes), np.arange(data.sizes[NEURON]) - begin
    if not (np.array_equal(data["population"].values, population) and np.array_equal(data["unit"].values, unit)):
        raise CircuitFileError("its neurons are not in the order of their populations")


def _check_delays(data: xarray.Dataset) -> None:
    """Delays are of populations and cores that there are, from the shortest to the longest."""
    for of, dimension in (("", POPULATION), ("_core", CORE)):
        for name in (f"delay_from{of}", f"delay_to{of}"):
            if (data[name].values >= data.sizes[dimension]).any():
                raise CircuitFileError(f"{name} has {data[name].values.max()} in it, of {data.sizes[dimension]}")
    if (data["delay"].values[:, 0] > data["delay"].values[:, 1]).any():
        raise CircuitFileError("a shortest delay is longer than the longest")


def _check_places(data: xarray.Dataset, chip: Chip) -> None:
    """Cores are in slots of their own, and links are between neighbouring tiles."""
    mesh, slot = chip.mesh, data["slot"].values
    if slot.size and (slot.max() >= mesh.slots or np.unique(slot).size < slot.size):
        raise CircuitFileError(f"cores are in slots that the chip does not have, or two in one; it has {mesh.slots:,}")
    if not (np.array_equal(data["x"].values, mesh.x[slot]) and np.array_equal(data["y"].values, mesh.y[slot])):
        raise CircuitFileError("columns and rows of cores are not those of their slots")
    x, y, to_x, to_y = (data[name].values for name in ("link_x", "link_y", "link_to_x", "link_to_y"))
    inside = (np.maximum(x, to_x) < mesh.width) & (np.maximum(y, to_y) < mesh.height)
    if not inside.all() or (abs(x - to_x) + abs(y - to_y) != 1).any():
        raise CircuitFileError("a link is not between neighbouring tiles of the chip")
