"""Scatters: units added to places, several to one, against NumPy's add.at and products with matrices of ones."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from pcneuro.ops.base import apply, size
from pcneuro.ops.scatter import Scatter
from tests.function_libraries import written_out
from tests.helpers import case, check_case, check_engines, every_case, every_variant, learning
from tests.ops.random_operators import at_random


def scatter(x: Any, into: Any, indices: Any) -> Any:
    """What the operator does to traced and plain arrays."""
    return apply(Scatter(into, np.array(indices)), x)


@written_out
def scattered(x: Any, into: Any, indices: Any) -> Any:
    ones = np.equal.outer(np.arange(size(into)), np.ravel(indices)).astype(float)
    return anp.reshape(ones @ anp.ravel(x), into)


def _case(name: str, into: tuple[int, ...], indices: Any) -> Any:
    def function(np: Any, a: Any) -> Any:
        known = np.scattered if hasattr(np, "scattered") else scatter
        return np.sin(known(a, into, indices))

    return case(name, function, np.shape(indices), analytic=False)


CASES = [
    _case("a permutation", (4,), [2, 0, 3, 1]),
    _case("duplicates and places left out", (2, 3), [5, 5, 1, 5]),
    _case("a matrix into a row", (4,), [[0, 1, 2], [2, 3, 2]]),
    _case("all to one", (), [0, 0, 0]),
    _case("a number", (3,), 1),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES, learning)
def test_kernel_is_the_reference(v):
    check_engines(v)


@at_random
def test_it_is_add_at_and_its_transpose(seed):
    rng = np.random.default_rng(seed)
    shape, into = (tuple(int(n) for n in rng.integers(1, 5, rng.integers(0, 4))) for _ in range(2))
    indices = rng.integers(0, size(into), shape)
    operator, batch = Scatter(into, indices), int(rng.integers(1, 4))
    x, gradient = rng.normal(size=(batch, *shape)), rng.normal(size=(batch, *into))
    expected = np.zeros((batch, size(into)))
    for b in range(batch):
        np.add.at(expected[b], indices.ravel(), x[b].ravel())
    actual = operator.forward(x)
    np.testing.assert_allclose(actual, expected.reshape(batch, *into), rtol=1e-14, atol=1e-14)
    # <g, S x> = <S^T g, x>
    back = operator.vjp(0, gradient, actual, x)
    assert back.shape == x.shape
    np.testing.assert_allclose(np.sum(gradient * actual), np.sum(back * x), rtol=1e-12, atol=1e-12)


def test_counts_by_traced_weights():
    places, weights = np.array([2, 0, 2, 5]), np.array([0.5, 1.0, 2.0, -1.0])
    graph = pcn.trace(lambda w: np.bincount(places, w, minlength=7), w=pcn.Parameter(weights))
    exact = pcn.backprop(graph, {}, {"out": np.zeros((1, 7))})
    np.testing.assert_array_equal(exact.values["out"][0], np.bincount(places, weights, minlength=7))
    np.testing.assert_array_equal(exact.gradients["w"], [2.5, 1.0, 2.5, -1.0])
    with pytest.raises(TraceError, match=r"np\.bincount of traced values"):
        pcn.trace(lambda w: np.bincount(w), w=pcn.Parameter(weights))
    with pytest.raises(ShapeError, match=r"np\.bincount of shape \(3,\) with weights of shape \(4,\)"):
        pcn.trace(lambda w: np.bincount(places[:3], w), w=pcn.Parameter(weights))


def test_what_does_not_fit_is_named():
    with pytest.raises(ShapeError, match=r"scatter by indices of shape \(2,\) of an array of shape \(3,\)"):
        Scatter((4,), np.array([0, 1])).shape((3,))
    with pytest.raises(ShapeError, match="its indices run from 0 to 4, into an array of 4 units"):
        Scatter((4,), np.array([0, 4])).shape((2,))
