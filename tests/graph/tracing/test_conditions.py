"""Conditions on traced values: values and types as NumPy has them, derivatives of what is chosen."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close, case, check_case, check_engines, every_case, every_variant

CASES = [
    case("where", lambda np, a, b: np.where(a > b, np.sin(a), a * b), (3, 4), (4,), analytic=False),
    case("a product", lambda np, a, b: (a > 0) * b + (b <= a) * a, (4,), (4,), analytic=False),
    case("logic", lambda np, a, b: np.where((a > 0) & (b < 0.5) | ~(a < b), a, b**2), (5,), (5,), analytic=False),
    case("a count", lambda np, a: np.sum(a > 0) * a, (5,), analytic=False),
    case("relu by hand", lambda np, a: a * (a > 0), (3, 2), analytic=False),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES)
def test_kernel_is_the_reference(v):
    check_engines(v)


X = np.array([-1.5, -0.25, 0.0, 0.75, 2.0])
VALUES = {
    "comparisons": lambda x: (x < 0) * 1 + (x <= 0) * 2 + (x == 0) * 4 + (x != 0.75) * 8 + (x >= 0) * 16 + (x > 0) * 32,
    "logic": lambda x: np.logical_and(x, x > -1) + 2.0 * np.logical_xor(x > 0, x > 1) + 4.0 * np.logical_not(x),
    "or": lambda x: ((x > 1) | (x < -1) | (x == 0)) * x,
    "sum of truths": lambda x: (x > 0) + (x > 1) + 0.0 * x,
    "greater of truths": lambda x: np.maximum(x > 0, x > 1) * 2.0,
    "power": lambda x: (x > 0) * 3 + x,
    "not": lambda x: (~(x > 0)).astype(float) + x.astype(bool) * x,
    "finite": lambda x: np.isfinite(x) * 2.0 + np.isnan(x) + np.isinf(np.where(x > 0, -np.inf, x)) * 5.0,
    "infinite": lambda x: 1.0 * np.isneginf(np.where(x > 0, -np.inf, x)) + np.isposinf(x),
    "close": lambda x: np.isclose(x, 0.75000001) + 2.0 * np.isclose(x, 0, atol=0.3),
    "signbit": lambda x: np.signbit(x) + x,
    "select": lambda x: np.select([x < -1, x < 0.5, x > 1], [x, x**2, 3.0], default=-x),
    "piecewise": lambda x: np.piecewise(x, [x < 0, x >= 0.5], [lambda t: -t, lambda t: t * t, 7.0]),
    "piecewise of one": lambda x: np.piecewise(x, x > 0, [np.exp]),
    "clip": lambda x: np.clip(x, x[1], np.abs(x[0])) + np.clip(3.0 * x, None, 1.0),
    "of three shapes": lambda x: np.where(x[:, None] > 0, x[:2], 2.0 * x[:, None])[:, 1],
    "masked write": lambda x: _write(x),
    "not chosen": lambda x: np.where(x > 0.5, np.log(np.where(x > 0.5, x, 1.0)), 0.0),
    "chosen minus infinity": lambda x: np.exp(np.where(x > 0, -np.inf, x)),
    "of truths": lambda x: np.where(x > 0, x > 1, x < -1) * 2.0 + np.where(x > 0, True, False),
    "difference of numbers": lambda x: (x > 0).astype(int) - (x > 1).astype(int) + x,
}


def _write(x):
    y = 2 * x
    y[y > 1] = 1.0
    y[x < -1] = x[1]
    return y


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_values_and_derivatives_are_those_of_numpy(name):
    """A fifth of a unit off the kinks, where there are differences on both sides."""
    function = VALUES[name]
    graph = pcn.trace(lambda x: 1.0 * function(x), x=pcn.Parameter(X))
    assert_close(pcn.backprop(graph).values["out"][0], 1.0 * function(X), 1e-14)
    x = X + 0.05
    weights = np.random.default_rng(0).normal(size=5)
    loss = pcn.trace(lambda x: np.sum(weights * function(x)), x=pcn.Parameter(x))
    found = pcn.backprop(loss, targets={"out": pcn.backprop(loss).values["out"] - 1}).gradients["x"]
    steps = 1e-6 * np.eye(5)
    known = [(np.sum(weights * function(x + d)) - np.sum(weights * function(x - d))) / 2e-6 for d in steps]
    assert_close(found, np.array(known), 1e-8)


def test_types_are_those_of_numpy():
    types = []

    def f(x):
        a, n = x > 0, (x > 0).astype(int)
        types.extend([a.dtype, (a + a).dtype, (a * 2).dtype, (n / 2).dtype, (n * n).dtype, (a * 1.0).dtype, (-n).dtype])
        types.extend([np.where(a, 1, n).dtype, np.where(a, 1.0, n).dtype, (a & a).dtype, a[1:].dtype])
        return x

    f(X)
    known, types[:] = list(types), []
    pcn.trace(f, x=pcn.Input((5,)), check=False)
    assert types == known


REFUSED = {
    "where alone": (lambda x: np.where(x > 0), "np.where of a condition alone"),
    "nonzero": (lambda x: np.nonzero(x), "np.nonzero, whose shape depends on the data"),
    "mask": (lambda x: x[x > 0], "indexing by a condition"),
    "difference": (lambda x: (x > 0) - (x > 1), "np.subtract of truth values"),
    "bits": (lambda x: x.astype(int) & 1, "np.bitwise_and of numbers"),
    "half": (lambda x: x.astype(np.float32), r"\.astype\(float32\)"),
    "if": (lambda x: x if x[0] > 0 else -x, r"a decision \(if, while, and, or\) on the traced result of less"),
    "argument": (lambda x: x if x else -x, "on the traced argument 'x'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_depends_on_the_data_is_refused(name):
    function, text = REFUSED[name]
    with pytest.raises(TraceError, match=text):
        pcn.trace(function, x=pcn.Input((5,)))


def test_shapes_that_do_not_fit_are_named():
    for function, text in (
        (lambda x: np.where(x > 0, x[:2], 0.0), r"np\.where: shapes \(5,\) and \(2,\) and \(\) do not broadcast"),
        (lambda x: np.select([x > 0], [x, x]), "np.select of 1 conditions and 2 choices"),
        (lambda x: np.piecewise(x, [x > 0], [1.0, 2.0, 3.0]), "np.piecewise of 1 conditions and 3 functions"),
    ):
        with pytest.raises(ShapeError, match=text):
            pcn.trace(function, x=pcn.Input((5,)))
