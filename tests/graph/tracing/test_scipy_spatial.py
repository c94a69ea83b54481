"""Distances of scipy.spatial between traced points, against SciPy's and central differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close

X = np.random.default_rng(3).normal(size=(4, 3))
OTHERS = np.random.default_rng(4).normal(size=(2, 3))


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cityblock", "chebyshev"])
def test_values_are_those_of_scipy_and_gradients_those_of_differences(metric):
    def function(x):
        between = np.ravel(cdist(x, OTHERS, metric) + cdist(x[1:] * 2, x[:2], metric)[0, 0])
        return np.concatenate([between, pdist(x, metric)])

    expected, way = function(X), np.random.default_rng(5).normal(size=X.shape)
    result = pcn.backprop(pcn.trace(function, x=pcn.Parameter(X)), targets={"out": np.zeros(expected.shape)})
    assert_close(result.values["out"][0], expected, 1e-14)
    step = 1e-6
    slope = (function(X + step * way) - function(X - step * way)) / (2 * step)
    assert_close(np.sum(result.gradients["x"] * way), np.sum(expected * slope), 1e-8)


def test_nothing_comes_back_through_a_distance_of_zero():
    graph = pcn.trace(lambda x: np.sum(pdist(x)), x=pcn.Parameter(np.ones((2, 3))))
    assert_close(pcn.backprop(graph, targets={"out": 1.0}).gradients["x"], np.zeros((2, 3)), 0)


def test_other_metrics_and_shapes_are_named():
    with pytest.raises(TraceError, match=r"cdist with metric='cosine' .*give euclidean, sqeuclidean"):
        pcn.trace(lambda x: cdist(x, x, "cosine"), x=pcn.Input((4, 3)))
    with pytest.raises(ShapeError, match=r"cdist of shapes \(4, 3\) and \(2, 2\)"):
        pcn.trace(lambda x: cdist(x, np.ones((2, 2))), x=pcn.Input((4, 3)))
