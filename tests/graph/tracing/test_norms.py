"""Norms of vectors and matrices."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close, case, check_case, check_engines, every_case, every_variant, learning, run_both

CASES = [
    case("norm", lambda np, a: np.linalg.norm(a), (4,), analytic=False),
    case("norm of a matrix", lambda np, a: np.linalg.norm(a) * a, (2, 3), analytic=False),
    case("along an axis", lambda np, a: np.linalg.norm(a, axis=1), (2, 3), analytic=False),
    case("order 3", lambda np, a: np.linalg.norm(a, 3, axis=0), (2, 3), analytic=False),
    case("order 1.5", lambda np, a: np.linalg.norm(a, 1.5), (4,), analytic=False),
    case("frobenius", lambda np, a: np.linalg.norm(a, "fro"), (2, 3), analytic=False),
    case("to length one", lambda np, a: a / np.linalg.norm(a), (3,), analytic=False),
]
X = np.random.default_rng(0).normal(size=(3, 4))


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES[1:3], learning)
def test_kernel_is_the_reference(v):
    check_engines(v)


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [None, (0, 1), (1, 0), (-1, 0)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_norms_of_matrices(order, axis, keepdims):
    x = X if axis is None else np.stack([X, -2 * X], axis=1)
    axis = axis if axis is None else tuple({0: 0, 1: 2, -1: 2}[a] for a in axis)

    def function(x):
        return np.linalg.norm(x, order, axis, keepdims)

    graph = pcn.trace(function, x=pcn.Parameter(x))
    assert_close(pcn.backprop(graph, {}).values["out"][0], function(x), 1e-13)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.linalg.norm(x, 1, axis=1, keepdims=True),
        lambda x: np.linalg.norm(x[0], np.inf) + np.linalg.norm(x[1], -np.inf),
        lambda x: np.linalg.norm(x, np.inf, axis=-1),
        lambda x: np.linalg.norm(x[0], -2.5),
        lambda x: np.linalg.vector_norm(x),
        lambda x: np.linalg.vector_norm(x, axis=0, ord=1, keepdims=True),
        lambda x: np.linalg.matrix_norm(x, ord=np.inf),
    ],
)
def test_norms_of_vectors(function):
    graph = pcn.trace(function, x=pcn.Parameter(X))
    assert_close(pcn.backprop(graph, {}).values["out"][0], function(X), 1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nothing_comes_back_through_a_vector_of_zeros(dtype):
    graph = pcn.trace(lambda x, w: np.linalg.norm(x * w, axis=1), x=pcn.Input((2, 3)), w=pcn.Parameter(np.ones((2, 3))))
    x = np.array([[0.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
    for result in run_both(graph, {"x": x}, {"out": np.array([[1.0, 4.0]])}, dtype, "all", False):
        assert_close(result.gradients["w"], [[0.0, 0.0, 0.0], [0.0, 9 / 5, 16 / 5]], 1e-5)


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x: np.linalg.norm(x[0], "fro"), TraceError, "a norm of vectors of order 'fro'"),
        (lambda x: np.linalg.norm(x, 7), TraceError, "a norm of matrices of order 7"),
        (lambda x: np.linalg.norm(x, axis=2), ShapeError, r"np\.linalg\.norm over axis \(2,\)"),
        (lambda x: np.linalg.norm(x[None], 1), ShapeError, "give one axis or two"),
    ],
)
def test_what_cannot_be_is_named(function, error, text):
    with pytest.raises(error, match=text):
        pcn.trace(function, x=pcn.Input((3, 4)))
