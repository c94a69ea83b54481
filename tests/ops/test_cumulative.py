"""Cumulative sums and products."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from pcneuro.ops.cumulative import CumulativeProduct, CumulativeSum
from tests.helpers import (
    assert_close,
    case,
    check_case,
    check_engines,
    every_case,
    every_variant,
    learning,
    run_both,
)
from tests.ops.random_operators import at_random, check_random, shape_at

SUMS = [
    case("cumsum", lambda np, a: np.sin(np.cumsum(a)), (5,)),
    case("cumsum of all", lambda np, a: np.cumsum(a) ** 2, (2, 3)),
    case("cumsum along an axis", lambda np, a: np.cumsum(a, axis=1) * a, (2, 3, 2)),
    case("cumsum of one", lambda np, a: np.cumsum(a, axis=0), (1, 2)),
    case("cumsum from the end", lambda np, a: a[::-1].cumsum(-1)[::-1], (4,), by_autograd=False),
]
PRODUCTS = [
    case("cumprod", lambda np, a: np.cumprod(a), (5,), by_autograd=False),
    case("cumprod of all", lambda np, a: np.sin(np.cumprod(a)), (2, 3), by_autograd=False),
    case("cumprod along an axis", lambda np, a: a.cumprod(1) * np.cumprod(a, 0), (2, 3), by_autograd=False),
    case("nan-", lambda np, a: np.nancumsum(a) + np.nancumprod(a), (3,), by_autograd=False),
    case("cumulative_sum", lambda np, a: np.cumulative_sum(a, include_initial=True), (3,), by_autograd=False),
    case("cumulative_prod", lambda np, a: np.cumulative_prod(a, axis=0), (3, 2), by_autograd=False),
]


@every_case(SUMS + PRODUCTS)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(SUMS[:4] + PRODUCTS[:3], learning)
def test_kernel_is_the_reference(v):
    check_engines(v)


@at_random
def test_any_shape_and_axis(seed):
    rng = np.random.default_rng(seed)
    shape = shape_at(rng, int(rng.integers(1, 4)))
    axis = (None, *range(len(shape)))[int(rng.integers(len(shape) + 1))]
    function = (np.cumsum, np.cumprod)[seed % 2]
    x = rng.normal(size=(int(rng.integers(1, 4)), *shape))
    x[rng.random(x.shape) < 0.1] = 0.0
    dtype = (np.float64, np.float32)[seed // 2 % 2]
    check_random(lambda a: np.tanh(function(a, axis=axis)), x, dtype, rng)


@pytest.mark.parametrize("zeros", [(1,), (0, 2), (3,), (0, 1, 2, 3)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_of_values_that_are_zero(zeros, dtype):
    value = np.array([2.0, -3.0, 5.0, 0.5])
    value[list(zeros)] = 0.0
    graph = pcn.trace(lambda x, w: np.cumprod(x * w), x=pcn.Input((4,)), w=pcn.Parameter(value))
    deviation = np.array([1.0, 10.0, 100.0, 1000.0])
    expected = np.zeros(4)
    for j in range(4):
        for i in range(j + 1):
            expected[i] += deviation[j] * np.prod(np.delete(value[: j + 1], i))
    target = np.cumprod(value) - deviation
    for result in run_both(graph, {"x": np.ones(4)}, {"out": target}, dtype, "all", False):
        assert_close(result.gradients["w"], expected, 1e-6)


def test_whole_numbers_stay_whole():
    seen = []
    pcn.trace(lambda x: seen.append(np.cumsum(np.argsort(x)).dtype) or x, x=pcn.Input((3,)), check=False)
    assert seen == [np.int64]


OUTSIDE = np.zeros(3)


def test_what_cannot_be_is_named():
    for operator in (CumulativeSum(1), CumulativeProduct(-1)):
        with pytest.raises(ShapeError, match="along axis"):
            operator.shape((3,))
    for function, text in (
        (lambda x: np.cumsum(x, out=OUTSIDE), r"np\.cumsum with out="),
        (lambda x: np.cumprod(x, dtype=np.float32), r"np\.cumprod with dtype=float32"),
        (lambda x: np.cumulative_sum(x[None]), r"np\.cumulative_sum of several axes without axis="),
    ):
        with pytest.raises(TraceError, match=text):
            pcn.trace(function, x=pcn.Input((3,)))
    with pytest.raises(ShapeError, match=r"np\.cumsum over axis \[1\] .*test_cumulative"):
        pcn.trace(lambda x: np.cumsum(x, axis=1), x=pcn.Input((3,)))
