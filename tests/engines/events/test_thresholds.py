"""Thresholds: what is none is refused in one line, and what a file says becomes one."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.engines.settings import EventDriven
from pcneuro.errors import ParameterError
from pcneuro.files.toml import Problem
from pcneuro.studies.tables import made_from


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (np.full((100, 100), -1.0), "threshold is -1 in places"),
        (np.array([1.0, np.nan]), "threshold is nan in places"),
        (np.inf, "threshold is inf;"),
        ([], "threshold is an empty array"),
        (True, "threshold is True"),
        ("x", "threshold is 'x'"),
        (10**400, "threshold is a number of more than 30 digits"),
    ],
)
def test_what_is_no_absolute_threshold(values, text):
    with pytest.raises(ParameterError, match=text) as caught:
        pcn.Absolute(values)
    assert len(str(caught.value)) < 100
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [np.full(50, 0.1), True, "small", {"h": -1.0}, {"h": "x"}, 10**400, -0.5, np.nan])
def test_what_is_no_threshold(given):
    with pytest.raises(ParameterError, match=r"threshold (of 'h' )?is ") as caught:
        pcn.EventDriven(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), np.int64(1), 1])
def test_numbers_of_numpy_are_numbers(number):
    pcn.EventDriven(number)
    assert pcn.Share(number).share == float(number)


def made(**table):
    return made_from({"EventDriven": EventDriven}, "EventDriven", table)


def test_tables_in_files_are_thresholds():
    assert made(threshold=0).threshold == 0
    absolute = made(threshold={"kind": "Absolute", "values": [0.1, 0.2]}).threshold
    np.testing.assert_array_equal(absolute.values, [0.1, 0.2])
    assert made(threshold={"h": 0.1, "k": {"kind": "Share", "share": 0.2}}).threshold == {"h": 0.1, "k": pcn.Share(0.2)}
    both = made(values={"kind": "Share", "share": 0.2}, mode={"kind": "Exact", "order": 2})
    assert (both.values, both.mode) == (pcn.Share(0.2), pcn.Exact(order=2))


@pytest.mark.parametrize(
    ("threshold", "path", "text"),
    [
        ("small", ("threshold",), "is 'small'; give a number, or a table with a kind: one of Share, Absolute"),
        (True, ("threshold",), "is True; give"),
        ([0.1], ("threshold",), "is a list; give"),
        ({"kind": "Abs", "values": 1.0}, ("threshold", "kind"), "did you mean 'Absolute'"),
        ({"kind": "Absolute", "values": -1.0}, ("threshold",), "threshold is -1"),
        ({"h": "x"}, ("threshold", "h"), "is 'x'; give"),
    ],
)
def test_tables_that_are_none(threshold, path, text):
    with pytest.raises(Problem, match=text) as caught:
        made(threshold=threshold)
    assert caught.value.path == path
