"""Softmax over one axis: y_i = exp(x_i) / sum_j exp(x_j);  (dy/dx)^T g = y (g - sum_j g_j y_j)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels.dispatch import LANES, OK, op_kernel
from pcneuro.ops.base import AbstractLowering, AbstractOperator, Opaque, Placed, Pull, Shape, apply, size, unit_indices


def softmax_numpy(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Softmax of an array over one axis, shifted by the largest value so that nothing overflows."""
    shifted = np.exp(x - x.max(axis=axis, keepdims=True))
    return shifted / shifted.sum(axis=axis, keepdims=True)


@op_kernel("softmax")
def softmax_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """Softmax over the groups of a table (groups, length) of rows, lane by lane. Reads source, writes out."""
    lanes = context[LANES]
    out, src, members, groups, length = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    for g in range(groups):
        first = members + g * length
        for i in range(lanes):
            top = buf[(src + ints[first]) * lanes + i]
            for j in range(1, length):
                x = buf[(src + ints[first + j]) * lanes + i]
                if not x <= top:
                    top = x
            total = top * 0
            for j in range(length):
                x = np.exp(buf[(src + ints[first + j]) * lanes + i] - top)
                buf[(out + ints[first + j]) * lanes + i] = x
                total += x
            for j in range(length):
                buf[(out + ints[first + j]) * lanes + i] /= total
    return OK


@op_kernel("softmax_vjp")
def softmax_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target (+)= y (g - sum of g y over the group). Reads y and g, writes or adds to target."""
    lanes = context[LANES]
    target, y, gradient, accumulate = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    members, groups, length = ints[at + 4], ints[at + 5], ints[at + 6]
    for g in range(groups):
        first = members + g * length
        for i in range(lanes):
            total = 0.0
            for j in range(length):
                r = ints[first + j]
                total += buf[(gradient + r) * lanes + i] * buf[(y + r) * lanes + i]
            for j in range(length):
                r = ints[first + j]
                value = buf[(y + r) * lanes + i] * (buf[(gradient + r) * lanes + i] - total)
                if accumulate == 1:
                    value += buf[(target + r) * lanes + i]
                buf[(target + r) * lanes + i] = value
    return OK


@dataclass(frozen=True)
class Softmax(AbstractOperator):
    """Softmax over ``axis`` of one sample (not negative)."""

    kind: ClassVar[str] = "softmax"
    axis: int

    @property
    def role(self) -> Opaque:
        return Opaque()

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1 or not 0 <= self.axis < len(shapes[0]):
            raise ShapeError(f"softmax over axis {self.axis} of shapes {' and '.join(map(str, shapes))}")
        return shapes[0]

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return softmax_numpy(operands[0], self.axis + 1)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return output * (gradient - (gradient * output).sum(axis=self.axis + 1, keepdims=True))

    def linear_in(self, k: int) -> bool:
        return False

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(shapes[0]) * shapes[0][self.axis]

    def _members(self, low: AbstractLowering, shape: Shape) -> tuple[int, int, int]:
        table = np.moveaxis(unit_indices(shape), self.axis, -1)
        return low.table(table.ravel()), table.size // max(shape[self.axis], 1), shape[self.axis]

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        low.emit("softmax", at.out.row, at.operands[0].row, *self._members(low, at.shape))

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: Pull) -> None:
        groups = self._members(low, at.shape)
        low.emit("softmax_vjp", pull.target.row, at.out.row, pull.gradient.row, int(pull.accumulate), *groups)


def softmax(x: Any, axis: int = -1) -> Any:
    """Softmax of a traced or plain array over one ``axis``.

    Raises ShapeError where the array has no such axis.
    """
    shape = np.shape(x)
    if not -len(shape) <= axis < len(shape):
        raise ShapeError(f"softmax over axis {axis} of an array of shape {shape}")
    return apply(Softmax(axis % len(shape)), x)
