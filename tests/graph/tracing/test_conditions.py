"""Conditions on traced values: values and types as NumPy has them, derivatives of what is chosen."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import (
    assert_close,
    case,
    check_case,
    check_engines,
    check_engines_agree,
    every_case,
    every_variant,
)

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
    "any product of truths": lambda x: ((x > -1) @ (x > 0)) * x + np.dot(x > 0, x > 1),
    "a product of counts": lambda x: x[np.dot((x > 1).astype(int), np.arange(5))] * x,
    "quotients of whole numbers": lambda x: (3 * x).astype(int) // (x > 0) + (3 * x).astype(int) % (x > 1) + x,
    "sign of zero": lambda x: np.signbit(-0.0 * np.abs(x)) * x,
    "close to infinity": lambda x: np.isclose(np.where(x > 0, np.inf, x), np.inf) * 1.0 + x,
    "a quotient where there is one": lambda x: np.divide(1.0, x, out=np.zeros_like(x), where=x != 0),
    "a logarithm where there is one": lambda x: np.log(x, out=np.full(5, 7.0), where=x > 0),
    "added where it is": lambda x: np.add(1.0, 2.0, out=np.zeros(5), where=x > 0) * x,
    "a root where it is by constants": lambda x: np.sqrt(x, out=2 * x, where=np.arange(5) > 2),
    "putmask": lambda x: _put(x),
    "difference of numbers": lambda x: (x > 0).astype(int) - (x > 1).astype(int) + x,
}


def _put(x):
    y, z = 2 * x, np.zeros(5)
    np.putmask(y, y > 1, [1.0, 2.0])
    np.putmask(z, x > 0, x**2)
    return y + z


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


# Every choice but the chosen one is infinite, no number, or has such a slope at one of X.
UNHARMED = {
    "logarithm": lambda x: np.where(x > 0, np.log(x), 0.0),
    "root on the other side": lambda x: np.where(x <= 0, 0.0, np.sqrt(x)),
    "by a constant": lambda x: np.where(np.arange(5) > 2, np.sqrt(x), x),
    "quotient": lambda x: np.where(x != 0, (1 - np.cos(x)) / x, 0.0),
    "powers": lambda x: np.where(x > 0, x**0.5 + x**-1.5 + x**2, -x),
    "entropy": lambda x: np.where(x > 0, x * np.log(x), -x),
    "overflow": lambda x: np.where(x >= 0, 1 / (1 + np.exp(-1000 * x)), np.exp(1000 * x) / (1 + np.exp(1000 * x))),
    "a chain": lambda x: np.where(x > 0, np.log(np.sqrt(x)) / x, x),
    "an angle": lambda x: np.where(np.abs(x) < 1, np.arccos(x), 0.0),
    "choices in choices": lambda x: np.where(x > 0, np.where(x > 1, np.log(x - 1), np.sqrt(x)), -x),
    "select": lambda x: np.select([x > 1, x > 0, x > -1], [np.log(x - 1), np.sqrt(x), np.sqrt(1 + x)], np.sqrt(-1 - x)),
    "select by both": lambda x: np.select([np.arange(5) > 3, x < -1], [np.sqrt(x), np.sqrt(-1 - x)], 2.0),
    "piecewise": lambda x: np.piecewise(
        x,
        [x < 1, x < 0.5, x < -1],
        [np.sqrt, lambda t: np.sqrt(0.5 - t), lambda t: np.log(-t - 1), lambda t: np.log(t - 1)],
    ),
    "one number decides": lambda x: np.where(x[0] < 0, -x, np.log(x)),
    "a masked write": lambda x: _root(x),
    "rows": lambda x: np.sum(np.where(np.stack([x > 0, x < 0]), np.sqrt(np.stack([x, -x])), 0.0), axis=0),
    "the best so far": lambda x: _best(x),
}


def _root(x):
    y = np.sqrt(x)
    y[x <= 0] = 0.0
    return y


def _best(x):
    best = 0 * x
    for k in range(6):
        best = np.where(x > 0.4 * k, np.sqrt(x - 0.4 * k), best)
    return best


@pytest.mark.parametrize("name", UNHARMED)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value", "ignore:overflow")
def test_what_is_not_chosen_has_no_part_in_anything(name):
    function, x = UNHARMED[name], X + np.array([0.01, 0.01, 0.0, 0.01, 0.01])
    weights = np.random.default_rng(1).normal(size=5)
    graph = pcn.trace(lambda x, gain: np.sum(weights * function(gain * x)), x=pcn.Input((5,)), gain=pcn.Parameter(1.0))
    inputs = {"x": x[None]}
    value = pcn.backprop(graph, inputs).values["out"]
    assert_close(value[0], np.sum(weights * function(x)), 1e-13)
    known = np.sum(weights * (function(x * (1 + 1e-6)) - function(x * (1 - 1e-6)))) / 2e-6
    targets = {"out": value - 1}
    assert_close(pcn.backprop(graph, inputs, targets).gradients["gain"], known, 1e-7)
    for vertices in ("auto", "all"):
        check_engines_agree(graph, inputs, targets, np.float64, vertices, strict=False, tolerance=1e-11)


def test_a_choice_that_can_fail_nowhere_is_computed_once():
    def f(x):
        return np.where(x > 0, np.tanh(x) ** 2 / 3 + x**3, np.arange(1.0, 6.0) / 2 * x)

    graph = pcn.trace(f, x=pcn.Input((5,)))
    assert [n.operator.label for n in graph.nodes.values() if not n.is_leaf].count("where") == 1


def test_choices_in_a_loop_stay_linear():
    """A vertex that carries a choice on is not computed again at every step."""

    def f(x, steps):
        h = x
        for k in range(steps):
            h = np.where(x > 0.01 * k, 1 / (1 + np.exp(-h - k)), h)
        return h

    small, large = (len(pcn.trace(lambda x, n=n: f(x, n), x=pcn.Input((3,))).nodes) for n in (20, 40))
    assert large < 2.1 * small


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
    "nonzero": (lambda x: np.nonzero(x), "np.nonzero cannot be traced .*how many there are would depend on the data"),
    "mask": (lambda x: x[x > 0], "selected by a mask"),
    "difference": (lambda x: (x > 0) - (x > 1), "np.subtract of truth values"),
    "bits": (lambda x: x.astype(int) & 1, "np.bitwise_and of numbers"),
    "half": (lambda x: x.astype(np.float32), r"\.astype\(float32\)"),
    "if": (lambda x: x if x[0] > 0 else -x, r"a decision \(if, while, and, or\) on the traced result of less"),
    "where without out": (lambda x: np.add(x, 1.0, where=x > 0), "np.add with where= and without out="),
    "allclose": (lambda x: np.allclose(x, 1.0), "np.allclose, a decision on traced values"),
    "argument": (lambda x: x if x else -x, "on the traced argument 'x'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_depends_on_the_data_is_refused(name):
    function, text = REFUSED[name]
    with pytest.raises(TraceError, match=text):
        pcn.trace(function, x=pcn.Input((5,)))


def test_shapes_that_do_not_fit_are_named():
    for function, text in (
        (
            lambda x: np.where(x > 0, x[:2], 0.0),
            r"np\.where: shapes \(2,\) and \(\) by conditions of shape \(5,\) do not broadcast",
        ),
        (lambda x: np.select([x > 0], [x, x]), "np.select of 1 conditions and 2 choices"),
        (lambda x: np.piecewise(x, [x > 0], [1.0, 2.0, 3.0]), "np.piecewise of 1 conditions and 3 functions"),
    ):
        with pytest.raises(ShapeError, match=text):
            pcn.trace(function, x=pcn.Input((5,)))
