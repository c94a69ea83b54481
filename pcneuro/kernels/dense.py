"""Dense matrices of one sample: LU and Cholesky factors, and eigenvectors and singular vectors by LAPACK.

Every matrix is ``n * n`` consecutive numbers of a buffer, row by row, from a position on. The factors are written here
rather than asked of LAPACK, since theirs need integers beside numbers, and since NumPy's twin (``ops.matrices``) then
refuses the very same matrices. Spectra are LAPACK's, through the symbols that Numba has for them: those answer with a
code, and raise nothing. The signs of eigenvectors are then those that NumPy has.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import types
from numba.extending import overload

from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import ix

_SINGLE, _DOUBLE = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)
_SINGLE_BYTES = np.dtype(np.float32).itemsize

SLACK = 10.0
"""What is at most this times n, and the rounding unit, of what it is the difference of may be all rounding."""


@inner(cache=False)
def rounding(buf):  # type: ignore[no-untyped-def]
    """The distance from 1 to the next number of a buffer's type."""
    return _SINGLE if buf.itemsize == _SINGLE_BYTES else _DOUBLE


@inner(cache=False)
def load(buf, source, count, lanes, lane, at):  # type: ignore[no-untyped-def]
    """Copy one lane of ``count`` rows to consecutive places."""
    for u in range(count):
        buf[ix(at + u)] = buf[ix((source + u) * lanes + lane)]


@inner(cache=False)
def store(buf, at, count, lanes, lane, target):  # type: ignore[no-untyped-def]
    """Copy consecutive places to one lane of ``count`` rows."""
    for u in range(count):
        buf[ix((target + u) * lanes + lane)] = buf[ix(at + u)]


@inner(cache=False)
def fill(buf, value, count, lanes, lane, target):  # type: ignore[no-untyped-def]
    """Write a number into one lane of ``count`` rows."""
    for u in range(count):
        buf[ix((target + u) * lanes + lane)] = value


@inner(cache=False)
def repeat(buf, count, lanes, active, lane, target):  # type: ignore[no-untyped-def]
    """Copy the last lane in use to one without a sample: what is computed of its numbers is finite where theirs is."""
    for u in range(count):
        buf[ix((target + u) * lanes + lane)] = buf[ix((target + u) * lanes + active - 1)]


@inner(cache=False)
def finite(buf, at, count):  # type: ignore[no-untyped-def]
    """Whether consecutive places have numbers, and no infinity or NaN."""
    for u in range(count):
        if not np.isfinite(buf[ix(at + u)]):
            return False
    return True


@inner(cache=False)
def identity(buf, at, n):  # type: ignore[no-untyped-def]
    """Write the identity matrix."""
    for i in range(n):
        for j in range(n):
            buf[ix(at + i * n + j)] = 1.0 if i == j else 0.0


@inner(cache=False)
def factor(buf, a, n, order):  # type: ignore[no-untyped-def]
    """LU with partial pivoting in place of a; the row that each pivot came from into ``order``. Returns its sign."""
    sign = 1.0
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(buf[ix(a + i * n + k)]) > abs(buf[ix(a + p * n + k)]):
                p = i
        buf[ix(order + k)] = p
        if p != k:
            sign = -sign
            for j in range(n):
                kept = buf[ix(a + k * n + j)]
                buf[ix(a + k * n + j)] = buf[ix(a + p * n + j)]
                buf[ix(a + p * n + j)] = kept
        pivot = buf[ix(a + k * n + k)]
        if pivot == 0.0:
            continue
        for i in range(k + 1, n):
            ratio = buf[ix(a + i * n + k)] / pivot
            buf[ix(a + i * n + k)] = ratio
            for j in range(k + 1, n):
                buf[ix(a + i * n + j)] -= ratio * buf[ix(a + k * n + j)]
    return sign


@inner(cache=False)
def singular(buf, lu, n):  # type: ignore[no-untyped-def]
    """Whether a pivot is no more than what rounding leaves of the terms that it is the difference of.

    Neither scaling of rows nor of columns changes the answer. NaN is no reason to say so: it goes on, and is seen.
    """
    unit = SLACK * n * rounding(buf)
    for k in range(n):
        pivot = abs(buf[ix(lu + k * n + k)])
        terms = pivot
        for j in range(k):
            terms += abs(buf[ix(lu + k * n + j)]) * abs(buf[ix(lu + j * n + k)])
        if pivot <= unit * terms:
            return True
    return False


