"""Places among sorted numbers: NumPy's searchsorted and digitize."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from pcneuro.ops.search import Search
from tests.helpers import case, check_case, check_engines, every_case, every_variant, run_kernel
from tests.ops.random_operators import at_random

KNOTS = np.array([-1.0, -0.25, 0.0, 0.0, 0.5])
CASES = [
    case("left", lambda np, a: 0.1 * a * np.searchsorted(KNOTS, a), (3, 2)),
    case("right", lambda np, a: 0.1 * a * np.searchsorted(KNOTS, a, side="right"), (5,)),
    case("of a number", lambda np, a: 0.1 * a * np.searchsorted(KNOTS, a), ()),
    case("into traced knots", lambda np, a, b: 0.1 * a * np.searchsorted(np.sort(b), a), (3,), (4,)),
    case("bins", lambda np, a: 0.1 * a * np.digitize(a, KNOTS), (5,)),
    case("bins that go down", lambda np, a: 0.1 * a * np.digitize(a, KNOTS[::-1], right=True), (5,)),
    case("a table by bins", lambda np, a, b: b[np.digitize(a, KNOTS)], (5,), (6,)),
]
CASES = [case(each.name, each.function, *each.operands.values(), by_autograd=False) for each in CASES]


@every_case(CASES[:4])
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES)
def test_kernel_is_the_reference(v):
    check_engines(v)


@at_random
@pytest.mark.parametrize("right", [False, True])
def test_the_kernel_is_numpys_search(seed, right):
    rng = np.random.default_rng(seed)
    dtype = (np.float64, np.float32)[seed % 2]
    n, count, lanes = int(rng.integers(1, 6)), int(rng.integers(1, 9)), 3
    knots = np.sort(rng.integers(-3, 4, count)).astype(dtype)
    values = rng.integers(-4, 5, (n, lanes)).astype(dtype)
    values[rng.random(values.shape) < 0.2] = rng.choice([np.nan, np.inf, -np.inf, 0.5])
    if seed % 3 == 0:
        knots[-1] = np.nan
    expected = np.searchsorted(knots, values, side="right" if right else "left")
    buf, shared = np.concatenate([values.ravel(), np.zeros(n * lanes, dtype)]), knots.copy()
    assert run_kernel("search", [n, 0, n, 0, 1, count, int(right)], [], buf, shared, lanes, lanes) == 1
    np.testing.assert_array_equal(buf[n * lanes :].reshape(n, lanes), expected)
    twin = Search(right).forward(values.T[:, :, None].astype(float), knots[None].astype(float))
    np.testing.assert_array_equal(twin[..., 0].T, expected)


def test_what_cannot_be_is_named():
    with pytest.raises(ShapeError, match="takes values and knots along one axis"):
        Search().shape((2,), (2, 3))
    with pytest.raises(TraceError, match=r"np\.searchsorted with side='middle'"):
        pcn.trace(lambda x: np.searchsorted(KNOTS, x, side="middle"), x=pcn.Input((3,)))
    with pytest.raises(ShapeError, match="the bins must go up or down"):
        pcn.trace(lambda x: np.digitize(x, [0.0, 1.0, 0.5]), x=pcn.Input((3,)))
    with pytest.raises(TraceError, match="into bins that depend on the data"):
        pcn.trace(lambda x: np.digitize([0.0], x), x=pcn.Input((3,)))
