"""Eigenvalues and eigenvectors of symmetric matrices, singular values, and pseudo-inverses.

Eigenvalues: a = v diag(w) v^T;  (dw/da)^T g = v diag(g) v^T, of equal eigenvalues along the vectors as found.
Eigenvectors: (dv/da)^T g = the symmetric part of v (f * (v^T g)) v^T, f_ij = 1 / (w_j - w_i), 0 on the diagonal.
Singular values: a = u diag(s) v;  (ds/da)^T g = u diag(g) v.
Pseudo-inverse p of full rank: dp = -p da p + p p^T da^T (1 - a p) + (1 - p a) da^T p^T p (Golub & Pereyra 1973).

The others are those of Giles (2008), "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels import dense
from pcneuro.kernels.dispatch import ACTIVE, BAD_MATRIX, LANES, OK, ix, op_kernel
from pcneuro.ops.base import AbstractLowering, Placed, PlacedPull, Shape, Slot, size
from pcneuro.ops.matrices import (
    DISTINCT,
    FULL_RANK,
    AbstractMatrices,
    Products,
    copy,
    degenerate,
    finite_or,
    pull_symmetric,
    refuse,
    stack_of,
    symmetric_part,
)
from pcneuro.ops.rows import lower_combine


@op_kernel("eigh")
def eigh_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """Eigenvalues and eigenvectors, as columns, of each symmetric matrix of a stack and lane in use.

    Reads a, writes values, vectors and the places at scratch. With ``distinct`` no two eigenvalues may be the same;
    ``upper`` says from which triangle LAPACK works.
    """
    lanes, active = context[LANES], context[ACTIVE]
    values, vectors, a, work = ints[at], ints[at + 1], ints[at + 2], ints[at + 3] * lanes
    stack, n, distinct, upper = ints[at + 4], ints[at + 5], ints[at + 6], ints[at + 7]
    w = work + n * n
    for s in range(stack):
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, n, lanes, active, lane, values + s * n)
                dense.repeat(buf, n * n, lanes, active, lane, vectors + s * n * n)
                continue
            dense.load(buf, a + s * n * n, n * n, lanes, lane, work)
            if not dense.finite(buf, work, n * n) or dense.eigh(buf[work:], buf[w:], n, upper) != 0:
                dense.fill(buf, np.nan, n, lanes, lane, values + s * n)
                dense.fill(buf, np.nan, n * n, lanes, lane, vectors + s * n * n)
                continue
            if distinct == 1 and dense.degenerate(buf, w, n):
                return BAD_MATRIX
            dense.store(buf, w, n, lanes, lane, values + s * n)
            for i in range(n):
                for j in range(n):
                    buf[ix((vectors + (s * n + j) * n + i) * lanes + lane)] = buf[ix(work + i * n + j)]
    return OK


@op_kernel("svd")
def svd_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """Singular values and vectors (u by columns, v by rows) of each m x n matrix of a stack and lane in use.

    Reads a, writes values, u, v and the places at scratch.
    """
    lanes, active = context[LANES], context[ACTIVE]
    values, left, right, a, work = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4] * lanes
    stack, m, n = ints[at + 5], ints[at + 6], ints[at + 7]
    k = min(m, n)
    w = work + m * n
    u = w + k
    v = u + m * k
    for s in range(stack):
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, k, lanes, active, lane, values + s * k)
                dense.repeat(buf, m * k, lanes, active, lane, left + s * m * k)
                dense.repeat(buf, k * n, lanes, active, lane, right + s * k * n)
                continue
            dense.load(buf, a + s * m * n, m * n, lanes, lane, work)
            if not dense.finite(buf, work, m * n) or dense.svd(buf[work:], m, n, buf[w:], buf[u:], buf[v:]) != 0:
                dense.fill(buf, np.nan, k, lanes, lane, values + s * k)
                dense.fill(buf, np.nan, m * k, lanes, lane, left + s * m * k)
                dense.fill(buf, np.nan, k * n, lanes, lane, right + s * k * n)
                continue
            dense.store(buf, w, k, lanes, lane, values + s * k)
            dense.store(buf, u, m * k, lanes, lane, left + s * m * k)
            dense.store(buf, v, k * n, lanes, lane, right + s * k * n)
    return OK


@op_kernel("pseudo_inverse")
def pseudo_inverse(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = the pseudo-inverse of each m x n matrix of a stack and lane in use, all of full rank.

    Reads a and the smallest relative singular value (shared), writes out and the places at scratch.
    """
    lanes, active = context[LANES], context[ACTIVE]
    out, a, work, least = ints[at], ints[at + 1], ints[at + 2] * lanes, shared[ix(ints[at + 3])]
    stack, m, n = ints[at + 4], ints[at + 5], ints[at + 6]
    k = min(m, n)
    w = work + m * n
    u = w + k
    v = u + m * k
    smallest = max(least, max(m, n) * dense.rounding(buf))
    for s in range(stack):
        target = out + s * m * n
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, m * n, lanes, active, lane, target)
                continue
            dense.load(buf, a + s * m * n, m * n, lanes, lane, work)
            if not dense.finite(buf, work, m * n) or dense.svd(buf[work:], m, n, buf[w:], buf[u:], buf[v:]) != 0:
                dense.fill(buf, np.nan, m * n, lanes, lane, target)
                continue
            if buf[ix(w + k - 1)] <= smallest * buf[ix(w)]:
                return BAD_MATRIX
            for i in range(n):
                for j in range(m):
                    total = 0.0
                    for q in range(k):
                        total += buf[ix(v + q * n + i)] / buf[ix(w + q)] * buf[ix(u + j * k + q)]
                    buf[ix((target + i * m + j) * lanes + lane)] = total
    return OK


