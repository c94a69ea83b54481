"""Linear equations and determinants.

Solve: x = a^-1 b;  (dx/db)^T g = a^-T g;  (dx/da)^T g = -(a^-T g) x^T.
Log-determinant: y = log |det a|;  (dy/da)^T g = g a^-T.
Determinant: y = det a;  (dy/da)^T g = g times the cofactors of a, which singular matrices have, too.

Giles (2008), "Collected matrix derivative results for forward and reverse mode algorithmic differentiation".
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels import dense
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import ACTIVE, BAD_MATRIX, LANES, OK, ix, op_kernel
from pcneuro.ops.base import AbstractLowering, Placed, PlacedPull, Shape, Slot
from pcneuro.ops.matrices import (
    REGULAR,
    AbstractMatrices,
    Products,
    copy,
    finite_or,
    lu_numpy,
    promoted_operands,
    refuse,
    stack_of,
)
from pcneuro.ops.rows import lower_combine


@op_kernel("solve")
def solve_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = a^-1 b for each matrix of a stack and lane in use. Reads a and b, writes out and the places at scratch."""
    lanes, active = context[LANES], context[ACTIVE]
    out, a, b, lu = ints[at], ints[at + 1], ints[at + 2], ints[at + 3] * lanes
    stack, n, m = ints[at + 4], ints[at + 5], ints[at + 6]
    order = lu + n * n
    x = order + n
    for s in range(stack):
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, n * m, lanes, active, lane, out + s * n * m)
                continue
            dense.load(buf, a + s * n * n, n * n, lanes, lane, lu)
            dense.load(buf, b + s * n * m, n * m, lanes, lane, x)
            dense.factor(buf, lu, n, order)
            if dense.singular(buf, lu, n):
                return BAD_MATRIX
            dense.substitute(buf, lu, n, order, x, m)
            dense.store(buf, x, n * m, lanes, lane, out + s * n * m)
    return OK


@op_kernel("inverse")
def inverse(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = a^-1 for each matrix of a stack and lane in use. Reads a, writes out and the places at scratch."""
    lanes, active = context[LANES], context[ACTIVE]
    out, a, lu, stack, n = ints[at], ints[at + 1], ints[at + 2] * lanes, ints[at + 3], ints[at + 4]
    order = lu + n * n
    x = order + n
    for s in range(stack):
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, n * n, lanes, active, lane, out + s * n * n)
                continue
            dense.load(buf, a + s * n * n, n * n, lanes, lane, lu)
            dense.factor(buf, lu, n, order)
            if dense.singular(buf, lu, n):
                return BAD_MATRIX
            dense.identity(buf, x, n)
            dense.substitute(buf, lu, n, order, x, n)
            dense.store(buf, x, n * n, lanes, lane, out + s * n * n)
    return OK


@op_kernel("log_determinant")
def log_determinant(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = log |det a| for each matrix of a stack and lane in use. Reads a, writes out and the places at scratch."""
    lanes, active = context[LANES], context[ACTIVE]
    out, a, lu, stack, n = ints[at], ints[at + 1], ints[at + 2] * lanes, ints[at + 3], ints[at + 4]
    for s in range(stack):
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, 1, lanes, active, lane, out + s)
                continue
            dense.load(buf, a + s * n * n, n * n, lanes, lane, lu)
            dense.factor(buf, lu, n, lu + n * n)
            if dense.singular(buf, lu, n):
                return BAD_MATRIX
            total = buf.dtype.type(0)
            for k in range(n):
                total += np.log(abs(buf[ix(lu + k * n + k)]))
            buf[ix((out + s) * lanes + lane)] = total
    return OK


@op_kernel("determinant_sign")
def determinant_sign(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = 1 or -1, as det a, for each matrix of a stack and lane in use.

    Reads a, writes out and the places at scratch.
    """
    lanes, active = context[LANES], context[ACTIVE]
    out, a, lu, stack, n = ints[at], ints[at + 1], ints[at + 2] * lanes, ints[at + 3], ints[at + 4]
    for s in range(stack):
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, 1, lanes, active, lane, out + s)
                continue
            dense.load(buf, a + s * n * n, n * n, lanes, lane, lu)
            sign = dense.factor(buf, lu, n, lu + n * n)
            if dense.singular(buf, lu, n):
                return BAD_MATRIX
            for k in range(n):
                if buf[ix(lu + k * n + k)] < 0.0:
                    sign = -sign
            buf[ix((out + s) * lanes + lane)] = sign
    return OK


@op_kernel("determinant")
def determinant(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = det a for each matrix of a stack and lane in use. Reads a, writes out and the places at scratch."""
    lanes, active = context[LANES], context[ACTIVE]
    out, a, lu, stack, n = ints[at], ints[at + 1], ints[at + 2] * lanes, ints[at + 3], ints[at + 4]
    for s in range(stack):
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, 1, lanes, active, lane, out + s)
                continue
            dense.load(buf, a + s * n * n, n * n, lanes, lane, lu)
            product = dense.factor(buf, lu, n, lu + n * n)
            for k in range(n):
                product *= buf[ix(lu + k * n + k)]
            buf[ix((out + s) * lanes + lane)] = product
    return OK


