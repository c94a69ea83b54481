"""Medians, quantiles and partitions, by NumPy's own of plain arrays."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close, case, check_case, every_case
from tests.ops.random_operators import at_random, check_random, distinct, shape_at

METHODS = (
    "linear lower higher nearest midpoint hazen weibull median_unbiased normal_unbiased inverted_cdf "
    "averaged_inverted_cdf closest_observation interpolated_inverted_cdf"
).split()
RNG = np.random.default_rng(0)


def of_parameter(function, x):
    graph = pcn.trace(function, x=pcn.Parameter(x))
    (node,) = graph.outputs.values()
    return pcn.backprop(graph, {}).values[node.name][0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_all_methods(method, n):
    x = RNG.normal(size=(3, n))
    q = [0.0, 0.1, 0.25, 0.5, 0.77, 1.0]

    def function(x):
        return np.quantile(x, q, axis=1, method=method)

    assert_close(of_parameter(function, x), function(x), 1e-13)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.median(x),
        lambda x: np.median(x, axis=1, keepdims=True),
        lambda x: np.nanmedian(x, axis=(0, 2)),
        lambda x: np.percentile(x, 30),
        lambda x: np.percentile(x, [[10, 90]], axis=(2, 0), keepdims=True),
        lambda x: np.quantile(x, 0.4, axis=-1, method="hazen", keepdims=True),
        lambda x: np.quantile(x, 0.5, axis=()),
    ],
)
def test_axes_and_shapes(function):
    x = RNG.normal(size=(2, 3, 4))
    assert_close(of_parameter(function, x), function(x), 1e-13)


CASES = [case("partition", lambda np, a: np.sin(np.partition(a, 1, axis=0)[1]), (3, 3), by_autograd=False)]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@at_random
def test_gradients_at_random_shapes(seed):
    rng = np.random.default_rng(seed)
    shape = shape_at(rng, int(rng.integers(1, 4)))
    axis = int(rng.integers(len(shape)))
    x = distinct(rng, (2, *shape))
    q, method = float(rng.uniform()), METHODS[seed % len(METHODS)]
    check_random(lambda a: np.quantile(a, q, axis=axis, method=method), x, np.float64, rng)


def test_arrays_are_sorted_in_place():
    def function(x):
        y = x * 2.0
        y.sort(axis=0)
        z = np.array(x)
        z[0].sort()
        z[1].partition(1)
        return y + z[:, :1] + z[1, 1]

    x = RNG.normal(size=(2, 3))
    assert_close(of_parameter(function, x), function(x), 1e-15)


def test_the_order_of_a_partition_is_a_partition():
    x = RNG.normal(size=(7,))
    chosen = of_parameter(lambda x: x[np.argpartition(x, 3)][:3], x)
    assert_close(np.sort(chosen), np.sort(x)[:3], 0.0)


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x: np.quantile(x, 1.5), ShapeError, r"np\.quantile: Quantiles must be in the range"),
        (lambda x: np.quantile(x, 0.5, method="none"), ShapeError, r"np\.quantile: .*none"),
        (lambda x: np.quantile(x, x), TraceError, "with a q that depends on the data"),
        (lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=np.ones(3)), TraceError, "with weights="),
        (lambda x: np.partition(x, 3), ShapeError, r"np\.partition: kth is 3, of 3 values"),
        (lambda x: np.histogram(x), TraceError, "np.histogram of traced values"),
    ],
)
def test_what_cannot_be_is_named(function, error, text):
    with pytest.raises(error, match=text):
        pcn.trace(function, x=pcn.Input((3,)))
