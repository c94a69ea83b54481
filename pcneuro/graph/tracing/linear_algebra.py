"""NumPy's linear algebra on traced arrays: equations, determinants, factors, spectra, and what is composed of them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.ops.base import apply, unit_indices
from pcneuro.ops.factors import Cholesky
from pcneuro.ops.registry import answers, at_line, refuse
from pcneuro.ops.solving import Determinant, DeterminantSign, LogDeterminant, Solve
from pcneuro.ops.spectra import Eigenvalues, Eigenvectors, PseudoInverse, SingularValues

_ONE = np.eye(1)
_Signed, _Spectrum = type(np.linalg.slogdet(_ONE)), type(np.linalg.eigh(_ONE))
"""The named tuples of NumPy, which has no public names for them."""

_EPSILON = float(np.finfo(np.float64).eps)
_PINV_CUTOFF = 1e-15
"""NumPy's own for ``np.linalg.pinv``."""


def mirrored(a: TracedArray, *, lower: bool = True) -> TracedArray:
    """The symmetric matrices that one triangle of matrices stands for: all that NumPy reads of them."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"needed are square matrices (..., n, n), got shape {a.shape}{at_line()}")
    numbers, n = unit_indices(a.shape), a.shape[-1]
    there = np.tri(n, dtype=bool) if lower else np.tri(n, dtype=bool).T
    return a.recorder.gather("symmetric", np.where(there, numbers, numbers.swapaxes(-1, -2)), [a])


def _is_lower(what: str, triangle: Any) -> bool:
    if not isinstance(triangle, str) or triangle.upper() not in ("L", "U"):
        raise ShapeError(f"{what}: UPLO is {triangle!r}: give 'L' or 'U'{at_line()}")
    return triangle.upper() == "L"


@answers(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """As np.linalg.solve."""
    shapes = f"solve of shapes {np.shape(a)} and {np.shape(b)}"
    if np.ndim(b) == 1:
        return solve(a, b[:, None])[..., 0]
    if np.ndim(a) < 2 or np.ndim(b) < 2 or np.shape(a)[-1] != np.shape(a)[-2] or np.shape(b)[-2] != np.shape(a)[-1]:
        raise ShapeError(f"{shapes}: it takes (..., n, n), and (n,) or (..., n, m){at_line()}")
    try:
        stack = np.broadcast_shapes(np.shape(a)[:-2], np.shape(b)[:-2])
    except ValueError:
        raise ShapeError(f"{shapes}: the leading axes do not broadcast{at_line()}") from None
    return apply(Solve(), *(np.broadcast_to(x, (*stack, *np.shape(x)[-2:])) for x in (a, b)))


@answers(np.linalg.inv)
def inv(a: Any) -> Any:
    """As np.linalg.inv."""
    if np.ndim(a) < 2 or np.shape(a)[-1] != np.shape(a)[-2]:
        raise ShapeError(f"inv of shape {np.shape(a)}: it takes square matrices (..., n, n){at_line()}")
    return apply(Solve("inv"), a, np.broadcast_to(np.eye(np.shape(a)[-1]), np.shape(a)))


@answers(np.linalg.det)
def det(a: Any) -> Any:
    """As np.linalg.det."""
    return apply(Determinant(), a)


@answers(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    return _Signed(apply(DeterminantSign(), a), apply(LogDeterminant(), a))


@answers(np.linalg.cholesky)
def _cholesky(a: Any, *, upper: bool = False) -> Any:
    lower = apply(Cholesky(), mirrored(a, lower=not upper))
    return np.swapaxes(lower, -1, -2) if upper else lower


@answers(np.linalg.eigh)
def _eigh(a: Any, UPLO: Any = "L") -> Any:
    lower = _is_lower("np.linalg.eigh", UPLO)
    whole = mirrored(a, lower=lower)
    return _Spectrum(apply(Eigenvalues(), whole), apply(Eigenvectors(upper=not lower), whole))


@answers(np.linalg.eigvalsh)
def _eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    return apply(Eigenvalues(), mirrored(a, lower=_is_lower("np.linalg.eigvalsh", UPLO)))


@answers(np.linalg.svd)
def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if compute_uv:
        raise refuse(
            "np.linalg.svd with singular vectors",
            "they have no operator here; singular values have, with compute_uv=False",
        )
    return svdvals(mirrored(a) if hermitian else a)


@answers(np.linalg.svdvals)
def svdvals(x: Any) -> Any:
    """As np.linalg.svdvals."""
    return apply(SingularValues(), x)


@answers(np.linalg.pinv)
def _pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    if rtol is not np._NoValue:
        rcond = max(np.shape(a)[-2:]) * _EPSILON if rtol is None else rtol
    cutoff = _PINV_CUTOFF if rcond is None else rcond
    if isinstance(cutoff, TracedArray) or np.ndim(cutoff):
        raise refuse("np.linalg.pinv with a cutoff for each matrix", "give one number as rcond")
    return apply(PseudoInverse(float(cutoff)), mirrored(a) if hermitian else a)


@answers(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """As np.linalg.lstsq: solution, squared residuals, rank and singular values. What is traced of a has full rank."""
    if np.ndim(a) != 2 or np.ndim(b) not in (1, 2) or np.shape(a)[0] != np.shape(b)[0]:
        shapes = f"{np.shape(a)} and {np.shape(b)}"
        raise ShapeError(f"lstsq of shapes {shapes}: it takes (m, n), and (m,) or (m, k){at_line()}")
    m, n = np.shape(a)
    cutoff = max(m, n) * _EPSILON if rcond is None else max(float(rcond), _EPSILON)
    if isinstance(a, TracedArray):
        rank, values, inverse = min(m, n), svdvals(a), apply(PseudoInverse(cutoff), a)
    else:
        values = np.linalg.svd(a, compute_uv=False)
        rank, inverse = int((values > cutoff * values.max(initial=0.0)).sum()), np.linalg.pinv(a, rcond=cutoff)
    x = np.matmul(inverse, b)
    residuals: Any = np.empty(0)
    if rank == n < m:
        residuals = np.reshape(np.sum(np.square(b - np.matmul(a, x)), axis=0), (-1,))
    return x, residuals, rank, values


@answers(np.linalg.matrix_power)
def _matrix_power(a: Any, n: Any) -> Any:
    try:
        times = operator.index(n)
    except TypeError:
        raise refuse("np.linalg.matrix_power by what is no whole number", "give a constant one") from None
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"matrix_power of shape {a.shape}: it takes square matrices (..., n, n){at_line()}")
    if times == 0:
        return np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    power, result, times = (inv(a) if times < 0 else a), None, abs(times)
    while times:
        if times & 1:
            result = power if result is None else np.matmul(result, power)
        times >>= 1
        power = np.matmul(power, power) if times else power
    return result


@answers(np.linalg.multi_dot)
def _multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    if out is not None:
        raise refuse("np.linalg.multi_dot with out=", "leave it out")
    if np.ndim(arrays[-1]) == 1:
        return functools.reduce(lambda x, a: np.dot(a, x), arrays[::-1])
    return functools.reduce(np.dot, arrays)


@answers(np.linalg.tensorsolve)
def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    axes = () if axes is None else tuple(operator.index(k) % a.ndim for k in axes)
    a = np.transpose(a, [k for k in range(a.ndim) if k not in axes] + list(axes))
    shape, n = a.shape[np.ndim(b) :], np.size(b)
    return np.reshape(solve(np.reshape(a, (n, -1)), np.ravel(b)), shape)


@answers(np.linalg.tensorinv)
def _tensorinv(a: Any, ind: int = 2) -> Any:
    before, after = a.shape[:ind], a.shape[ind:]
    return np.reshape(inv(np.reshape(a, (int(np.prod(before)), -1))), after + before)


def norm_of_matrices(x: Any, order: Any, axes: tuple[int, int], keepdims: bool = False) -> Any:
    """The norms of matrices on two axes that are sums and extremes of singular values: order "nuc", 2 or -2."""
    values = svdvals(np.moveaxis(x, axes, (-2, -1)))
    # In descending order: the extremes are the first and the last.
    norm = np.sum(values, axis=-1) if order == "nuc" else values[..., 0 if order == 2 else -1]
    return np.expand_dims(norm, axes) if keepdims else norm


@answers(np.linalg.cond)
def _cond(x: Any, p: Any = None) -> Any:
    if p is None or p in (2, -2):
        values = svdvals(x)
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last
    return np.linalg.norm(x, p, axis=(-2, -1)) * np.linalg.norm(inv(x), p, axis=(-2, -1))


# The names that np.linalg has, too, for functions of np.


@answers(np.linalg.matmul)
def _matmul(x1: Any, x2: Any) -> Any:
    return np.matmul(x1, x2)


@answers(np.linalg.tensordot)
def _tensordot(x1: Any, x2: Any, *, axes: Any = 2) -> Any:
    return np.tensordot(x1, x2, axes=axes)


@answers(np.linalg.matrix_transpose)
def _matrix_transpose(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


@answers(np.linalg.diagonal)
def _diagonal(x: Any, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, axis1=-2, axis2=-1)


@answers(np.linalg.vector_norm)
def _vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    if axis is None and not keepdims:
        return np.linalg.norm(np.ravel(x), ord)
    axes = tuple(range(np.ndim(x))) if axis is None else tuple(np.atleast_1d(axis))
    kept = [k for k in range(np.ndim(x)) if k not in {int(a) % np.ndim(x) for a in axes}]
    moved = np.reshape(np.transpose(x, kept + [int(a) % np.ndim(x) for a in axes]), (*(x.shape[k] for k in kept), -1))
    norm = np.linalg.norm(moved, ord, axis=-1)
    return np.expand_dims(norm, tuple(int(a) % np.ndim(x) for a in axes)) if keepdims else norm


@answers(np.linalg.matrix_norm)
def _matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(x, ord, axis=(-2, -1), keepdims=keepdims)
