"""Which records are refused where they are made; and how the dimensions of what they keep are called."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"vertex": 1}, "vertex of a Record is 1; give a name"),
        ({"vertex": ["h1"]}, "vertex of a Record is a list"),
        ({"variable": None}, "variable of a Record is None"),
        ({"every": "1"}, "every of the record of 'h1' is '1'; give a positive, finite number, in ms"),
        (
            {"units": 0},
            r"units of the record of 'h1': 0 is no sequence of whole numbers; give indices such as \[0, 1\]",
        ),
        ({"units": "01"}, "'01' is no sequence"),
        ({"units": [0.5]}, "a list is no sequence of whole numbers"),
        ({"units": np.array([True, False])}, "a ndarray is no sequence of whole numbers"),
        ({"units": {0, 1}}, "a set is no sequence"),
        ({"samples": 1}, "samples of the record of 'h1': 1 is no sequence"),
    ],
)
def test_a_record_that_is_none_is_refused_where_it_is_made(arguments, text):
    with pytest.raises(ParameterError, match=text):
        pcn.Record(**{"vertex": "h1", **arguments})


def test_indices_of_records_may_stand_in_any_sequence():
    for units in ([0, 2], (0, 2), range(0, 3, 2), np.array([0, 2], np.int8)):
        assert pcn.Record("h1", units=units) == pcn.Record("h1", units=[0, 2])


# Names of dimensions


def kept(*records, duration=20.0):
    """What is recorded of a circuit whose populations h and out have 8 and 3 units, two samples at a time."""

    def function(x, W):
        return {"name": pcn.vertex(pcn.vertex(np.tanh(x @ W), "h")[:3] * 2.0, "out")}

    graph = pcn.trace(function, x=pcn.Input((5,)), W=pcn.Parameter(np.linspace(-1, 1, 40).reshape(5, 8)))
    sim = pcn.Simulator(pcn.build_circuit(graph), dynamics=pcn.Strict())
    data = {"inputs": {"x": np.linspace(0, 1, 10).reshape(2, 5)}, "targets": {"name": np.zeros(3)[None].repeat(2, 0)}}
    return sim.run(duration, record=[pcn.Record(**record) for record in records], **data).records


VALUE, ERROR = {"vertex": "h", "variable": "value"}, {"vertex": "h", "variable": "error"}


@pytest.mark.parametrize("others", [(), ({"vertex": "out", "variable": "error"},), ({"vertex": "name"},)])
def test_units_are_named_by_population_whatever_else_is_recorded(others):
    records = kept(VALUE, ERROR, *others)
    assert records["h.value"].dims == records["h.error"].dims == ("time", "batch", "h_unit")
    product = records["h.value"] * records["h.error"]
    np.testing.assert_array_equal(product.values, records["h.value"].values * records["h.error"].values)
    for name in records.data_vars:
        assert records[name].dims[2] == ("h_unit" if str(name).startswith("h.") else "out_unit")


def test_times_are_named_by_interval_where_intervals_differ():
    records = kept({**VALUE, "every": 1.0}, {**ERROR, "every": 5.0}, {"vertex": "out", "every": 5.0})
    assert [records[name].dims[0] for name in ("h.value", "h.error", "out.value")] == [
        "time_1ms",
        "time_5ms",
        "time_5ms",
    ]
    np.testing.assert_array_equal(records["time_5ms"], [0.0, 5.0, 10.0, 15.0, 20.0])
    whole = kept({**ERROR, "every": 1.0})["h.error"]
    np.testing.assert_array_equal(records["h.error"], whole.sel(time=records["time_5ms"].values))


def test_choices_that_differ_have_names_of_their_own():
    records = kept({**VALUE, "units": [0, 2]}, ERROR, {**ERROR, "variable": "feedback", "units": [0, 2]})
    assert records["h.error"].dims[2] == "h_unit"
    assert records["h.value"].dims[2] == records["h.feedback"].dims[2] == "h_unit_value"
    np.testing.assert_array_equal(records["h_unit_value"], [0, 2])
    records = kept({**VALUE, "units": [0, 2]}, {**ERROR, "units": [0, 2]}, {"vertex": "out", "units": [1]})
    assert [records[name].dims[2] for name in records.data_vars] == ["h_unit", "h_unit", "out_unit"]
    records = kept({**VALUE, "samples": [1]}, {"vertex": "out", "samples": [1]})
    assert {records[name].dims[1] for name in records.data_vars} == {"batch"}
    records = kept({**VALUE, "samples": [1]}, ERROR, {"vertex": "out", "samples": [1]})
    assert [records[name].dims[1] for name in records.data_vars] == ["batch_h_value", "batch", "batch_h_value"]


def test_units_and_samples_counted_from_the_end_are_labelled_as_what_they_are():
    records = kept({**VALUE, "units": [-1, 0], "samples": [-1]}, {**ERROR, "units": [7, 0], "samples": [1]})
    assert records["h.value"].dims == records["h.error"].dims == ("time", "batch", "h_unit")
    np.testing.assert_array_equal(records["h_unit"], [7, 0])
    np.testing.assert_array_equal(records["batch"], [1])
    whole = kept(VALUE)["h.value"]
    np.testing.assert_array_equal(records["h.value"], whole.sel(h_unit=[7, 0], batch=[1]))


def test_an_output_under_two_names_is_one_population():
    records = kept(
        {"vertex": "out", "units": [0]}, {"vertex": "name", "units": [1]}, {"vertex": "out", "variable": "error"}
    )
    assert [records[name].dims[2] for name in records.data_vars] == [
        "out_unit_value",
        "out_unit_name_value",
        "out_unit",
    ]
