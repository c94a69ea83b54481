"""SciPy's linear algebra on traced arrays. It asks no protocol what they are: these stand in for it during a trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing import linear_algebra
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.graph.tracing.linear_algebra import mirrored
from pcneuro.graph.tracing.of_scipy import of_scipy
from pcneuro.ops.base import apply
from pcneuro.ops.exponentials import MatrixExponential
from pcneuro.ops.registry import at_line, refuse

_GENERAL = (None, "gen", "general")
_SYMMETRIC = ("sym", "symmetric", "her", "hermitian", "pos", "positive definite")
_TRANSPOSED = {0: False, "N": False, 1: True, "T": True, 2: True, "C": True}
_EPSILON = float(np.finfo(np.float64).eps)


@of_scipy("scipy.linalg")
def _solve(a: Any, b: Any, lower: bool = False, *, assume_a: Any = None, transposed: bool = False) -> Any:
    if assume_a in _SYMMETRIC:
        a = mirrored(a, lower=lower) if isinstance(a, TracedArray) else _mirrored(a, lower)
    elif assume_a not in _GENERAL:
        raise refuse(f"scipy.linalg.solve with assume_a={assume_a!r}", "leave it out, or give 'sym' or 'pos'")
    if np.ndim(a) != 2 and np.ndim(b) != np.ndim(a):
        raise refuse("scipy.linalg.solve of stacks of different depth", "give b as many axes as a has")
    return linear_algebra.solve(np.swapaxes(a, -1, -2) if transposed else a, b)


def _mirrored(a: Any, lower: bool) -> np.ndarray:
    triangle = np.tril(a) if lower else np.triu(a)
    return triangle + np.swapaxes(np.tril(a, -1) if lower else np.triu(a, 1), -1, -2)


@of_scipy("scipy.linalg")
def _inv(a: Any) -> Any:
    return linear_algebra.inv(a)


@of_scipy("scipy.linalg")
def _det(a: Any) -> Any:
    return linear_algebra.det(a)


@of_scipy("scipy.linalg")
def _cholesky(a: Any, lower: bool = False) -> Any:
    return np.linalg.cholesky(a, upper=not lower)


@of_scipy("scipy.linalg")
def _cho_factor(a: Any, lower: bool = False) -> Any:
    """The factor, beside what a has in the other triangle; and which triangle is the factor's."""
    factor = np.linalg.cholesky(a, upper=not lower)
    return np.where(_triangle(a, lower), factor, a), lower


@of_scipy("scipy.linalg")
def _cho_solve(c_and_lower: Any, b: Any) -> Any:
    c, lower = c_and_lower
    factor = np.where(_triangle(c, lower), c, 0.0)
    turned = np.swapaxes(factor, -1, -2)
    first, second = (factor, turned) if lower else (turned, factor)
    return linear_algebra.solve(second, linear_algebra.solve(first, b))


def _triangle(a: Any, lower: bool) -> np.ndarray:
    if np.ndim(a) < 2 or np.shape(a)[-1] != np.shape(a)[-2]:
        raise ShapeError(f"needed are square matrices (..., n, n), got shape {np.shape(a)}{at_line()}")
    lower_half = np.tri(np.shape(a)[-1], dtype=bool)
    return np.broadcast_to(lower_half if lower else lower_half.T, np.shape(a))


@of_scipy("scipy.linalg")
def _solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
    if trans not in _TRANSPOSED:
        raise refuse(f"scipy.linalg.solve_triangular with trans={trans!r}", "give 0 or 1, 'N' or 'T'")
    matrix = np.where(_triangle(a, lower), a, 0.0)
    if unit_diagonal:
        matrix = np.where(np.eye(np.shape(a)[-1], dtype=bool), 1.0, matrix)
    return linear_algebra.solve(np.swapaxes(matrix, -1, -2) if _TRANSPOSED[trans] else matrix, b)


@of_scipy("scipy.linalg")
def _solve_banded(l_and_u: Any, ab: Any, b: Any) -> Any:
    below, above = l_and_u
    n = np.shape(ab)[-1]
    if np.ndim(ab) != 2 or np.shape(ab)[0] != below + above + 1 or max(below, above) >= n:
        raise ShapeError(f"{below} diagonals below and {above} above do not fit bands of {np.shape(ab)}{at_line()}")
    matrix: Any = 0.0
    for k in range(-below, above + 1):
        matrix = matrix + np.diag(ab[above - k, max(k, 0) : n + min(k, 0)], k)
    return linear_algebra.solve(matrix, b)


@of_scipy("scipy.linalg")
def _toeplitz(c: Any, r: Any = None) -> Any:
    first, row = np.ravel(c), np.ravel(np.conj(c) if r is None else r)
    values = np.concatenate([first[::-1], row[1:]])
    return values[np.arange(len(row)) - np.arange(len(first))[:, None] + len(first) - 1]


@of_scipy("scipy.linalg")
def _block_diag(*arrs: Any) -> Any:
    blocks = [np.atleast_2d(block) for block in arrs]
    widths = [np.shape(block)[1] for block in blocks]
    rows = []
    for i, block in enumerate(blocks):
        before, behind = sum(widths[:i]), sum(widths[i + 1 :])
        rows.append(np.pad(block, ((0, 0), (before, behind))))
    return np.concatenate(rows)


@of_scipy("scipy.linalg")
def _lstsq(a: Any, b: Any, cond: Any = None) -> Any:
    x, residuals, rank, values = linear_algebra.lstsq(a, b, _EPSILON if cond is None else cond)
    if np.ndim(b) == 1 and np.size(residuals):
        residuals = np.reshape(residuals, ())
    return x, residuals, rank, values


@of_scipy("scipy.linalg")
def _pinv(a: Any, *, rtol: Any = None) -> Any:
    return np.linalg.pinv(a, rtol=rtol)


@of_scipy("scipy.linalg")
def _eigh(a: Any, *, lower: bool = True, eigvals_only: bool = False, driver: Any = None) -> Any:
    triangle: Any = "L" if lower else "U"
    if eigvals_only:
        return np.linalg.eigvalsh(a, triangle)
    if driver != "evd":
        raise refuse(
            "scipy.linalg.eigh with vectors of this driver",
            "signs of eigenvectors are the driver's: give driver='evd', or call np.linalg.eigh",
        )
    return tuple(np.linalg.eigh(a, triangle))


@of_scipy("scipy.linalg")
def _eigvalsh(a: Any, *, lower: bool = True) -> Any:
    return np.linalg.eigvalsh(a, "L" if lower else "U")


@of_scipy("scipy.linalg")
def _svdvals(a: Any) -> Any:
    return linear_algebra.svdvals(a)


@of_scipy("scipy.linalg")
def _expm(A: Any) -> Any:
    return apply(MatrixExponential(), A)
