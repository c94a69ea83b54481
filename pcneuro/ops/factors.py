"""Cholesky factors of symmetric, positive definite matrices.

a = l l^T, l lower triangular;  (dl/da)^T g = the symmetric part of l^-T p l^-1, with p the lower triangle of l^T g, its
diagonal halved (Murray 2016, "Differentiation of the Cholesky decomposition").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pcneuro.kernels import dense
from pcneuro.kernels.dispatch import ACTIVE, BAD_MATRIX, LANES, OK, op_kernel
from pcneuro.ops.base import AbstractLowering, Placed, PlacedPull, Shape, Slot
from pcneuro.ops.matrices import (
    DEFINITE,
    AbstractMatrices,
    Products,
    finite_or,
    indefinite,
    pull_symmetric,
    refuse,
    stack_of,
    symmetric_part,
)
from pcneuro.ops.rows import lower_combine


@op_kernel("cholesky")
def cholesky_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = the lower factor of each matrix of a stack and lane in use.

    Reads a, whose lower triangle counts, writes out and the places at scratch.
    """
    lanes, active = context[LANES], context[ACTIVE]
    out, a, work, stack, n = ints[at], ints[at + 1], ints[at + 2] * lanes, ints[at + 3], ints[at + 4]
    for s in range(stack):
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, n * n, lanes, active, lane, out + s * n * n)
                continue
            dense.load(buf, a + s * n * n, n * n, lanes, lane, work)
            if not dense.finite(buf, work, n * n):
                dense.fill(buf, np.nan, n * n, lanes, lane, out + s * n * n)
                continue
            if not dense.cholesky(buf, work, n):
                return BAD_MATRIX
            dense.store(buf, work, n * n, lanes, lane, out + s * n * n)
    return OK


@op_kernel("inverse_lower")
def inverse_lower(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = the inverse of each lower triangular matrix of a stack and lane in use.

    Reads l, writes out and the places at scratch.
    """
    lanes, active = context[LANES], context[ACTIVE]
    out, lower, work, stack, n = ints[at], ints[at + 1], ints[at + 2] * lanes, ints[at + 3], ints[at + 4]
    for s in range(stack):
        for lane in range(lanes):
            if lane >= active:
                dense.repeat(buf, n * n, lanes, active, lane, out + s * n * n)
                continue
            dense.load(buf, lower + s * n * n, n * n, lanes, lane, work)
            dense.invert_lower(buf, work, n, work + n * n)
            dense.store(buf, work + n * n, n * n, lanes, lane, out + s * n * n)
    return OK


@dataclass(frozen=True)
class Cholesky(AbstractMatrices):
    """The lower factor of symmetric matrices (..., n, n); those that are not are for the caller to make so."""

    kind: ClassVar[str] = "cholesky"

    def shape(self, *shapes: Shape) -> Shape:
        self.square(*shapes)
        return shapes[0]

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        known, lost = finite_or(operands[0], 0)
        known = np.where(lost[..., None, None], np.eye(known.shape[-1], dtype=known.dtype), known)
        refuse(self.kind, indefinite(known), known.dtype, "not positive definite", DEFINITE)
        return np.where(lost[..., None, None], known.dtype.type(np.nan), np.linalg.cholesky(known))

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        known, lost = finite_or(output, 0)
        known = np.where(lost[..., None, None], np.eye(known.shape[-1], dtype=known.dtype), known)
        p = np.tril(known.swapaxes(-1, -2) @ gradient) * self._halves(known.shape[-1], known.dtype)
        inverse = np.linalg.inv(known)
        result = symmetric_part(inverse.swapaxes(-1, -2) @ p @ inverse)
        return np.where(lost[..., None, None], known.dtype.type(np.nan), result)

    @staticmethod
    def _halves(n: int, dtype: np.dtype) -> np.ndarray:
        return np.tril(np.ones((n, n), dtype)) - np.eye(n, dtype=dtype) / 2

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        n = at.shape[-1]
        scratch = low.temporary(n * n, at.out.laned)
        low.emit("cholesky", at.out.row, at.operands[0].row, scratch.row, stack_of(at.shapes), n)

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> Slot:
        n = at.shape[-1]
        out, scratch = low.temporary(at.out.units, at.out.laned), low.temporary(2 * n * n, at.out.laned)
        low.emit("inverse_lower", out.row, at.out.row, scratch.row, stack_of(at.shapes), n)
        return out

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        n, stack = at.shape[-1], stack_of(at.shapes)
        products = Products(low, at.out.laned, {"s": stack, "i": n, "j": n, "k": n})
        whole = products.of("sji,sjk->sik", at.out, pull.gradient)
        half = products.slot("sik")
        numbers = np.arange(half.units).reshape(stack, n, n)
        below = numbers[:, np.tri(n, k=-1, dtype=bool)].ravel()
        diagonal = numbers[:, np.eye(n, dtype=bool)].ravel()
        lower_combine(low, half, below, whole, below, False)
        lower_combine(low, half, diagonal, whole, diagonal, True, scale=0.5)
        left = products.of("sji,sjk->sik", at.linearised, half)
        pull_symmetric(low, pull, stack, n, products.of("sij,sjk->sik", left, at.linearised))
