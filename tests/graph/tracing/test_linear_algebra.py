"""NumPy's linear algebra on traced arrays, as it is spelled, and what is composed of its operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import PcneuroError, ShapeError, TraceError
from pcneuro.graph.tracing.linear_algebra import norm_of_matrices
from tests.helpers import assert_close

RNG = np.random.default_rng(0)
SQUARE, WIDE, STACK = RNG.normal(size=(3, 3)) + 3 * np.eye(3), RNG.normal(size=(2, 4)), RNG.normal(size=(2, 3, 3))
WHOLE = SQUARE @ SQUARE.T
VECTOR = np.arange(3.0)

SPELLINGS = {
    "solve by a constant": (lambda a: np.linalg.solve(SQUARE, a), WHOLE),
    "solve for a constant": (lambda a: np.linalg.solve(a, np.ones((2, 3, 1))), SQUARE),
    "solve, vector for stack": (lambda a: np.linalg.solve(a, VECTOR), STACK),
    "lists": (lambda a: np.linalg.solve([[a[0], 1.0], [2.0, a[1]]], [a[2], a[0]]), np.array([3.0, 4.0, 5.0])),
    "upper": (lambda a: np.linalg.cholesky(a, upper=True), np.triu(WHOLE)),
    "lower": (lambda a: np.linalg.cholesky(a), np.tril(WHOLE)),
    "fields": (lambda a: np.linalg.eigh(a).eigenvectors * np.linalg.eigh(a).eigenvalues, WHOLE),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(a, UPLO="u"), SQUARE),
    "sign": (lambda a: np.linalg.slogdet(a).sign * np.linalg.slogdet(a).logabsdet, -STACK),
    "hermitian svd": (lambda a: np.linalg.svd(a, False, False, True), np.tril(WHOLE)),
    "svdvals": (np.linalg.svdvals, WIDE),
    "hermitian pinv": (lambda a: np.linalg.pinv(a, hermitian=True), np.tril(WHOLE)),
    "pinv with rtol": (lambda a: np.linalg.pinv(a, rtol=1e-8), WIDE),
    "pinv with rtol=None": (lambda a: np.linalg.pinv(a, rtol=None), WIDE),
    "lstsq": (lambda a: np.linalg.lstsq(a, np.arange(4.0))[0], WIDE.T),
    "least norm": (lambda a: np.linalg.lstsq(a, np.arange(6.0).reshape(2, 3), rcond=None)[0], WIDE),
    "residuals": (lambda a: np.linalg.lstsq(a, np.arange(8.0).reshape(4, 2))[1], WIDE.T),
    "residual of a vector": (lambda a: np.linalg.lstsq(a, np.arange(4.0))[1], WIDE.T),
    "rank and values": (lambda a: np.linalg.lstsq(a, np.ones(4))[3] * np.linalg.lstsq(a, np.ones(4))[2], WIDE.T),
    "lstsq by a constant": (lambda a: np.linalg.lstsq(WIDE, a)[0], np.ones((2, 2))),
    "lstsq by ones": (lambda a: np.linalg.lstsq(np.ones((3, 3)), a)[0], VECTOR),
    "powers": (lambda a: np.linalg.matrix_power(a, 5) + np.linalg.matrix_power(a, np.int64(-2)), SQUARE),
    "power of 0": (lambda a: np.linalg.matrix_power(a, 0) * a, STACK),
    "power of 1": (lambda a: np.linalg.matrix_power(a, 1), STACK),
    "multi_dot": (lambda a: np.linalg.multi_dot([VECTOR, a, SQUARE, a]), SQUARE),
    "multi_dot to a vector": (lambda a: np.linalg.multi_dot([a, SQUARE, a, VECTOR]), SQUARE),
    "multi_dot to a number": (lambda a: np.linalg.multi_dot((VECTOR, a, VECTOR)), SQUARE),
    "cond": (np.linalg.cond, STACK),
    "cond -2": (lambda x: np.linalg.cond(x, -2), WIDE),
    "cond fro": (lambda x: np.linalg.cond(x, "fro") + np.linalg.cond(x, 1), SQUARE),
    "matrix_norm": (lambda x: np.linalg.matrix_norm(x, ord="nuc", keepdims=True), STACK),
    "vector_norm": (lambda x: np.linalg.vector_norm(x), STACK),
    "vector_norm of axes": (lambda x: np.linalg.vector_norm(x, axis=(0, -1), keepdims=True, ord=3), STACK),
    "tensorsolve": (lambda a: np.linalg.tensorsolve(a, np.ones((2, 3))), RNG.normal(size=(2, 3, 6))),
    "tensorsolve axes": (lambda a: np.linalg.tensorsolve(a, np.ones((2, 3)), (0,)), RNG.normal(size=(6, 2, 3))),
    "tensorinv": (lambda a: np.linalg.tensorinv(a, ind=1), RNG.normal(size=(6, 2, 3))),
    "matmul": (lambda a: np.linalg.matmul(a, a) + np.linalg.matrix_transpose(a), STACK),
    "outer": (lambda a: np.linalg.outer(a, VECTOR), VECTOR),
    "tensordot": (lambda a: np.linalg.tensordot(a, SQUARE, axes=1), STACK),
    "diagonal": (lambda a: np.linalg.diagonal(a, offset=1), STACK),
    "trace": (lambda a: np.linalg.trace(a, offset=-1), STACK),
    "vecdot": (lambda a: np.linalg.vecdot(a, SQUARE, axis=-2), STACK),
}


def check_spelling(function: Callable[[Any], Any], value: np.ndarray) -> None:
    """A function has the values that it has on plain arrays, and the gradient that central differences have."""
    graph = pcn.trace(lambda a: function(a), a=pcn.Parameter(value))
    result = pcn.backprop(graph, {}, {"out": np.zeros(np.shape(function(value)))})
    assert_close(result.values["out"][0], function(value), 1e-12)
    gradient = np.zeros(value.shape)
    for index in np.ndindex(value.shape):
        step = np.zeros(value.shape)
        step[index] = 1e-6
        ahead, behind = (0.5 * np.sum(np.square(function(value + sign * step))) for sign in (1, -1))
        gradient[index] = (ahead - behind) / 2e-6
    assert_close(result.gradients["a"], gradient, 1e-7)


@pytest.mark.parametrize("name", SPELLINGS)
def test_what_is_traced_is_what_numpy_does(name):
    check_spelling(*SPELLINGS[name])


@pytest.mark.parametrize("order", ["nuc", 2, -2])
def test_norms_by_singular_values(order):
    for keepdims in (False, True):
        graph = pcn.trace(
            lambda a, k=keepdims: norm_of_matrices(a, order, (2, 0), keepdims=k), a=pcn.Parameter(STACK), check=False
        )
        expected = np.linalg.norm(STACK, order, (2, 0), keepdims)
        assert_close(pcn.backprop(graph, {}).values["out"][0], expected, 1e-14)


OUTSIDE = np.ones((2, 2))

WRONG = {
    "solve": (lambda a: np.linalg.solve(a, np.ones(3)), (2, 3), ShapeError, r"solve of shapes \(2, 3\) and \(3, 1\)"),
    "inner": (lambda a: np.linalg.solve(a, np.ones(4)), (3, 3), ShapeError, r"solve of shapes .* and \(4, 1\)"),
    "stacks": (lambda a: np.linalg.solve(a, np.ones((3, 2, 1))), (2, 2, 2), ShapeError, "leading axes"),
    "inv": (lambda a: np.linalg.inv(a), (2, 3), ShapeError, r"inv of shape \(2, 3\)"),
    "det": (lambda a: np.linalg.det(a), (3,), ShapeError, r"square matrices \(\.\.\., n, n\), got shape \(3,\)"),
    "cholesky": (lambda a: np.linalg.cholesky(a), (2, 3), ShapeError, "square matrices"),
    "eigh": (lambda a: np.linalg.eigh(a)[1], (2, 3), ShapeError, "square matrices"),
    "UPLO": (lambda a: np.linalg.eigh(a, "X")[1], (3, 3), ShapeError, "UPLO is 'X': give 'L' or 'U'"),
    "svd": (lambda a: np.linalg.svdvals(a), (3,), ShapeError, r"takes matrices \(\.\.\., m, n\)"),
    "pinv": (lambda a: np.linalg.pinv(a, np.ones(2)), (2, 3, 3), TraceError, "a cutoff for each matrix"),
    "lstsq": (lambda a: np.linalg.lstsq(a, np.ones(2)), (3, 2), ShapeError, r"lstsq of shapes \(3, 2\) and \(2,\)"),
    "power": (lambda a: np.linalg.matrix_power(a, 0.5), (2, 2), TraceError, "no whole number"),
    "power of none": (lambda a: np.linalg.matrix_power(a, 2), (2, 3), ShapeError, "matrix_power of shape"),
    "out": (lambda a: np.linalg.multi_dot([a, a], out=OUTSIDE), (2, 2), TraceError, "with out="),
    "vectors": (lambda a: np.linalg.svd(a), (2, 2), TraceError, "compute_uv=False"),
    "eigvals": (lambda a: np.linalg.eigvals(a), (2, 2), TraceError, "np.linalg.eigvalsh takes those that are"),
    "qr": (lambda a: np.linalg.qr(a), (2, 2), TraceError, "np.linalg.lstsq"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused(name):
    function, shape, kind, message = WRONG[name]
    with pytest.raises(PcneuroError, match=message) as caught:
        pcn.trace(lambda a: function(a), a=pcn.Input(shape))
    assert isinstance(caught.value, kind)
    assert "test_linear_algebra.py" in str(caught.value)
