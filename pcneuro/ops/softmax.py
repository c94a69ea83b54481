"""Softmax over one axis, and its logarithm.

Softmax: y_i = exp(x_i) / sum_j exp(x_j);  (dy/dx)^T g = y (g - sum_j g_j y_j).
Log-softmax: y_i = x_i - log(sum_j exp(x_j));  (dy/dx)^T g = g - exp(y) sum_j g_j.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numba import njit

from pcneuro.errors import ShapeError
from pcneuro.kernels.dispatch import LANES, OK, ix, op_kernel
from pcneuro.ops.axes import axes_of, lower_groups
from pcneuro.ops.base import AbstractLowering, AbstractOperator, Opaque, Placed, Pull, Shape, apply, size


def softmax_numpy(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Softmax of an array over one axis, shifted by the largest value so that nothing overflows."""
    shifted = np.exp(x - x.max(axis=axis, keepdims=True))
    return shifted / shifted.sum(axis=axis, keepdims=True)


def log_softmax_numpy(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Logarithm of the softmax over one axis, also where a probability is too small to be a number."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


@njit(error_model="numpy")
def _largest(buf, ints, src, first, length, lanes, i):  # type: ignore[no-untyped-def]
    """The largest of a group's values in lane i."""
    top = buf[ix((src + ints[first]) * lanes + i)]
    for j in range(1, length):
        x = buf[ix((src + ints[first + j]) * lanes + i)]
        if not x <= top:
            top = x
    return top


@op_kernel("softmax")
def softmax_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """Softmax over the groups of a table (groups, length) of rows, lane by lane. Reads source, writes out."""
    lanes = context[LANES]
    out, src, members, groups, length = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    for g in range(groups):
        first = members + g * length
        for i in range(lanes):
            top = _largest(buf, ints, src, first, length, lanes, i)
            total = top * 0
            for j in range(length):
                x = np.exp(buf[ix((src + ints[first + j]) * lanes + i)] - top)
                buf[ix((out + ints[first + j]) * lanes + i)] = x
                total += x
            for j in range(length):
                buf[ix((out + ints[first + j]) * lanes + i)] /= total
    return OK


@op_kernel("log_softmax")
def log_softmax_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """Logarithm of the softmax over the groups of a table (groups, length). Reads source, writes out."""
    lanes = context[LANES]
    out, src, members, groups, length = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    for g in range(groups):
        first = members + g * length
        for i in range(lanes):
            top = _largest(buf, ints, src, first, length, lanes, i)
            total = top * 0
            for j in range(length):
                total += np.exp(buf[ix((src + ints[first + j]) * lanes + i)] - top)
            log = np.log(total)
            for j in range(length):
                r = ints[first + j]
                buf[ix((out + r) * lanes + i)] = buf[ix((src + r) * lanes + i)] - top - log
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
                total += buf[ix((gradient + r) * lanes + i)] * buf[ix((y + r) * lanes + i)]
            for j in range(length):
                r = ints[first + j]
                value = buf[ix((y + r) * lanes + i)] * (buf[ix((gradient + r) * lanes + i)] - total)
                if accumulate == 1:
                    value += buf[ix((target + r) * lanes + i)]
                buf[ix((target + r) * lanes + i)] = value
    return OK


@op_kernel("log_softmax_vjp")
def log_softmax_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target (+)= g - exp(y) * sum of g over the group. Reads y and g, writes or adds to target."""
    lanes = context[LANES]
    target, y, gradient, accumulate = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    members, groups, length = ints[at + 4], ints[at + 5], ints[at + 6]
    for g in range(groups):
        first = members + g * length
        for i in range(lanes):
            total = buf.dtype.type(0)
            for j in range(length):
                total += buf[ix((gradient + ints[first + j]) * lanes + i)]
            for j in range(length):
                r = ints[first + j]
                value = buf[ix((gradient + r) * lanes + i)] - np.exp(buf[ix((y + r) * lanes + i)]) * total
                if accumulate == 1:
                    value += buf[ix((target + r) * lanes + i)]
                buf[ix((target + r) * lanes + i)] = value
    return OK


@dataclass(frozen=True)
class _AbstractSoftmax(AbstractOperator):
    """Over ``axis`` of one sample (not negative). The kernels go by the operator's kind, and by that with ``_vjp``."""

    axis: int

    @property
    def role(self) -> Opaque:
        return Opaque()

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1 or not 0 <= self.axis < len(shapes[0]):
            raise ShapeError(f"{self.label} over axis {self.axis} of shapes {' and '.join(map(str, shapes))}")
        return shapes[0]

    def linear_in(self, k: int) -> bool:
        return False

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(shapes[0]) * shapes[0][self.axis]

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        low.emit(self.kind, at.out.row, at.operands[0].row, *lower_groups(low, at.shape, (self.axis,)))

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: Pull) -> None:
        groups = lower_groups(low, at.shape, (self.axis,))
        low.emit(f"{self.kind}_vjp", pull.target.row, at.out.row, pull.gradient.row, int(pull.accumulate), *groups)


@dataclass(frozen=True)
class Softmax(_AbstractSoftmax):
    """Softmax over ``axis`` of one sample (not negative)."""

    kind: ClassVar[str] = "softmax"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return softmax_numpy(operands[0], self.axis + 1)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return output * (gradient - (gradient * output).sum(axis=self.axis + 1, keepdims=True))


@dataclass(frozen=True)
class LogSoftmax(_AbstractSoftmax):
    """Logarithm of the softmax over ``axis`` of one sample (not negative)."""

    kind: ClassVar[str] = "log_softmax"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return log_softmax_numpy(operands[0], self.axis + 1)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return gradient - np.exp(output) * gradient.sum(axis=self.axis + 1, keepdims=True)


def _over(operator: type[_AbstractSoftmax], x: Any, axis: int) -> Any:
    (axis,) = axes_of(operator.kind, [axis], np.shape(x))
    return apply(operator(axis), x)


def softmax(x: Any, axis: int = -1) -> Any:
    """Softmax of a traced or plain array over one ``axis``.

    Raises ShapeError where the array has no such axis.
    """
    return _over(Softmax, x, axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Logarithm of the softmax of a traced or plain array over one ``axis``: x - log(sum of exp(x)).

    Raises ShapeError where the array has no such axis.
    """
    return _over(LogSoftmax, x, axis)
