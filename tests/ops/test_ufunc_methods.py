"""Methods of ufuncs on traced arrays, by NumPy's own and by complex steps."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close, case, check_case, every_case

CASES = [
    case("add.reduce", lambda np, a: np.add.reduce(a) * np.add.reduce(a, axis=None), (2, 3)),
    case("multiply.reduce", lambda np, a: np.multiply.reduce(a, 1, keepdims=True), (2, 3)),
    case("maximum.reduce", lambda np, a: np.maximum.reduce(a, axis=1) - np.minimum.reduce(a, axis=(0, 1)), (2, 3)),
    case("subtract.reduce", lambda np, a: np.subtract.reduce(a, axis=1, keepdims=True), (2, 4)),
    case("divide.reduce", lambda np, a: np.divide.reduce(a, axis=0, initial=2.0), (3, 2), low=0.5),
    case("add.accumulate", lambda np, a: np.add.accumulate(a, axis=1), (2, 3)),
    case("multiply.accumulate", lambda np, a: np.multiply.accumulate(a), (3, 2)),
    case("maximum.accumulate", lambda np, a: np.maximum.accumulate(a, axis=-1), (2, 4)),
    case("add.reduceat", lambda np, a: np.add.reduceat(a, [0, 2, 1], axis=1), (2, 4)),
    case("multiply.reduceat", lambda np, a: np.multiply.reduceat(a, [1, 3]), (4, 2)),
]
CASES = [case(e.name, e.function, *e.operands.values(), low=e.low, by_autograd=False) for e in CASES]
X = np.random.default_rng(0).normal(size=(5, 3))


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.logaddexp.reduce(x, axis=0),
        lambda x: np.logaddexp.reduce(x, axis=(0, 1), keepdims=True),
        lambda x: np.logaddexp.accumulate(x, axis=1),
        lambda x: np.hypot.reduce(x, axis=1, initial=1.0),
        lambda x: np.maximum.reduce(x, axis=0, initial=0.0, where=X > 0),
        lambda x: np.power.reduce(np.abs(x), axis=0),
        lambda x: np.hypot.reduce(x[:, :1], axis=1) + np.hypot.reduceat(x, [0, 2], axis=1)[:, 1],
        lambda x: np.logical_xor.reduce(x[:, :1], axis=1) + np.logaddexp.reduce(x[:, 1:2], axis=1),
        lambda x: np.logical_or.accumulate(x, axis=1) * 1.0 + np.logical_and.reduceat(x, [0, 2, 1], axis=1),
    ],
)
def test_values_are_numpys(function):
    graph = pcn.trace(function, x=pcn.Parameter(X))
    assert_close(pcn.backprop(graph, {}).values["out"][0], function(X), 1e-13)


def test_pairs_keep_a_graph_shallow():
    graph = pcn.trace(lambda x: np.logaddexp.reduce(x), x=pcn.Input((64,)))
    inputs = {"x": np.zeros((1, 64))}
    assert_close(pcn.backprop(graph, inputs).values["out"], np.log([64.0]), 1e-14)
    depth = {}
    for name, node in graph.nodes.items():
        depth[name] = 1 + max((depth[o] for o in node.operands), default=0)
    assert max(depth.values()) < 16


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x: np.subtract.reduce(x, axis=(0, 1)), ShapeError, r"np\.subtract\.reduce over axes \(0, 1\)"),
        (lambda x: np.hypot.reduce(x, where=X[:2] > 0), TraceError, r"np\.hypot\.reduce with where="),
        (lambda x: np.add.reduceat(x, [5]), ShapeError, r"np\.add\.reduceat: give indices from 0 to 1"),
        (lambda x: np.add.accumulate(x[0, 0]), ShapeError, "of an array without axes"),
        (lambda x: np.hypot.reduce(x, dtype=np.float32), TraceError, "with dtype=float32"),
    ],
)
def test_what_cannot_be_is_named(function, error, text):
    with pytest.raises(error, match=text):
        pcn.trace(function, x=pcn.Input((2, 3)))
