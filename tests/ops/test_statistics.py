"""Spread, weighted means and covariance."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close, case, check_case, check_engines, every_case, every_variant, learning

MASK = np.array([[True, False, True], [True, True, True]])
CASES = [
    case("var", lambda np, a: np.var(a), (2, 3)),
    case("var of an axis", lambda np, a: np.var(a, axis=1, keepdims=True) * a, (2, 3)),
    case("var with ddof", lambda np, a: np.var(a, axis=(0, 2), ddof=1), (2, 3, 2)),
    case("std", lambda np, a: np.std(a), (5,)),
    case("std of an axis", lambda np, a: np.std(a, 0, ddof=1), (3, 2)),
]
MORE = [
    case("std method", lambda np, a: a.std(0, ddof=1) + a.var(), (3, 2)),
    case("correction and mean", lambda np, a: np.var(a, 1, correction=1, mean=np.mean(a, 1, keepdims=True)), (2, 3)),
    case("a mean of its own", lambda np, a, b: np.std(a, axis=0, mean=b), (3, 2), (1, 2)),
    case("where", lambda np, a: np.var(a, axis=1, where=MASK), (2, 3)),
    case("nanstd", lambda np, a: np.nanstd(a, axis=0) * np.nanvar(a), (3, 2)),
    case("average", lambda np, a: np.average(a, axis=0) * np.average(a), (3, 2)),
    case("weighted", lambda np, a, b: np.average(a, weights=b**2 + 1), (2, 3), (2, 3)),
    case("weighted along an axis", lambda np, a, b: np.average(a, axis=1, weights=b**2 + 1), (2, 3), (3,)),
    case("weighted by constants", lambda np, a: np.average(a, axis=0, weights=[1.0, 3.0], keepdims=True), (2, 3)),
    case("weights of two axes", lambda np, a, b: np.average(a, axis=(2, 0), weights=b**2 + 1), (2, 3, 4), (4, 2)),
    case("of constants", lambda np, a: np.average(MASK * 1.0, axis=1, weights=a**2 + 1), (3,)),
    case("returned", lambda np, a, b: np.sum(np.average(a, 0, weights=b**2 + 1, returned=True)), (3, 2), (3,)),
    case("cov", lambda np, a: np.cov(a), (2, 4)),
    case("cov of columns", lambda np, a: np.cov(a, rowvar=False, bias=True), (4, 2)),
    case("cov of two", lambda np, a, b: np.cov(a, b, ddof=0), (4,), (4,)),
    case("cov of one", lambda np, a: np.cov(a), (4,)),
    case("cov, weighted", lambda np, a: np.cov(a, fweights=[1, 2, 1, 1], aweights=[1.0, 2, 3, 0.5]), (2, 4)),
]
# NumPy takes squares and products with conjugates: complex steps do not go through them.
SQUARES = ("correction", "a mean", "where", "nanstd", "cov", "std method")
CASES = [case(e.name, e.function, *e.operands.values(), analytic=False) for e in CASES]
MORE = [
    case(e.name, e.function, *e.operands.values(), by_autograd=False, analytic=not e.name.startswith(SQUARES))
    for e in MORE
]
RNG = np.random.default_rng(0)


@every_case(CASES + [e for e in MORE if e.analytic])
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES[1:4], learning)
def test_kernel_is_the_reference(v):
    check_engines(v)


@pytest.mark.parametrize("each", [e for e in MORE if not e.analytic], ids=lambda e: e.name)
def test_gradients_by_differences(each):
    values = {name: RNG.normal(size=shape) for name, shape in each.operands.items()}
    graph = pcn.trace(lambda **leaves: each.function(np, **leaves), **{n: pcn.Parameter(v) for n, v in values.items()})
    target = {"out": RNG.normal(size=(1, *graph.outputs["out"].shape))}
    exact = pcn.backprop(graph, {}, target)
    assert_close(exact.values["out"][0], each.function(np, **values), 1e-13)
    directions = {name: RNG.normal(size=v.shape) for name, v in values.items()}

    def loss(step):
        moved = {name: v + step * directions[name] for name, v in values.items()}
        return 0.5 * np.sum((target["out"][0] - each.function(np, **moved)) ** 2)

    slope = sum(np.sum(exact.gradients[name] * d) for name, d in directions.items())
    assert_close(slope, (loss(1e-6) - loss(-1e-6)) / 2e-6, 1e-7)


def test_correlations():
    x = RNG.normal(size=(3, 5))
    for function in (
        lambda x: np.corrcoef(x),
        lambda x: np.corrcoef(x[0], x[1]),
        lambda x: np.corrcoef(x, rowvar=False),
    ):
        graph = pcn.trace(function, x=pcn.Parameter(x))
        assert_close(pcn.backprop(graph, {}).values["out"][0], function(x), 1e-13)


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x: np.var(x, ddof=3), ShapeError, r"np\.var of 3 values with ddof=3"),
        (lambda x: np.std(x, dtype=np.float32), TraceError, r"np\.std with dtype=float32"),
        (lambda x: np.average(x, weights=[1.0, 2.0]), ShapeError, "weights of shape"),
        (lambda x: np.cov(x[:1]), ShapeError, r"np\.cov of 1 observations"),
        (lambda x: np.cov(x, fweights=[1, 2]), ShapeError, "give one for each of 3 observations"),
    ],
)
def test_what_cannot_be_is_named(function, error, text):
    with pytest.raises(error, match=text):
        pcn.trace(function, x=pcn.Input((3,)))
