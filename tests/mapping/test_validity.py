"""Files of mappings that somebody has made up, digest and all: what cannot be a mapping is one line."""

import numpy as np
import pytest

from pcneuro.errors import CircuitFileError
from pcneuro.mapping import files
from pcneuro.mapping.result import Mapping
from tests.mapping.mappings_for_tests import made_up


def forged(path, **changes):
    """A mapping whose attributes or arrays are others, with the digest of these."""
    made = made_up(5)
    attributes = {name: value for name, value in changes.items() if name in made.data.attrs}
    data = made.data.assign_attrs(attributes)
    for name, value in changes.items():
        if name not in attributes:
            data[name] = (data[name].dims, np.asarray(value, dtype=data[name].dtype), data[name].attrs)
    Mapping(data, made.chip).to_netcdf(path)
    return path


def first(name, value):
    values = made_up(5).data[name].values.copy()
    values.flat[0] = value
    return values


ATTRIBUTES = {
    "is no list of texts": [("notes", "5"), ("notes", "{"), ("strategies", "[null]"), ("unpriced", "[" * 10_000)],
    "has control characters": [("activity", "a\x1b[31m"), ("notes", '["a\\nb"]')],
    "no operation of a chip": [("unpriced", '["x"]')],
    "has the facts of another": [("chip", "loihi2"), ("mesh_width", 2**40), ("cores_a_tile", 5)],
    "which is no count": [("seed", -1), ("synapses", -1), ("samples", -1)],
}
ARRAYS = {
    "which is no count": [
        ("packets", np.nan),
        ("synops", -1.0),
        ("link_packets", np.inf),
        ("energy", 1e300),
        ("held", -1),
    ],
    "on core 9 of 5": [("core_of", 9)],
    "limiting_core is 5 of 5": [("limiting_core", 5)],
    "other numbers of neurons": [("population_size", 2**62)],
    "not in the order of their populations": [("unit", 7), ("population", 1)],
    "in slots that the chip does not have": [("slot", 10**6)],
    "not those of their slots": [("x", 7), ("y", 9)],
    "not between neighbouring tiles": [("link_x", 10**6), ("link_to_y", 0), ("link_to_x", 0)],
}


def pairs(table):
    return [(said, *pair) for said, rows in table.items() for pair in rows]


@pytest.mark.parametrize(("said", "name", "value"), pairs(ATTRIBUTES))
def test_attributes_that_no_mapping_has_are_refused(tmp_path, said, name, value):
    refused(forged(tmp_path / "x.nc", **{name: value}), said)


@pytest.mark.parametrize(("said", "name", "value"), pairs(ARRAYS))
def test_numbers_that_no_mapping_has_are_refused(tmp_path, said, name, value):
    values = np.full_like(made_up(5).data[name].values, value) if "link_to" in name else first(name, value)
    refused(forged(tmp_path / "x.nc", **{name: values}), said)


@pytest.mark.parametrize("name", ["$\\frac{$.value", "<b>.error", "h1.valu", "", "x" * 300 + ".value", "h0.value"])
def test_names_that_no_population_has_are_refused(tmp_path, name):
    made = made_up(5)
    names = [*made.data["population_name"].values[:-1], name]
    data = made.data.assign_coords(population_name=(made.data["population_name"].dims, np.array(names)))
    Mapping(data, made.chip).to_netcdf(tmp_path / "x.nc")
    refused(tmp_path / "x.nc", "is no name|is no population|a name twice")


def test_what_is_not_forged_is_read(tmp_path):
    assert str(Mapping.read(forged(tmp_path / "x.nc"))) == str(made_up(5))
    assert files.read(tmp_path / "x.nc")[1] == made_up(5).chip


def refused(path, said):
    with pytest.raises(CircuitFileError, match=said) as told:
        Mapping.read(path)
    assert "\n" not in str(told.value)
