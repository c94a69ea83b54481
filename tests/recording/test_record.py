"""Which records are refused where they are made."""

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
        ({"every": "1"}, "record of 'h1' every '1': give a number of ms"),
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
