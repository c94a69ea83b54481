"""SciPy's linear algebra on traced arrays."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import pcneuro as pcn
from pcneuro.errors import TraceError
from tests.graph.tracing.test_linear_algebra import check_spelling

RNG = np.random.default_rng(1)
SQUARE, WIDE = RNG.normal(size=(3, 3)) + 3 * np.eye(3), RNG.normal(size=(2, 4))
WHOLE = SQUARE @ SQUARE.T
VECTOR = np.arange(3.0)

SPELLINGS = {
    "solve": (lambda a: scipy.linalg.solve(a, VECTOR, check_finite=False), SQUARE),
    "of a constant": (lambda b: scipy.linalg.solve(WHOLE, b, assume_a="pos"), VECTOR),
    "transposed": (lambda a: scipy.linalg.solve(a, SQUARE, transposed=True), SQUARE),
    "from a triangle": (lambda a: scipy.linalg.solve(a, VECTOR, assume_a="pos"), np.triu(WHOLE)),
    "inv": (lambda a: scipy.linalg.inv(a) * scipy.linalg.det(a), SQUARE),
    "upper": (lambda a: scipy.linalg.cholesky(a), WHOLE),
    "lower": (lambda a: scipy.linalg.cholesky(a, lower=True), WHOLE),
    "factor": (lambda a: np.triu(scipy.linalg.cho_factor(a)[0]), WHOLE),
    "solve with a factor": (lambda a: scipy.linalg.cho_solve(scipy.linalg.cho_factor(a), SQUARE), WHOLE),
    "with a lower one": (lambda a: scipy.linalg.cho_solve(scipy.linalg.cho_factor(a, lower=True), VECTOR), WHOLE),
    "with a constant": (lambda b: scipy.linalg.cho_solve((scipy.linalg.cholesky(WHOLE), False), b), VECTOR),
    "triangular": (lambda a: scipy.linalg.solve_triangular(a, VECTOR), SQUARE),
    "lower, transposed": (lambda a: scipy.linalg.solve_triangular(a, VECTOR, trans="T", lower=True), SQUARE),
    "unit diagonal": (lambda a: scipy.linalg.solve_triangular(a, SQUARE, unit_diagonal=True), SQUARE),
    "constant triangle": (lambda b: scipy.linalg.solve_triangular(SQUARE, b, lower=True), VECTOR),
    "lstsq": (lambda a: scipy.linalg.lstsq(a, np.arange(4.0))[0], WIDE.T),
    "residue": (lambda a: scipy.linalg.lstsq(a, np.arange(4.0))[1], WIDE.T),
    "pinv": (lambda a: scipy.linalg.pinv(a), WIDE),
    "eigvalsh": (lambda a: scipy.linalg.eigvalsh(a, lower=False), WHOLE),
    "eigh": (lambda a: scipy.linalg.eigh(a, driver="evd")[1], WHOLE),
    "eigh values": (lambda a: scipy.linalg.eigh(a, eigvals_only=True), WHOLE),
    "solve_banded": (lambda b: scipy.linalg.solve_banded((1, 0), WIDE[:, :3] + 3.0, b), VECTOR),
    "of traced bands": (
        lambda a: scipy.linalg.solve_banded((2, 1), a, np.arange(4.0)),
        1.0 + np.abs(RNG.normal(size=(4, 4))),
    ),
    "toeplitz": (lambda a: scipy.linalg.toeplitz(a[0]) + scipy.linalg.toeplitz([1.0, a[0, 1], 2.0, 3.0], a[1]), WIDE),
    "block_diag": (lambda a: scipy.linalg.block_diag(a, a[0, 1], [[1.0, a[0, 0]]]), WIDE),
    "of lists": (lambda a: scipy.linalg.solve([[a[0, 0], 1.0], [a[1, 1], a[0, 1]]], [1.0, a[0, 2]]), SQUARE),
    "expm": (lambda a: scipy.linalg.expm(a), SQUARE / 4),
    "expm of a stack": (lambda a: scipy.linalg.expm(a), RNG.normal(size=(2, 2, 2))),
    "svdvals": (lambda a: scipy.linalg.svdvals(a), WIDE),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_what_is_traced_is_what_scipy_does(name):
    check_spelling(*SPELLINGS[name])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: scipy.linalg.solve(a, VECTOR, assume_a="banded"), "assume_a='banded'"),
        (lambda a: scipy.linalg.eigh(a), "give driver='evd', or call np.linalg.eigh"),
        (lambda a: scipy.linalg.eigvalsh(a, SQUARE), "scipy.linalg.eigvalsh with these arguments"),
        (lambda a: scipy.linalg.solve_triangular(a, VECTOR, trans=3), "trans=3"),
    ],
)
def test_what_is_not_supported_is_refused(function, message):
    with pytest.raises(TraceError, match=message):
        pcn.trace(function, a=pcn.Parameter(WHOLE))
