"""Exponentials of matrices, by scaling and squaring (Higham 2005; Al-Mohy & Higham 2009 for the derivative).

y = exp(a) = sum of a^k / k!;  (dy/da)^T g = L(a^T, g), the derivative of exp at a^T in the direction g. In kernels both
are the series of a / 2^s, whose norm is at most one half, squared s times; and that of what each of its steps does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.linalg

from pcneuro.kernels import dense
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import ACTIVE, LANES, OK, ix, op_kernel
from pcneuro.ops.base import AbstractLowering, Placed, PlacedPull, Shape
from pcneuro.ops.matrices import AbstractMatrices, copy, finite_or, stack_of

_TERMS = 15
"""Of the series: the next would be (1/2)^16 / 16!, below a tenth of a rounding unit of 1."""


@inner(cache=False)
def _squarings(buf, a, n):  # type: ignore[no-untyped-def]
    """How often a matrix has to be halved until its largest column of absolute values comes to at most one half."""
    largest = 0.0
    for j in range(n):
        total = 0.0
        for i in range(n):
            total += abs(buf[ix(a + i * n + j)])
        largest = max(largest, total)
    return max(0, int(np.ceil(np.log2(2.0 * largest)))) if largest > 0.5 else 0


@inner(cache=False)
def _scale(buf, a, n, scale):  # type: ignore[no-untyped-def]
    for i in range(n * n):
        buf[ix(a + i)] *= scale


@inner(cache=False)
def _multiply(buf, a, b, n, scale, out, keep):  # type: ignore[no-untyped-def]
    """out = scale a b, added to what is there if ``keep`` is 1."""
    for i in range(n):
        for j in range(n):
            o = out + i * n + j
            total = buf[ix(o)] if keep == 1 else buf.dtype.type(0)
            for k in range(n):
                total += scale * buf[ix(a + i * n + k)] * buf[ix(b + k * n + j)]
            buf[ix(o)] = total


@inner(cache=False)
def _move(buf, source, n, target):  # type: ignore[no-untyped-def]
    for i in range(n * n):
        buf[ix(target + i)] = buf[ix(source + i)]


@op_kernel("expm")
def expm_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = exp(a) for each matrix of a stack and lane in use. Reads a, writes out and the places at scratch."""
    lanes, active = context[LANES], context[ACTIVE]
    out, source, a, stack, n = ints[at], ints[at + 1], ints[at + 2] * lanes, ints[at + 3], ints[at + 4]
    x, work = a + n * n, a + 2 * n * n
    for s in range(stack):
        target = out + s * n * n
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, n * n, lanes, active, lane, target)
                continue
            dense.load(buf, source + s * n * n, n * n, lanes, lane, a)
            if not dense.finite(buf, a, n * n):
                dense.fill(buf, np.nan, n * n, lanes, lane, target)
                continue
            halved = _squarings(buf, a, n)
            _scale(buf, a, n, 0.5**halved)
            dense.identity(buf, x, n)
            for k in range(_TERMS, 0, -1):
                dense.identity(buf, work, n)
                _multiply(buf, a, x, n, 1.0 / k, work, 1)
                _move(buf, work, n, x)
            for _ in range(halved):
                _multiply(buf, x, x, n, 1.0, work, 0)
                _move(buf, work, n, x)
            dense.store(buf, x, n * n, lanes, lane, target)
    return OK


@op_kernel("expm_vjp")
def expm_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = the derivative of exp at the transpose of a, in the direction of a gradient.

    Reads a and the gradient, writes out and the places at scratch.
    """
    lanes, active = context[LANES], context[ACTIVE]
    out, source, gradient, a = ints[at], ints[at + 1], ints[at + 2], ints[at + 3] * lanes
    stack, n = ints[at + 4], ints[at + 5]
    nn = n * n
    g, x, dx, work = a + nn, a + 2 * nn, a + 3 * nn, a + 4 * nn
    for s in range(stack):
        target = out + s * nn
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, nn, lanes, active, lane, target)
                continue
            for i in range(n):
                dense.load(buf, source + s * nn + i * n, n, lanes, lane, work)
                for j in range(n):
                    buf[ix(a + j * n + i)] = buf[ix(work + j)]
            dense.load(buf, gradient + s * nn, nn, lanes, lane, g)
            if not dense.finite(buf, a, nn):
                dense.fill(buf, np.nan, nn, lanes, lane, target)
                continue
            halved = _squarings(buf, a, n)
            _scale(buf, a, n, 0.5**halved)
            _scale(buf, g, n, 0.5**halved)
            dense.identity(buf, x, n)
            for i in range(nn):
                buf[ix(dx + i)] = 0.0
            for k in range(_TERMS, 0, -1):
                _multiply(buf, g, x, n, 1.0 / k, work, 0)
                _multiply(buf, a, dx, n, 1.0 / k, work, 1)
                _move(buf, work, n, dx)
                dense.identity(buf, work, n)
                _multiply(buf, a, x, n, 1.0 / k, work, 1)
                _move(buf, work, n, x)
            for _ in range(halved):
                _multiply(buf, x, dx, n, 1.0, work, 0)
                _multiply(buf, dx, x, n, 1.0, work, 1)
                _move(buf, work, n, dx)
                _multiply(buf, x, x, n, 1.0, work, 0)
                _move(buf, work, n, x)
            dense.store(buf, dx, nn, lanes, lane, target)
    return OK


@dataclass(frozen=True)
class MatrixExponential(AbstractMatrices):
    """The exponential of each square matrix (..., n, n)."""

    kind: ClassVar[str] = "expm"

    def shape(self, *shapes: Shape) -> Shape:
        self.square(*shapes)
        return shapes[0]

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        known, lost = finite_or(operands[0], 0)
        result = np.array(scipy.linalg.expm(known))
        result[lost] = np.nan
        return result

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        known, lost = finite_or(operands[0], 0)
        n = known.shape[-1]
        at = np.broadcast_to(known.swapaxes(-1, -2), gradient.shape).reshape(-1, n, n)
        pairs = zip(at, gradient.reshape(-1, n, n), strict=True)
        slopes = [scipy.linalg.expm_frechet(a, g, compute_expm=False) for a, g in pairs]
        result = np.array(slopes, dtype=gradient.dtype).reshape(gradient.shape)
        result[np.broadcast_to(lost, gradient.shape[:-2])] = np.nan
        return result

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        n = at.shape[-1]
        scratch = low.temporary(3 * n * n, at.out.laned)
        low.emit("expm", at.out.row, at.operands[0].row, scratch.row, stack_of(at.shapes), n)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        n = at.shape[-1]
        slope, scratch = (low.temporary(count, at.out.laned) for count in (at.out.units, 5 * n * n))
        rows = slope.row, at.operands[0].row, pull.gradient.row, scratch.row
        low.emit("expm_vjp", *rows, stack_of(at.shapes), n)
        copy(low, pull.target, slope, pull.accumulate)
