"""Matrices of samples: what the operators of linear algebra have in common, and what NumPy's twins refuse.

All of them work on the last two axes, one matrix after the other of those that the axes before number (the stack).
Matrices are not what every solver takes: one that is singular, not positive definite or degenerate, to working
precision, ends a run with a DataError that names its sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.errors import DataError, ParameterError, ShapeError
from pcneuro.kernels.dense import SLACK
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Slot,
    Units,
    size,
)
from pcneuro.ops.contract import lower_einsum
from pcneuro.ops.rows import lower_combine, promoted

REGULAR = "add a multiple of np.eye(n) to it, or give data for which it has an inverse"
DEFINITE = "add a multiple of np.eye(n) to it, or give data for which it is"
DISTINCT = "which of their vectors are meant is open; break the symmetry, or use np.linalg.eigvalsh, which needs none"
FULL_RANK = "where the rank changes there is no derivative; add a multiple of np.eye(n) to a square of it, and solve"


def refuse(what: str, bad: np.ndarray, dtype: np.dtype, is_what: str, instead: str) -> None:
    """Raise DataError that names the first matrix, of shape (batch, *stack), that is bad; if there is one."""
    if bad.any():
        sample, *place = (int(i) for i in np.argwhere(bad)[0])
        which = f"matrix {tuple(place)} of sample {sample}" if place else f"matrix of sample {sample}"
        raise DataError(f"{what}: the {which} is {is_what} in {dtype}: {instead}")


def finite_or(a: np.ndarray, replacement: Any) -> tuple[np.ndarray, np.ndarray]:
    """Matrices with others in place of those that are not finite, which LAPACK takes amiss; and which those are."""
    lost = ~np.isfinite(a).all(axis=(-2, -1))
    return (np.where(lost[..., None, None], a.dtype.type(replacement), a) if lost.any() else a), lost


def lu_numpy(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """LU factors of many matrices as ``kernels.dense.factor`` has them, and whether it calls them singular."""
    n = a.shape[-1]
    lu, every = a.reshape(-1, n, n).copy(), np.arange(size(a.shape[:-2]))
    with np.errstate(all="ignore"):
        for k in range(n):
            p = k + np.argmax(np.abs(lu[:, k:, k]), axis=1)
            pivots, others = lu[every, p].copy(), lu[:, k].copy()
            lu[every, p], lu[:, k] = others, pivots
            pivot = lu[:, k, k][:, None]
            lu[:, k + 1 :, k] = np.divide(lu[:, k + 1 :, k], pivot, where=pivot != 0, out=lu[:, k + 1 :, k].copy())
            lu[:, k + 1 :, k + 1 :] -= lu[:, k + 1 :, k, None] * lu[:, k, None, k + 1 :]
        pivots = np.abs(np.diagonal(lu, axis1=1, axis2=2))
        terms = pivots + np.einsum("mkj,mjk->mk", np.abs(np.tril(lu, -1)), np.abs(np.triu(lu, 1)))
        bad = (pivots <= SLACK * n * float(np.finfo(a.dtype).eps) * terms.astype(np.float64)).any(axis=1)
    return lu.reshape(a.shape), bad.reshape(a.shape[:-2])


def indefinite(a: np.ndarray) -> np.ndarray:
    """Which of symmetric matrices ``kernels.dense.cholesky`` calls not positive definite."""
    n = a.shape[-1]
    rest = a.reshape(-1, n, n).copy()
    whole = np.diagonal(rest, axis1=1, axis2=2).astype(np.float64)
    bad = np.any(whole <= 0, axis=1)
    with np.errstate(all="ignore"):
        for k in range(n):
            bad |= rest[:, k, k] <= n * float(np.finfo(a.dtype).eps) * whole[:, k]
            column = rest[:, k:, k] / np.sqrt(rest[:, k, k])[:, None]
            rest[:, k:, k:] -= column[:, :, None] * column[:, None, :]
    return bad.reshape(a.shape[:-2])


def degenerate(w: np.ndarray) -> Any:
    """Which spectra (..., n), in ascending order, ``kernels.dense.degenerate`` calls so."""
    n = w.shape[-1]
    largest = np.maximum(np.abs(w[..., 0]), np.abs(w[..., -1]))
    with np.errstate(invalid="ignore"):
        near = np.diff(w) <= (SLACK * n * np.finfo(w.dtype).eps * largest)[..., None]
    return np.asarray(near.any(axis=-1))


@dataclass(frozen=True)
class AbstractMatrices(AbstractOperator):
    """Operators on the matrices of a stack, each with all units of its own matrices and with none of others."""

    def linear_in(self, k: int) -> bool:
        return False

    def connections(self, k: int, *shapes: Shape) -> int:
        stack = size(shapes[0][:-2])
        return size(shapes[k]) * size(self.shape(*shapes)) // max(stack, 1)

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        raise ParameterError(
            f"operator {self.label!r} has no equivalent in single units and synapses, of which each step of an "
            "elimination would need its own: it is neither exported nor run by events"
        )

    def square(self, *shapes: Shape) -> int:
        """n of the n x n matrices that the only operand has. Raises ShapeError where it has none."""
        if len(shapes) != 1 or len(shapes[0]) < 2 or shapes[0][-1] != shapes[0][-2]:
            text = " and ".join(map(str, shapes))
            raise ShapeError(f"{self.label} takes square matrices (..., n, n), got shape {text}")
        return shapes[0][-1]


@dataclass(frozen=True)
class Products:
    """What is emitted for a product of matrices, in temporaries: those with a lane a sample, or those without.

    ``sizes`` are those of the letters of einsum subscripts, in which ``s`` numbers the matrices of the stack.
    """

    low: AbstractLowering
    laned: bool
    sizes: dict[str, int]

    def slot(self, letters: str) -> Slot:
        """Room for an array of these letters."""
        return self.low.temporary(size(tuple(self.sizes[c] for c in letters)), self.laned)

    def of(self, subscripts: str, a: Slot, b: Slot) -> Slot:
        """Einsum of two operands."""
        out = self.slot(subscripts.partition("->")[2])
        lower_einsum(self.low, subscripts, out, a, b, self.sizes, False)
        return out


def copy(low: AbstractLowering, target: Slot, source: Slot, accumulate: bool, scale: float = 1.0) -> None:
    """Emit target (+)= scale * source; where the target is what samples share, and the source not, their sum."""
    every = np.arange(source.units)
    lower_combine(low, target, every, source, every, accumulate, scale=scale)


def transposed(stack: int, n: int) -> np.ndarray:
    """The number of each unit's mirror image in a stack of n x n matrices."""
    return np.arange(stack * n * n).reshape(stack, n, n).swapaxes(1, 2).ravel()


def pull_symmetric(low: AbstractLowering, pull: PlacedPull, stack: int, n: int, product: Slot) -> None:
    """Emit what writes or adds the symmetric part of a product to a pull's target."""
    every = np.arange(product.units)
    lower_combine(low, pull.target, every, product, every, pull.accumulate, scale=0.5)
    lower_combine(low, pull.target, every, product, transposed(stack, n), True, scale=0.5)


def promoted_operands(low: AbstractLowering, at: Placed) -> list[Slot]:
    """The operands, with a copy for each sample of those that all share where others are not shared."""
    return [promoted(low, slot, at.out.laned) for slot in at.operands]


def symmetric_part(a: np.ndarray) -> np.ndarray:
    """Half the sum of matrices and their transposes."""
    return (a + a.swapaxes(-1, -2)) / 2


def stack_of(shapes: Sequence[Shape]) -> int:
    """How many matrices the first operand has."""
    return size(shapes[0][:-2])