@inner(cache=False)
def substitute(buf, lu, n, order, b, m):  # type: ignore[no-untyped-def]
    """Solve in place of b, of n rows and m columns, with the factors that ``factor`` has left."""
    for k in range(n):
        p = np.int64(buf[ix(order + k)])
        if p != k:
            for j in range(m):
                kept = buf[ix(b + k * m + j)]
                buf[ix(b + k * m + j)] = buf[ix(b + p * m + j)]
                buf[ix(b + p * m + j)] = kept
    for i in range(n):
        for k in range(i):
            ratio = buf[ix(lu + i * n + k)]
            for j in range(m):
                buf[ix(b + i * m + j)] -= ratio * buf[ix(b + k * m + j)]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            ratio = buf[ix(lu + i * n + k)]
            for j in range(m):
                buf[ix(b + i * m + j)] -= ratio * buf[ix(b + k * m + j)]
        for j in range(m):
            buf[ix(b + i * m + j)] /= buf[ix(lu + i * n + i)]


@inner(cache=False)
def cholesky(buf, a, n):  # type: ignore[no-untyped-def]
    """The lower factor in place of the lower triangle of a, zeros above. Returns whether a is positive definite."""
    unit = n * rounding(buf)
    for k in range(n):
        whole = buf[ix(a + k * n + k)]
        rest = whole
        for j in range(k):
            rest -= buf[ix(a + k * n + j)] * buf[ix(a + k * n + j)]
        if rest <= unit * whole or whole <= 0.0:
            return False
        pivot = np.sqrt(rest)
        buf[ix(a + k * n + k)] = pivot
        for i in range(k + 1, n):
            term = buf[ix(a + i * n + k)]
            for j in range(k):
                term -= buf[ix(a + i * n + j)] * buf[ix(a + k * n + j)]
            buf[ix(a + i * n + k)] = term / pivot
            buf[ix(a + k * n + i)] = 0.0
    return True


@inner(cache=False)
def invert_lower(buf, lower, n, b):  # type: ignore[no-untyped-def]
    """The inverse of a lower triangular matrix into b."""
    identity(buf, b, n)
    for i in range(n):
        for k in range(i):
            ratio = buf[ix(lower + i * n + k)]
            for j in range(k + 1):
                buf[ix(b + i * n + j)] -= ratio * buf[ix(b + k * n + j)]
        for j in range(i + 1):
            buf[ix(b + i * n + j)] /= buf[ix(lower + i * n + i)]


@inner(cache=False)
def degenerate(buf, w, n):  # type: ignore[no-untyped-def]
    """Whether two eigenvalues, in ascending order, are closer than rounding can tell (``SLACK``)."""
    largest = max(abs(buf[ix(w)]), abs(buf[ix(w + n - 1)]))
    for k in range(n - 1):
        if buf[ix(w + k + 1)] - buf[ix(w + k)] <= SLACK * n * rounding(buf) * largest:
            return True
    return False


def eigh(a, w, n, upper):  # type: ignore[no-untyped-def]
    """Eigenvectors of a symmetric matrix, one a row, in its place, and eigenvalues into w: LAPACK's code, 0 if done.

    It works from the upper triangle or the lower, on which signs depend.
    """
    values, vectors = np.linalg.eigh(a[: n * n].reshape(n, n), "U" if upper == 1 else "L")
    a[: n * n], w[:n] = vectors.T.ravel(), values
    return 0


def svd(a, m, n, s, u, vt):  # type: ignore[no-untyped-def]
    """Singular values and vectors of an m x n matrix, which is lost: LAPACK's code, 0 if done."""
    k = min(m, n)
    left, values, right = np.linalg.svd(a[: m * n].reshape(m, n), full_matrices=False)
    u[: m * k], s[:k], vt[: k * n] = left.ravel(), values, right.ravel()
    return 0


if not numba.config.DISABLE_JIT:
    from numba.np.linalg import _LAPACK

    _KINDS = {types.float32: ord("s"), types.float64: ord("d")}
    _VECTORS, _LOWER, _UPPER, _THIN = ord("V"), ord("L"), ord("U"), ord("S")

    @overload(eigh)
    def _eigh(a, w, n, upper):  # type: ignore[no-untyped-def]
        kind, call = _KINDS[a.dtype], _LAPACK().numba_ez_xxxevd(a.dtype)

        def one_triangle(a, w, n, upper):  # type: ignore[no-untyped-def]
            return call(kind, _VECTORS, _UPPER if upper == 1 else _LOWER, n, a.ctypes, n, w.ctypes)

        return one_triangle

    @overload(svd)
    def _svd(a, m, n, s, u, vt):  # type: ignore[no-untyped-def]
        kind, call = _KINDS[a.dtype], _LAPACK().numba_ez_gesdd(a.dtype)

        def transposed(a, m, n, s, u, vt):  # type: ignore[no-untyped-def]
            # LAPACK goes by columns: what it sees is the transposed matrix, whose vectors are exchanged.
            return call(kind, _THIN, n, m, a.ctypes, n, s.ctypes, vt.ctypes, n, u.ctypes, min(m, n))

        return transposed
