"""Indexing by traced arrays as NumPy has it: every form of index beside it, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close

RNG = np.random.default_rng(0)
MASK = np.array([True, False, True])
TIES = np.array([1.0, 0.0, 1.0])
CONSTANT = RNG.normal(size=(3, 4))

FORMS = {
    "first axis": lambda x, i: x[i],
    "last axis": lambda x, i: x[..., i],
    "middle axis": lambda x, i: x[:, i],
    "with a slice": lambda x, i: x[1:, :, i],
    "with a new axis": lambda x, i: x[None, i, :, None],
    "with a number": lambda x, i: x[i, 1],
    "with a number apart": lambda x, i: x[i, :, 1],
    "with an array": lambda x, i: x[i, :, np.array([0, 2, 1])],
    "with a mask": lambda x, i: x[:, MASK, i[:2]],
    "with a list": lambda x, i: x[[0, 1, 2], i],
    "as a column": lambda x, i: x[i[:, None], np.array([0, 1])],
    "twice": lambda x, i: x[i, :, i],
    "thrice": lambda x, i: x[i, i[::-1], i[:, None]],
    "a number of its own": lambda x, i: x[i[0]] + x[:, i[1], 0],
    "taken": lambda x, i: np.take(x, i, axis=-1) + x.take(i, axis=2),
    "taken of all": lambda x, i: np.take(x, i),
    "of a constant": lambda x, i: np.take(CONSTANT, i, axis=1) * x[0, 0, 0],
    "in order": lambda x, i: np.take_along_axis(x, np.argsort(x, axis=1)[:, ::-1], axis=1),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_it_is_what_numpy_takes(form):
    x = RNG.normal(size=(3, 3, 3))

    def function(x):
        return form(x, np.argmax(x[0], axis=0))

    graph = pcn.trace(function, x=pcn.Parameter(x))
    assert_close(pcn.backprop(graph, {}).values["out"][0], function(x), 1e-15)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.compress([True, False, True], x, axis=1),
        lambda x: np.extract(MASK, x[0]),
        lambda x: np.choose([0, 1, 0], [x[0], x[1]]),
        lambda x: np.choose(np.argsort(x, axis=0), [x, x**2, 7.0]),
        lambda x: x[0][np.lexsort((x[1], TIES))],
        lambda x: x[0][np.lexsort((TIES, x[2]))],
    ],
)
def test_other_functions_of_indices(function):
    x = RNG.normal(size=(3, 3))
    graph = pcn.trace(function, x=pcn.Parameter(x))
    assert_close(pcn.backprop(graph, {}).values["out"][0], function(x), 1e-15)


def test_whole_numbers_stay_whole():
    seen = []

    def function(x):
        order = np.argsort(x)
        seen.append((order[::-1].dtype, order[order].dtype, np.take(x, order).dtype))
        return x[order[order]]

    pcn.trace(function, x=pcn.Parameter(RNG.normal(size=4)))
    assert seen[0] == (np.int64, np.int64, np.float64)


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x: x[x], TraceError, "indexing by a traced array of float64"),
        (lambda x: x[x[0]], TraceError, r"np\.argmax, np\.argsort"),
        (lambda x: np.take(x, x), TraceError, "indexing by a traced array of float64"),
        (lambda x: np.take(x, x > 0, mode="clip"), TraceError, "by a mask that depends on the data"),
        (lambda x: np.take(x, np.argsort(x), axis=1), ShapeError, r"np\.take over axis \[1\]"),
        (lambda x: x[0, np.argsort(x)], ShapeError, r"too many indices .* shape \(3,\)"),
        (lambda x: np.unique(x), TraceError, r"np\.unique .*how many there are would depend on the data"),
        (lambda x: np.choose(x, [x, x], mode="wrap"), TraceError, "indexing by a traced array of float64"),
        (lambda x: np.take_along_axis(x, np.argsort(x)[:, None], 0), ShapeError, "have other axes"),
        (lambda x: np.take(x, [5]), ShapeError, r"np\.take of shape \(3,\): .*out of bounds"),
    ],
)
def test_what_cannot_be_is_named(function, error, text):
    with pytest.raises(error, match=text) as caught:
        pcn.trace(function, x=pcn.Input((3,)))
    assert "test_picking.py:" in str(caught.value)
