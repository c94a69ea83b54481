"""NumPy's histograms of constants with traced weights: NumPy's sums, and the gradients of a linear map."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close

VALUES = np.array([1.0, 2.0, 2.0, 5.0, 3.5, -1.0])
OTHERS = np.array([0.0, 1.0, 3.0, 3.0, 0.5, 2.0])
WEIGHTS = np.array([0.3, -1.0, 2.0, 0.7, 1.1, 0.4])

LINEAR = {
    "as many bins": lambda w: np.histogram(VALUES, 4, weights=w)[0],
    "edges": lambda w: np.histogram(VALUES, [0.0, 2.0, 5.0], weights=w)[0],
    "a range": lambda w: np.histogram(VALUES, 3, (1.0, 3.0), weights=w)[0],
    "an array": lambda w: np.histogram(VALUES.reshape(2, 3), weights=w.reshape(2, 3))[0],
    "with the edges": lambda w: np.multiply(*(a[:4] for a in np.histogram(VALUES, 4, weights=w))),
    "two": lambda w: np.histogram2d(VALUES, OTHERS, 3, weights=w)[0],
    "several": lambda w: np.histogramdd(np.stack([VALUES, OTHERS], axis=1), (2, 3), weights=w)[0],
}


@pytest.mark.parametrize("function", LINEAR.values(), ids=LINEAR)
def test_sums_are_those_of_numpy(function):
    graph, expected = pcn.trace(function, w=pcn.Parameter(WEIGHTS)), function(WEIGHTS)
    got = pcn.backprop(graph, targets={"out": np.zeros(expected.shape)})
    assert_close(got.values["out"][0], expected, 1e-14)
    assert_close(got.gradients["w"], [np.sum(function(e) * expected) for e in np.eye(6)], 1e-14)


def test_densities_are_those_of_numpy():
    def function(w):
        return np.histogram(VALUES, [0.0, 2.0, 5.0], density=True, weights=w)[0]

    graph = pcn.trace(function, w=pcn.Parameter(WEIGHTS))
    assert_close(pcn.backprop(graph).values["out"][0], function(WEIGHTS), 1e-14)


def test_traced_values_and_other_weights_are_refused():
    for function in (
        lambda x: np.histogram(x)[0],
        lambda x: np.histogram2d(x, VALUES)[0],
        lambda x: np.histogramdd([x, VALUES])[0],
        lambda x: np.histogram(VALUES, [x[0], 3.0], weights=x)[0],
    ):
        with pytest.raises(TraceError, match=r"np\.histogram\w* of traced values .*soft bins"):
            pcn.trace(function, x=pcn.Input((6,)))
    with pytest.raises(ShapeError, match=r"np\.histogram of 6 values with weights of shape \(5,\)"):
        pcn.trace(lambda x: np.histogram(VALUES, weights=x)[0], x=pcn.Input((5,)))
