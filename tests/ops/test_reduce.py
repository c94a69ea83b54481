"""Sums, means and products over axes."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError
from pcneuro.ops.reduce import Prod, Sum, products_of_others
from tests.helpers import (
    assert_close,
    case,
    check_case,
    check_engines,
    every_case,
    every_variant,
    run_both,
    run_kernel,
    targets_near,
)

AXES = {
    "all": {},
    "first": {"axis": 0},
    "last, kept": {"axis": -1, "keepdims": True},
    "two": {"axis": (0, 2)},
    "all, kept": {"keepdims": True},
    "none": {"axis": ()},
}
CASES = [
    *(
        case(f"{name} {which}", lambda np, a, name=name, k=k: getattr(np, name)(a, **k), (2, 3, 2), low=0.5)
        for name in ("sum", "mean", "prod")
        for which, k in AXES.items()
    ),
    case("of a number", lambda np, a: np.sum(a) + np.mean(a) * np.prod(a), ()),
    case("variance", lambda np, a: np.mean((a - a.mean(axis=1, keepdims=True)) ** 2, axis=1), (2, 3)),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES)
def test_kernel_is_the_reference(v):
    check_engines(v)


@pytest.mark.parametrize("zeros", [(1,), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_product_of_values_that_are_zero(zeros, dtype):
    """The derivative is the product of the others, and not the product divided by the value."""
    value = np.array([2.0, -3.0, 5.0])
    value[list(zeros)] = 0.0
    graph = pcn.trace(lambda x, w: np.prod(x * w), x=pcn.Input((3,)), w=pcn.Parameter(value))
    x, target = np.ones((1, 3)), np.full(1, 4.0)
    others = np.array([value[1] * value[2], value[0] * value[2], value[0] * value[1]])
    expected = (value.prod() - 4.0) * others
    assert_close(pcn.backprop(graph, {"x": x}, {"out": target}).gradients["w"], expected, 1e-15)
    for result in run_both(graph, {"x": x}, {"out": target}, dtype, "all", False):
        assert_close(result.gradients["w"], expected, 1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_product_kernels_are_their_twins(dtype):
    rng = np.random.default_rng(0)
    groups, length, lanes = 3, 4, 5
    x = rng.normal(size=(groups * length, lanes)).astype(dtype)
    x[2], x[5, 1], x[7, 2] = 0.0, np.inf, np.nan
    members = rng.permutation(groups * length)
    grouped = x[members].reshape(groups, length, lanes)
    n = groups * length
    with np.errstate(invalid="ignore"):
        product, others = grouped.prod(axis=1), products_of_others(np.moveaxis(grouped, 1, -1))
    buf = np.concatenate([x.ravel(), np.zeros((groups + n) * lanes, dtype)])
    arguments = [n, 0, 5, groups, length]
    assert run_kernel("product", arguments, [members], buf, np.zeros(1, dtype), lanes, lanes) == 1
    arguments = [n + groups, 0, 5, groups, length]
    assert run_kernel("product_of_others", arguments, [members], buf, np.zeros(1, dtype), lanes, lanes) == 1
    rows = buf.reshape(-1, lanes)
    tolerance = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(rows[n : n + groups], product, rtol=tolerance)
    expected = np.moveaxis(others, -1, 1).reshape(n, lanes)
    np.testing.assert_allclose(rows[n + groups :][members], expected, rtol=tolerance)


def test_axes_that_are_not_there():
    for axis in (3, (0, 0), "x"):
        with pytest.raises(ShapeError, match=r"np\.sum over axis .* shape \(2, 3\).*test_reduce\.py"):
            pcn.trace(lambda x, axis=axis: np.sum(x, axis=axis), x=pcn.Input((2, 3)))
    for operator in (Sum((2,)), Prod((-1,))):
        with pytest.raises(ShapeError, match="axes"):
            operator.shape((2, 3))


def test_a_mean_is_called_a_mean():
    assert Sum((0,)).label == "sum"
    assert Sum((0,), scale=0.5).label == "mean"
    graph = pcn.trace(lambda x: np.tanh(np.mean(x)), x=pcn.Input((3,)))
    assert list(graph.nodes) == ["x", "mean", "out"]
    inputs = {"x": np.arange(6.0).reshape(2, 3)}
    assert targets_near(graph, inputs, 2, 0.0)["out"] == pytest.approx(np.tanh([1.0, 4.0]))