@inner(cache=False)
def _orientation(buf, a, n, order):  # type: ignore[no-untyped-def]
    """Determinant of an orthogonal matrix, 1 or -1; the matrix is lost."""
    sign = dense.factor(buf, a, n, order)
    for k in range(n):
        if buf[ix(a + k * n + k)] < 0.0:
            sign = -sign
    return sign


@op_kernel("cofactors")
def cofactors(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = the cofactors of a, for each matrix of a stack and lane in use: the derivative of its determinant.

    With a = u diag(s) v they are det(u) det(v) u diag(product of the other s) v, whatever the rank of a. Reads a,
    writes out and the places at scratch.
    """
    lanes, active = context[LANES], context[ACTIVE]
    out, a, at_a, stack, n = ints[at], ints[at + 1], ints[at + 2] * lanes, ints[at + 3], ints[at + 4]
    u, v = at_a + n * n, at_a + 2 * n * n
    w = at_a + 3 * n * n
    order = w + n
    for s in range(stack):
        target = out + s * n * n
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, n * n, lanes, active, lane, target)
                continue
            dense.load(buf, a + s * n * n, n * n, lanes, lane, at_a)
            if not dense.finite(buf, at_a, n * n) or dense.svd(buf[at_a:], n, n, buf[w:], buf[u:], buf[v:]) != 0:
                dense.fill(buf, np.nan, n * n, lanes, lane, target)
                continue
            for i in range(n):
                for j in range(n):
                    total = 0.0
                    for k in range(n):
                        others = 1.0
                        for q in range(n):
                            if q != k:
                                others *= buf[ix(w + q)]
                        total += buf[ix(u + i * n + k)] * others * buf[ix(v + k * n + j)]
                    buf[ix((target + i * n + j) * lanes + lane)] = total
            sign = _orientation(buf, u, n, order) * _orientation(buf, v, n, order)
            for i in range(n * n):
                buf[ix((target + i) * lanes + lane)] *= sign
    return OK


def cofactors_numpy(a: np.ndarray) -> np.ndarray:
    """Cofactors of matrices (..., n, n); NaN where they are not finite."""
    known, lost = finite_or(a, 0)
    u, s, v = np.linalg.svd(known)
    n = a.shape[-1]
    others = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(axis=-1)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(v))
    result = ((u * (others * sign[..., None])[..., None, :]) @ v).astype(a.dtype)
    result[lost] = np.nan
    return result


def _regular(what: str, a: np.ndarray) -> np.ndarray:
    """Matrices, with NaN for those that are not finite. Raises DataError where one is singular."""
    known, _ = finite_or(a, np.nan)
    refuse(what, lu_numpy(known)[1], a.dtype, "singular", REGULAR)
    return known


def _inverse(low: AbstractLowering, a: Slot, laned: bool, stack: int, n: int) -> Slot:
    """Emit what inverts the matrices of a stack."""
    out = low.temporary(a.units, laned)
    low.emit("inverse", out.row, a.row, low.temporary(n * (2 * n + 1), laned).row, stack, n)
    return out


@dataclass(frozen=True)
class Solve(AbstractMatrices):
    """x with a x = b, for matrices a of shape (..., n, n) and b of shape (..., n, m) with the same leading axes.

    ``name`` is that of the function that was asked for.
    """

    kind: ClassVar[str] = "solve"
    name: str = "solve"

    @property
    def label(self) -> str:
        return self.name

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) == 2:
            a, b = shapes
            if len(a) >= 2 and a[-1] == a[-2] and b[:-1] == a[:-1] and len(b) == len(a):
                return b
        text = " and ".join(map(str, shapes))
        raise ShapeError(f"{self.name} takes matrices (..., n, n) and (..., n, m), got shapes {text}")

    def linear_in(self, k: int) -> bool:
        return k == 1

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return self._solved(*operands)

    def _solved(self, a: np.ndarray, b: np.ndarray, *, transposed: bool = False) -> np.ndarray:
        known = _regular(self.name, a)
        return np.linalg.solve(known.swapaxes(-1, -2) if transposed else known, b)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        back = self._solved(operands[0], gradient, transposed=True)
        return back if k == 1 else -back @ output.swapaxes(-1, -2)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        a, b = promoted_operands(low, at)
        stack, (n, m) = stack_of(at.shapes), at.shape[-2:]
        scratch = low.temporary(n * (n + 1 + m), at.out.laned)
        low.emit("solve", at.out.row, a.row, b.row, scratch.row, stack, n, m)

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> Slot:
        a, _ = promoted_operands(low, at)
        return _inverse(low, a, at.out.laned, stack_of(at.shapes), at.shape[-2])

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        n, m = at.shape[-2:]
        products = Products(low, at.out.laned, {"s": stack_of(at.shapes), "i": n, "j": n, "k": m})
        back = products.of("sji,sjk->sik", at.linearised, pull.gradient)
        if pull.k == 1:
            copy(low, pull.target, back, pull.accumulate)
        else:
            copy(low, pull.target, products.of("sik,sjk->sij", back, at.out), pull.accumulate, -1.0)


@dataclass(frozen=True)
class AbstractDeterminant(AbstractMatrices):
    """A number for each matrix of a stack, whose kernel is called as the operator's kind."""

    def shape(self, *shapes: Shape) -> Shape:
        self.square(*shapes)
        return shapes[0][:-2]

    @abstractmethod
    def derivative(self, a: np.ndarray) -> np.ndarray:
        """The derivative by each number of the matrices (..., n, n)."""

    @abstractmethod
    def lower_derivative(self, low: AbstractLowering, a: Slot, laned: bool, stack: int, n: int) -> tuple[Slot, bool]:
        """Emit what computes it; whether its matrices are transposed."""

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return gradient[..., None, None] * self.derivative(operands[0])

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        n = at.shapes[0][-1]
        scratch = low.temporary(n * (n + 1), at.out.laned)
        low.emit(self.kind, at.out.row, at.operands[0].row, scratch.row, stack_of(at.shapes), n)

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> tuple[Slot, bool]:
        n = at.shapes[0][-1]
        return self.lower_derivative(low, at.operands[0], at.out.laned, stack_of(at.shapes), n)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        slopes, turned = at.linearised
        n, every = at.shapes[0][-1], np.arange(slopes.units)
        source = every.reshape(-1, n, n).swapaxes(1, 2).ravel() if turned else every
        which = every // (n * n)
        lower_combine(low, pull.target, every, pull.gradient, which, pull.accumulate, slopes, source)


@dataclass(frozen=True)
class LogDeterminant(AbstractDeterminant):
    """Logarithm of the absolute determinant of each matrix."""

    kind: ClassVar[str] = "log_determinant"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return np.linalg.slogdet(_regular("slogdet", operands[0]))[1]

    def derivative(self, a: np.ndarray) -> np.ndarray:
        return np.linalg.inv(_regular("slogdet", a)).swapaxes(-1, -2)

    def lower_derivative(self, low: AbstractLowering, a: Slot, laned: bool, stack: int, n: int) -> tuple[Slot, bool]:
        return _inverse(low, a, laned, stack, n), True


@dataclass(frozen=True)
class DeterminantSign(AbstractDeterminant):
    """Sign of the determinant of each matrix, whose derivative is 0."""

    kind: ClassVar[str] = "determinant_sign"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return np.linalg.slogdet(_regular("slogdet", operands[0]))[0]

    def derivative(self, a: np.ndarray) -> np.ndarray:
        return np.zeros_like(a)

    def lower_derivative(self, low: AbstractLowering, a: Slot, laned: bool, stack: int, n: int) -> tuple[Slot, bool]:
        none = low.temporary(a.units, laned)
        every = np.arange(a.units)
        lower_combine(low, none, every, a, every, False, scale=0.0)
        return none, False


@dataclass(frozen=True)
class Determinant(AbstractDeterminant):
    """Determinant of each matrix."""

    kind: ClassVar[str] = "determinant"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return np.linalg.det(operands[0])

    def derivative(self, a: np.ndarray) -> np.ndarray:
        return cofactors_numpy(a)

    def lower_derivative(self, low: AbstractLowering, a: Slot, laned: bool, stack: int, n: int) -> tuple[Slot, bool]:
        out, scratch = low.temporary(a.units, laned), low.temporary(n * (3 * n + 2), laned)
        low.emit("cofactors", out.row, a.row, scratch.row, stack, n)
        return out, False
