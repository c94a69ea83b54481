"""Sums and products over axes.

sum: out = scale * sum_i x_i, derivative scale.  prod: out = prod_i x_i, derivative by x_i the product of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels.dispatch import LANES, OK, ix, op_kernel
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
    unit_indices,
)
from pcneuro.ops.description import Description
from pcneuro.ops.rows import lower_combine


@dataclass(frozen=True)
class AbstractReduction(AbstractOperator):
    """Reduction over ``axes`` (of one sample, not negative), which stay with length 1 under ``keepdims``."""

    axes: tuple[int, ...]
    keepdims: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(int(a) for a in self.axes))

    @property
    def description(self) -> Description:
        return Description(self.units, moves=True)

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1 or not all(0 <= a < len(shapes[0]) for a in self.axes):
            raise ShapeError(f"{self.label} over axes {self.axes} of shapes {' and '.join(map(str, shapes))}")
        kept = ((1 if i in self.axes else n) for i, n in enumerate(shapes[0]) if self.keepdims or i not in self.axes)
        return tuple(kept)

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(shapes[0])

    def _batched(self) -> tuple[int, ...]:
        return tuple(a + 1 for a in self.axes)

    def _over(self) -> dict[str, Any]:
        """Arguments of NumPy's reductions, whose own annotations take a literal ``keepdims`` only."""
        return {"axis": self._batched(), "keepdims": self.keepdims}

    def _spread(self, reduced: np.ndarray, shape: Shape) -> np.ndarray:
        """An array of the output's shape (behind the batch axis) over the operand's shape."""
        kept = tuple(1 if i in self.axes else n for i, n in enumerate(shape))
        return np.broadcast_to(reduced.reshape(reduced.shape[:1] + kept), reduced.shape[:1] + tuple(shape))

    def _groups(self, at: Placed) -> np.ndarray:
        """The unit of the output that each unit of the operand goes into."""
        return self._into(at.shape, at.shapes[0])

    def _into(self, out: Shape, shape: Shape) -> np.ndarray:
        return self._spread(unit_indices(out)[None], shape).ravel()


@dataclass(frozen=True)
class Sum(AbstractReduction):
    """``scale`` times the sum over ``axes``; the mean where ``scale`` is one over the number of terms."""

    kind: ClassVar[str] = "sum"
    scale: float = 1.0

    @property
    def label(self) -> str:
        return "sum" if self.scale == 1.0 else "mean"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0].sum(**self._over()) * operands[0].dtype.type(self.scale)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return self._spread(gradient * gradient.dtype.type(self.scale), operands[0].shape[1:])

    def linear_in(self, k: int) -> bool:
        return True

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        groups = self._into(shape, shapes[0])
        return make.synapses(size(shape), operands[0], np.arange(groups.size), groups, self.scale)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        every = np.arange(at.operands[0].units)
        lower_combine(low, at.out, self._groups(at), at.operands[0], every, False, scale=self.scale)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        every = np.arange(pull.target.units)
        lower_combine(low, pull.target, every, pull.gradient, self._groups(at), pull.accumulate, scale=self.scale)


def products_of_others(x: np.ndarray) -> np.ndarray:
    """For x of shape (..., n): at each place the product of the n - 1 others, without a division.

    Twin of the kernel ``product_of_others``.
    """
    result = np.ones_like(x)
    result[..., 1:] = np.cumprod(x[..., :-1], axis=-1)
    result[..., :-1] *= np.cumprod(x[..., :0:-1], axis=-1)[..., ::-1]
    return result


@op_kernel("product")
def product(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[g] = product of the group's rows, from a table (groups, length) of rows. Reads source, writes out."""
    lanes = context[LANES]
    out, src, members, groups, length = ints[at] * lanes, ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    for g in range(groups):
        for i in range(lanes):
            buf[ix(out + g * lanes + i)] = 1.0
        for j in range(length):
            s = (src + ints[members + g * length + j]) * lanes
            for i in range(lanes):
                buf[ix(out + g * lanes + i)] *= buf[ix(s + i)]
    return OK


@op_kernel("product_of_others")
def product_of_others(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[row] = product of the group's other rows, for each row of the table. Reads source, writes out."""
    lanes = context[LANES]
    out, src, members, groups, length = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    for g in range(groups):
        for i in range(lanes):
            total = 1.0
            for j in range(length):
                r = ints[members + g * length + j]
                buf[ix((out + r) * lanes + i)] = total
                total *= buf[ix((src + r) * lanes + i)]
            total = 1.0
            for j in range(length - 1, -1, -1):
                r = ints[members + g * length + j]
                buf[ix((out + r) * lanes + i)] *= total
                total *= buf[ix((src + r) * lanes + i)]
    return OK


@dataclass(frozen=True)
class Prod(AbstractReduction):
    """The product over ``axes``."""

    kind: ClassVar[str] = "prod"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0].prod(**self._over())

    def _moved(self, x: np.ndarray) -> tuple[np.ndarray, list[int], tuple[int, ...]]:
        kept = [i for i in range(1, x.ndim) if i - 1 not in self.axes]
        order = [0, *kept, *self._batched()]
        moved = x.transpose(order)
        return moved.reshape(*moved.shape[: 1 + len(kept)], -1), order, moved.shape

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        flat, order, shape = self._moved(operands[0])
        others = products_of_others(flat).reshape(shape).transpose(np.argsort(order))
        return self._spread(gradient, operands[0].shape[1:]) * others

    def linear_in(self, k: int) -> bool:
        return False

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        members = np.argsort(self._into(shape, shapes[0]), kind="stable").reshape(size(shape), -1)
        parts = [make.gather(operands[0], column) for column in members.T]
        total = parts[0]
        for part in parts[1:]:
            total = make.product(total, part)
        return total

    def _members(self, low: AbstractLowering, at: Placed) -> tuple[int, int, int]:
        groups = size(at.shape)
        table = np.argsort(self._groups(at), kind="stable")
        return low.table(table), groups, table.size // max(groups, 1)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        low.emit("product", at.out.row, at.operands[0].row, *self._members(low, at))

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> Slot:
        others = low.temporary(at.operands[0].units, at.out.laned)
        low.emit("product_of_others", others.row, at.operands[0].row, *self._members(low, at))
        return others

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        every = np.arange(pull.target.units)
        lower_combine(low, pull.target, every, pull.gradient, self._groups(at), pull.accumulate, at.linearised, every)
