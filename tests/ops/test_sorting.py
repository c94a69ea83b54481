"""Sorting and the order that sorts: values, derivatives, equals, and what is not finite."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError
from pcneuro.ops.sorting import Sort, SortOrder
from tests.helpers import (
    assert_close,
    case,
    check_case,
    check_engines,
    check_file,
    every_case,
    every_variant,
    learning,
    run_both,
    run_kernel,
    targets_near,
)
from tests.ops.random_operators import at_random, check_random, distinct, shape_at
from tests.single_units import check_units

# Autograd sorts along the only axis of an array.
CASES = [
    case("sort", lambda np, a: np.sin(np.sort(a)), (5,)),
    case("top of them", lambda np, a: np.sum(np.sort(a)[-2:] ** 2), (5,)),
    case("along the first axis", lambda np, a: np.sort(a, axis=0) * a, (3, 2), by_autograd=False),
    case("along the middle axis", lambda np, a: np.sort(a, axis=-2), (2, 3, 2), by_autograd=False),
    case("of all", lambda np, a: np.sort(a, axis=None), (2, 3), by_autograd=False),
    case("of one", lambda np, a: np.sort(a), (1,), by_autograd=False),
]
ORDERS = [
    case("order", lambda np, a: 0.1 * a * np.argsort(a), (5,), by_autograd=False),
    case("order along an axis", lambda np, a: 0.1 * a.argsort(0) * np.mean(a), (3, 2), by_autograd=False),
]


@every_case(CASES + ORDERS)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES[:4] + ORDERS, learning)
def test_kernel_is_the_reference(v):
    check_engines(v)


@at_random
def test_any_shape_and_axis(seed):
    rng = np.random.default_rng(seed)
    shape = shape_at(rng, int(rng.integers(1, 4)), 7)
    axis = int(rng.integers(-len(shape), len(shape)))
    function = (np.sort, np.argsort)[seed % 2]
    x = distinct(rng, (int(rng.integers(1, 4)), *shape))
    dtype = (np.float64, np.float32)[seed // 2 % 2]
    check_random(lambda a: function(a, axis=axis) * np.sin(a).mean(), x, dtype, rng)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_share_evenly_everywhere(dtype):
    graph = pcn.trace(lambda x, w: np.sort(x + w), x=pcn.Input((6,)), w=pcn.Parameter(np.zeros(6)))
    x = np.array([2.0, 1.0, 2.0, 0.0, 1.0, 2.0])
    deviation = np.array([1.0, 2.0, 4.0, 3.0, 6.0, 0.0])
    # Sorted: 0, 1, 1, 2, 2, 2
    expected = np.array([3.0, 3.0, 3.0, 1.0, 3.0, 3.0])
    target = np.sort(x) - deviation
    assert_close(pcn.backprop(graph, {"x": x}, {"out": target}).gradients["w"], expected, 1e-15)
    for result in run_both(graph, {"x": x}, {"out": target}, dtype, "all", False):
        assert_close(result.gradients["w"], expected, 1e-6)
    check_units(pcn.build_circuit(graph), {"x": x[None]}, {"out": target[None]})


@pytest.mark.parametrize("length", [1, 2, 3, 7, 64, 100])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernels_are_a_stable_sort(length, dtype):
    rng = np.random.default_rng(length)
    groups, lanes = 3, 4
    n = groups * length
    x = rng.integers(0, 5, (n, lanes)).astype(dtype)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[rng.random(x.shape) < 0.1] = np.inf
    members = rng.permutation(n)
    grouped = x[members].reshape(groups, length, lanes)
    expected = grouped.argsort(axis=1, kind="stable")
    buf = np.concatenate([x.ravel(), np.zeros((2 * n + length) * lanes, dtype)])
    arguments = [n, 0, 3 * n, 6, groups, length]
    assert run_kernel("order", arguments, [members], buf, np.zeros(1, dtype), lanes, lanes) == 1
    rows = buf.reshape(-1, lanes)
    np.testing.assert_array_equal(rows[n : 2 * n][members].reshape(expected.shape), expected)
    assert run_kernel("in_order", [2 * n, 0, n, 6, groups, length], [members], buf, np.zeros(1, dtype), lanes, lanes)
    np.testing.assert_array_equal(rows[2 * n : 3 * n][members].reshape(expected.shape), np.sort(grouped, axis=1))


def test_a_file_keeps_it(tmp_path):
    graph = pcn.trace(lambda x, w: np.sort(x * w, axis=0), x=pcn.Input((3, 2)), w=pcn.Parameter(np.ones((3, 2))))
    inputs = {"x": np.random.default_rng(0).normal(size=(3, 3, 2))}
    check_file(graph, inputs, targets_near(graph, inputs, 3, 0.1), tmp_path / "c")


def test_axes_that_are_not_there():
    for operator in (Sort(1), SortOrder(-1)):
        with pytest.raises(ShapeError, match="along axis"):
            operator.shape((3,))
    with pytest.raises(ShapeError, match=r"np\.sort over axis \[2\] .*test_sorting\.py"):
        pcn.trace(lambda x: np.sort(x, axis=2), x=pcn.Input((3,)))
