"""Every primitive's kernel against its NumPy twin, and its derivatives against complex steps and differences."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels.dispatch import IDENTITY, SCALAR
from pcneuro.ops.derivatives import local_derivatives
from pcneuro.ops.formula import evaluate
from pcneuro.ops.primitives import PRIMITIVES
from tests.helpers import assert_close, run_kernel

UNARY = sorted(name for name, p in PRIMITIVES.items() if p.arity == 1)
BINARY = sorted(name for name, p in PRIMITIVES.items() if p.arity == 2)
# 0.7, and not 0.5, since NumPy takes x**0.5 of numbers and of arrays for different functions at minus infinity
EDGES = [0.0, -0.0, 1.0, -1.0, 0.7, -0.7, 2.0, -2.0, 1e-30, -1e-30, 30.0, -30.0, 90.0, -90.0, 1e4, -1e4, 1e30, -1e30]
EDGES += [np.inf, -np.inf, np.nan]


def _twin(name, dtype, *operands):
    with np.errstate(all="ignore"):
        result = PRIMITIVES[name].array(*(np.asarray(a, dtype=dtype) for a in operands))
    assert result.dtype == dtype, f"the twin of {name} leaves {np.dtype(dtype)}"
    return result


def _assert_same(got, expected, dtype, name):
    # float32 twins round in every intermediate result, kernels in the last one only.
    tolerance = {np.float64: 2e-15, np.float32: 2e-6}[dtype]
    if PRIMITIVES[name].lane is not None:
        tolerance = {np.float64: 1e-12, np.float32: 1e-4}[dtype]
    tiny = float(np.finfo(dtype).tiny)
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tiny, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", UNARY)
def test_unary_kernel_is_its_twin(name, dtype):
    lanes = 3
    rng = np.random.default_rng(1)
    values = np.concatenate([EDGES, rng.normal(size=27), 5 * rng.normal(size=12)]).astype(dtype).reshape(-1, lanes)
    n = len(values)
    twin = _twin(name, dtype, values)
    order = rng.permutation(n)
    buf = np.concatenate([values.ravel(), np.zeros(n * lanes, dtype)])
    shared = values[:, 0].copy()
    for index, is_shared, expected in (
        (IDENTITY, 0, twin),
        (5, 0, twin[order]),
        (SCALAR, 0, twin[[0] * n]),
        (5, 1, np.repeat(twin[order, :1], lanes, axis=1)),
        (IDENTITY, 1, np.repeat(twin[:, :1], lanes, axis=1)),
    ):
        assert run_kernel(name, [n, 0, index, is_shared, n], [order], buf, shared, lanes, lanes) == 1
        _assert_same(buf[n * lanes :].reshape(n, lanes), expected, dtype, name)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", BINARY)
def test_binary_kernel_is_its_twin(name, dtype):
    lanes = 3
    rng = np.random.default_rng(2)
    pairs = np.array([(a, b) for a in EDGES for b in EDGES])
    pairs = np.concatenate([pairs, rng.normal(size=(3 * 20, 2))])[: 3 * ((len(EDGES) ** 2 + 60) // 3)].astype(dtype)
    a, b = (pairs[:, i].reshape(-1, lanes) for i in (0, 1))
    n = len(a)
    first, second = rng.permutation(n), rng.permutation(n)
    buf = np.concatenate([a.ravel(), b.ravel(), np.zeros(n * lanes, dtype)])
    shared = np.concatenate([a[:, 0], b[:, 1]])

    def wide(x):
        return np.repeat(x[:, None], lanes, axis=1)

    for ia, a_shared, ib, b_shared, x, y in (
        (IDENTITY, 0, IDENTITY, 0, a, b),
        (8, 0, 8 + n, 0, a[first], b[second]),
        (SCALAR, 0, IDENTITY, 0, a[[0] * n], b),
        (IDENTITY, 1, 8, 0, wide(a[:, 0]), b[first]),
        (8, 0, IDENTITY, 1, a[first], wide(b[:, 1])),
        (SCALAR, 1, IDENTITY, 1, wide(a[[0] * n, 0]), wide(b[:, 1])),
    ):
        arguments = [2 * n, 0, ia, a_shared, n, ib, b_shared, n]
        assert run_kernel(name, arguments, [first, second], buf, shared, lanes, lanes) == 1
        _assert_same(buf[2 * n * lanes :].reshape(n, lanes), _twin(name, dtype, x, y), dtype, name)


DOMAIN = {
    "divide": 0.2,
    "reciprocal": 0.2,
    "log": 0.2,
    "log2": 0.2,
    "log10": 0.2,
    "sqrt": 0.2,
    "cbrt": 0.2,
    "arccosh": 1.1,
    "power": 0.2,
    "remainder": 0.2,
    "fmod": 0.2,
    "floor_divide": 0.2,
    "logit": 0.1,
    "ndtri": 0.1,
    "gammaln": 0.2,
    "gamma": 0.2,
    "digamma": 0.2,
    "entr": 0.2,
    "rel_entr": 0.2,
}
WIDTH = {"logit": 0.8, "ndtri": 0.8}
"""Of the interval of operands, where it is not 1.6."""


@pytest.mark.parametrize("name", [n for n in UNARY + BINARY if PRIMITIVES[n].derivatives and n != "polygamma"])
def test_derivatives_are_differences(name):
    """A central difference of step h is exact to h^2 and to rounding / h."""
    primitive = PRIMITIVES[name]
    assert len(primitive.derivatives) == primitive.arity
    low = DOMAIN.get(name, -0.9)
    rng = np.random.default_rng(3)
    operands = list(rng.uniform(low, low + WIDTH.get(name, 1.6), (2, 50)))[: primitive.arity]
    out = primitive.array(*operands)
    h = 1e-5
    for k, derivative in enumerate(local_derivatives(name)):
        up, down = ([x + s * h if i == k else x for i, x in enumerate(operands)] for s in (1, -1))
        expected = (primitive.array(*up) - primitive.array(*down)) / (2 * h)
        got = evaluate(derivative, dict(zip(("x", "y", "out"), (operands[0], operands[-1], out), strict=True)))
        assert_close(np.broadcast_to(got, out.shape), expected, 1e-7, name)


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("power", (0.0, 2.0), (0.0, 0.0)),
        ("power", (0.0, 1.0), (1.0, 0.0)),
        ("power", (0.0, 0.0), (0.0, -np.inf)),
        ("power", (-2.0, 3.0), (12.0, np.nan)),
        ("hypot", (0.0, 0.0), (0.0, 0.0)),
        ("maximum", (1.0, 1.0), (0.5, 0.5)),
        ("minimum", (1.0, 1.0), (0.5, 0.5)),
        ("maximum", (1.0, -np.inf), (1.0, 0.0)),
        ("absolute", (0.0,), (0.0,)),
        ("relu", (0.0,), (0.0,)),
        ("fmax", (1.0, 1.0), (0.5, 0.5)),
        ("fmin", (1.0, 1.0), (0.5, 0.5)),
        ("fmax", (np.nan, 1.0), (0.0, 1.0)),
        ("fmin", (1.0, np.nan), (1.0, 0.0)),
        ("arctan2", (0.0, 0.0), (0.0, 0.0)),
        ("arctan2", (0.0, -2.0), (-0.5, 0.0)),
        ("sinc", (0.0,), (0.0,)),
        ("exprel", (0.0,), (0.5,)),
        ("i1", (0.0,), (0.5,)),
        ("i1e", (0.0,), (0.5,)),
        ("sign", (0.0,), (0.0,)),
        ("floor", (1.0,), (0.0,)),
        ("remainder", (-7.0, 3.0), (1.0, 3.0)),
        ("fmod", (-7.0, 3.0), (1.0, 2.0)),
        ("copysign", (-2.0, 3.0), (-1.0, 0.0)),
        ("logaddexp", (1000.0, 0.0), (1.0, 0.0)),
        ("sigmoid", (1000.0,), (0.0,)),
    ],
)
def test_derivatives_at_corners(name, operands, expected):
    x = [np.array(a) for a in operands]
    with np.errstate(all="ignore"):
        variables = {"x": x[0], "y": x[-1], "out": PRIMITIVES[name].array(*x)}
        got = [evaluate(d, variables) for d in local_derivatives(name)]
    np.testing.assert_array_equal(np.array(got, dtype=float), expected)