def _lost(result: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """A result of finite matrices, NaN for those that were not."""
    if lost.any():
        result = result.copy()
        result[lost] = np.nan
    return result


def _eigh(a: np.ndarray, upper: bool = False) -> tuple[np.ndarray, np.ndarray]:
    known, lost = finite_or(a, 0)
    w, v = np.linalg.eigh(known, "U" if upper else "L")
    return _lost(w, lost), _lost(v, lost)


def _lower_eigh(
    low: AbstractLowering, at: Placed, values: Slot, vectors: Slot, *, distinct: bool = False, upper: bool = False
) -> None:
    n = at.shapes[0][-1]
    scratch = low.temporary(n * (n + 1), at.out.laned)
    rows = values.row, vectors.row, at.operands[0].row, scratch.row
    low.emit("eigh", *rows, stack_of(at.shapes), n, int(distinct), int(upper))


@dataclass(frozen=True)
class Eigenvalues(AbstractMatrices):
    """Eigenvalues of symmetric matrices (..., n, n), in ascending order."""

    kind: ClassVar[str] = "eigenvalues"

    def shape(self, *shapes: Shape) -> Shape:
        self.square(*shapes)
        return shapes[0][:-1]

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return _eigh(operands[0])[0]

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        v = _eigh(operands[0])[1]
        return (v * gradient[..., None, :]) @ v.swapaxes(-1, -2)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        _lower_eigh(low, at, at.out, low.temporary(size(at.shapes[0]), at.out.laned))

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> Slot:
        vectors = low.temporary(size(at.shapes[0]), at.out.laned)
        _lower_eigh(low, at, low.temporary(at.out.units, at.out.laned), vectors)
        return vectors

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        n = at.shape[-1]
        products = Products(low, at.out.laned, {"s": stack_of(at.shapes), "i": n, "j": n, "k": n})
        scaled = products.of("sik,sk->sik", at.linearised, pull.gradient)
        copy(low, pull.target, products.of("sik,sjk->sij", scaled, at.linearised), pull.accumulate)


@op_kernel("reciprocal_gaps")
def reciprocal_gaps(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[i, j] = 1 / (w[j] - w[i]), 0 on the diagonal, for the eigenvalues of a stack. Reads w, writes out."""
    lanes = context[LANES]
    out, values, stack, n = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    for s in range(stack):
        for i in range(n):
            for j in range(n):
                o = (out + (s * n + i) * n + j) * lanes
                for lane in range(lanes):
                    gap = buf[ix((values + s * n + j) * lanes + lane)] - buf[ix((values + s * n + i) * lanes + lane)]
                    buf[ix(o + lane)] = 0.0 if i == j else 1.0 / gap
    return OK


@dataclass(frozen=True)
class Eigenvectors(AbstractMatrices):
    """Eigenvectors, as columns, of symmetric matrices (..., n, n) no two of whose eigenvalues are the same.

    They are in ascending order of eigenvalues, with the signs that LAPACK gives them, from the upper triangle or the
    lower.
    """

    kind: ClassVar[str] = "eigenvectors"
    upper: bool

    def shape(self, *shapes: Shape) -> Shape:
        self.square(*shapes)
        return shapes[0]

    def _checked(self, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        w, v = _eigh(a, self.upper)
        refuse("eigh", degenerate(w), a.dtype, "degenerate: two of its eigenvalues are the same", DISTINCT)
        return w, v

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return self._checked(operands[0])[1]

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        w, v = self._checked(operands[0])
        one = np.eye(w.shape[-1], dtype=w.dtype)
        gaps = (1 - one) / (w[..., None, :] - w[..., :, None] + one)
        return symmetric_part(v @ (gaps * (v.swapaxes(-1, -2) @ gradient)) @ v.swapaxes(-1, -2))

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        values = low.temporary(size(at.shape[:-1]), at.out.laned)
        _lower_eigh(low, at, values, at.out, distinct=True, upper=self.upper)

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> tuple[Slot, Slot]:
        values = low.temporary(size(at.shape[:-1]), at.out.laned)
        vectors, gaps = (low.temporary(at.out.units, at.out.laned) for _ in range(2))
        _lower_eigh(low, at, values, vectors, distinct=True, upper=self.upper)
        low.emit("reciprocal_gaps", gaps.row, values.row, stack_of(at.shapes), at.shape[-1])
        return vectors, gaps

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        n, stack = at.shape[-1], stack_of(at.shapes)
        vectors, gaps = at.linearised
        products = Products(low, at.out.laned, {"s": stack, "i": n, "j": n, "k": n})
        inside = products.of("sji,sjk->sik", vectors, pull.gradient)
        scaled, every = products.slot("sik"), np.arange(inside.units)
        lower_combine(low, scaled, every, inside, every, False, gaps, every)
        left = products.of("sij,sjk->sik", vectors, scaled)
        pull_symmetric(low, pull, stack, n, products.of("sij,skj->sik", left, vectors))


def _matrix_shape(what: str, *shapes: Shape) -> tuple[int, int]:
    if len(shapes) != 1 or len(shapes[0]) < 2:
        raise ShapeError(f"{what} takes matrices (..., m, n), got shape {' and '.join(map(str, shapes))}")
    return shapes[0][-2], shapes[0][-1]


@dataclass(frozen=True)
class SingularValues(AbstractMatrices):
    """Singular values of matrices (..., m, n), in descending order."""

    kind: ClassVar[str] = "singular_values"

    def shape(self, *shapes: Shape) -> Shape:
        return (*shapes[0][:-2], min(_matrix_shape("svd", *shapes)))

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        known, lost = finite_or(operands[0], 0)
        return _lost(np.linalg.svd(known, compute_uv=False), lost)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        known, lost = finite_or(operands[0], 0)
        u, _, v = np.linalg.svd(known, full_matrices=False)
        return _lost((u * gradient[..., None, :]) @ v, lost)

    def _lower(self, low: AbstractLowering, at: Placed, values: Slot) -> tuple[Slot, Slot]:
        (m, n), stack, k = at.shapes[0][-2:], stack_of(at.shapes), at.shape[-1]
        u, v = (low.temporary(stack * count * k, at.out.laned) for count in (m, n))
        scratch = low.temporary(m * n + k * (1 + m + n), at.out.laned)
        low.emit("svd", values.row, u.row, v.row, at.operands[0].row, scratch.row, stack, m, n)
        return u, v

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        self._lower(low, at, at.out)

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> tuple[Slot, Slot]:
        return self._lower(low, at, low.temporary(at.out.units, at.out.laned))

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        u, v = at.linearised
        m, n = at.shapes[0][-2:]
        products = Products(low, at.out.laned, {"s": stack_of(at.shapes), "i": m, "j": n, "k": at.shape[-1]})
        scaled = products.of("sik,sk->sik", u, pull.gradient)
        copy(low, pull.target, products.of("sik,skj->sij", scaled, v), pull.accumulate)


@dataclass(frozen=True)
class PseudoInverse(AbstractMatrices):
    """Pseudo-inverses of matrices (..., m, n) of full rank.

    A matrix whose smallest singular value is at most ``cutoff`` times its largest, or what rounding leaves of it, has
    not that.
    """

    kind: ClassVar[str] = "pseudo_inverse"
    cutoff: float

    def shape(self, *shapes: Shape) -> Shape:
        m, n = _matrix_shape("pinv", *shapes)
        return (*shapes[0][:-2], n, m)

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        known, lost = finite_or(operands[0], 0)
        u, s, v = np.linalg.svd(known, full_matrices=False)
        smallest = max(self.cutoff, max(known.shape[-2:]) * float(np.finfo(known.dtype).eps))
        bad = (s[..., -1] <= smallest * s[..., 0].astype(np.float64)) & ~lost
        refuse("pinv", bad, known.dtype, "not of full rank", FULL_RANK)
        s = np.where(lost[..., None], 1, s)
        return _lost((v.swapaxes(-1, -2) / s[..., None, :]) @ u.swapaxes(-1, -2), lost)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        (a,), p, g = operands, output, gradient.swapaxes(-1, -2)
        q = p.swapaxes(-1, -2)
        result = -q @ (gradient @ q)
        m, n = a.shape[-2:]
        if m > n:
            tall = g @ (p @ q)
            result = result + tall - a @ (p @ tall)
        elif m < n:
            wide = (q @ p) @ g
            result = result + wide - (wide @ p) @ a
        return result

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        (m, n), stack = at.shapes[0][-2:], stack_of(at.shapes)
        scratch = low.temporary(m * n + min(m, n) * (1 + m + n), at.out.laned)
        rows = at.out.row, at.operands[0].row, scratch.row, low.constant(self.cutoff)
        low.emit("pseudo_inverse", *rows, stack, m, n)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        m, n = at.shapes[0][-2:]
        # i and k number rows of a, j and l its columns.
        sizes = {"s": stack_of(at.shapes), "i": m, "k": m, "j": n, "l": n}
        products = Products(low, at.out.laned, sizes)
        a, p, g = at.operands[0], at.out, pull.gradient
        inside = products.of("sjk,slk->sjl", g, p)
        copy(low, pull.target, products.of("sji,sjl->sil", p, inside), pull.accumulate, -1.0)
        if m > n:
            tall = products.of("sji,sjl->sil", g, products.of("sjk,slk->sjl", p, p))
            rest = products.of("sij,sjl->sil", a, products.of("sji,sil->sjl", p, tall))
            copy(low, pull.target, tall, True)
            copy(low, pull.target, rest, True, -1.0)
        elif m < n:
            wide = products.of("sik,sjk->sij", products.of("sji,sjk->sik", p, p), g)
            rest = products.of("sik,skj->sij", products.of("sij,sjk->sik", wide, p), a)
            copy(low, pull.target, wide, True)
            copy(low, pull.target, rest, True, -1.0)
