"""Softmax over one axis, and its logarithm.

Softmax: y_i = exp(x_i) / sum_j exp(x_j);  (dy/dx)^T g = y (g - sum_j g_j y_j).
Log-softmax: y_i = x_i - log(sum_j exp(x_j));  (dy/dx)^T g = g - exp(y) sum_j g_j.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import IDENTITY, LANES, OK, ix, op_kernel
from pcneuro.kernels.elementwise import apply_one
from pcneuro.ops.axes import axes_of, lower_groups
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Slot,
    Units,
    apply,
    size,
)
from pcneuro.ops.registry import public


def softmax_numpy(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Softmax of an array over one axis, shifted by the largest value so that nothing overflows."""
    shifted = np.exp(x - x.max(axis=axis, keepdims=True))
    return shifted / shifted.sum(axis=axis, keepdims=True)


def log_softmax_numpy(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Logarithm of the softmax over one axis, also where a probability is too small to be a number."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


@inner(cache=False)
def _largest(buf, ints, src, first, length, lanes, top):  # type: ignore[no-untyped-def]
    """The largest of a group's values, lane by lane, into the row that begins at ``top``."""
    s = (src + ints[first]) * lanes
    for i in range(lanes):
        buf[ix(top + i)] = buf[ix(s + i)]
    for j in range(1, length):
        s = (src + ints[first + j]) * lanes
        for i in range(lanes):
            x, known = buf[ix(s + i)], buf[ix(top + i)]
            buf[ix(top + i)] = known if x <= known else x


@inner(cache=False)
def _shifted(buf, ints, out, src, first, length, lanes, top):  # type: ignore[no-untyped-def]
    """A group's values, less the largest of them."""
    _largest(buf, ints, src, first, length, lanes, top)
    for j in range(length):
        s, o = (src + ints[first + j]) * lanes, (out + ints[first + j]) * lanes
        for i in range(lanes):
            buf[ix(o + i)] = buf[ix(s + i)] - buf[ix(top + i)]


@inner(cache=False)
def _sum(buf, ints, out, first, length, lanes, total):  # type: ignore[no-untyped-def]
    """Sum of a group's values, lane by lane, into the row that begins at ``total``."""
    for i in range(lanes):
        buf[ix(total + i)] = 0.0
    for j in range(length):
        o = (out + ints[first + j]) * lanes
        for i in range(lanes):
            buf[ix(total + i)] += buf[ix(o + i)]


@op_kernel("softmax")
def softmax_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """Softmax over the groups of a table (groups, length) of rows, lane by lane.

    Reads source, writes out and two rows at scratch.
    """
    lanes = context[LANES]
    out, src, top = ints[at], ints[at + 1], ints[at + 2] * lanes
    members, groups, length = ints[at + 3], ints[at + 4], ints[at + 5]
    total = top + lanes
    for g in range(groups):
        _shifted(buf, ints, out, src, members + g * length, length, lanes, top)
    apply_one("exp", buf, out * lanes, out * lanes, groups * length * lanes)
    for g in range(groups):
        first = members + g * length
        _sum(buf, ints, out, first, length, lanes, total)
        for j in range(length):
            o = (out + ints[first + j]) * lanes
            for i in range(lanes):
                buf[ix(o + i)] /= buf[ix(total + i)]
    return OK


@op_kernel("log_softmax")
def log_softmax_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """Logarithm of the softmax over the groups of a table (groups, length).

    Reads source, writes out and two rows at scratch.
    """
    lanes = context[LANES]
    out, src, top = ints[at], ints[at + 1], ints[at + 2] * lanes
    members, groups, length = ints[at + 3], ints[at + 4], ints[at + 5]
    total = top + lanes
    for g in range(groups):
        _shifted(buf, ints, out, src, members + g * length, length, lanes, top)
    apply_one("exp", buf, out * lanes, out * lanes, groups * length * lanes)
    for g in range(groups):
        first = members + g * length
        _sum(buf, ints, out, first, length, lanes, total)
        apply_one("log", buf, total, total, lanes)
        _shifted(buf, ints, out, src, first, length, lanes, top)
        for j in range(length):
            o = (out + ints[first + j]) * lanes
            for i in range(lanes):
                buf[ix(o + i)] -= buf[ix(total + i)]
    return OK


@op_kernel("softmax_vjp")
def softmax_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target (+)= y (g - sum of g y over the group).

    Reads y and g, writes or adds to target, writes a row at scratch.
    """
    lanes = context[LANES]
    target, gradient, y, total, accumulate = ints[at], ints[at + 1], ints[at + 2], ints[at + 3] * lanes, ints[at + 4]
    members, groups, length = ints[at + 5], ints[at + 6], ints[at + 7]
    if accumulate == 0:
        for i in range(target * lanes, (target + groups * length) * lanes):
            buf[ix(i)] = 0.0
    for g in range(groups):
        first = members + g * length
        for i in range(lanes):
            buf[ix(total + i)] = 0.0
        for j in range(length):
            e, o = (gradient + ints[first + j]) * lanes, (y + ints[first + j]) * lanes
            for i in range(lanes):
                buf[ix(total + i)] += buf[ix(e + i)] * buf[ix(o + i)]
        for j in range(length):
            e, o = (gradient + ints[first + j]) * lanes, (y + ints[first + j]) * lanes
            t = (target + ints[first + j]) * lanes
            for i in range(lanes):
                buf[ix(t + i)] += buf[ix(o + i)] * (buf[ix(e + i)] - buf[ix(total + i)])
    return OK


@op_kernel("log_softmax_vjp")
def log_softmax_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target (+)= g - p * sum of g over the group, with p = exp(y).

    Reads p and g, writes or adds to target, writes a row at scratch.
    """
    lanes = context[LANES]
    target, gradient, p, total, accumulate = ints[at], ints[at + 1], ints[at + 2], ints[at + 3] * lanes, ints[at + 4]
    members, groups, length = ints[at + 5], ints[at + 6], ints[at + 7]
    if accumulate == 0:
        for i in range(target * lanes, (target + groups * length) * lanes):
            buf[ix(i)] = 0.0
    for g in range(groups):
        first = members + g * length
        for i in range(lanes):
            buf[ix(total + i)] = 0.0
        for j in range(length):
            e = (gradient + ints[first + j]) * lanes
            for i in range(lanes):
                buf[ix(total + i)] += buf[ix(e + i)]
        for j in range(length):
            e, o = (gradient + ints[first + j]) * lanes, (p + ints[first + j]) * lanes
            t = (target + ints[first + j]) * lanes
            for i in range(lanes):
                buf[ix(t + i)] += buf[ix(e + i)] - buf[ix(o + i)] * buf[ix(total + i)]
    return OK


@dataclass(frozen=True)
class _AbstractSoftmax(AbstractOperator):
    """Over ``axis`` of one sample (not negative). The kernels go by the operator's kind, and by that with ``_vjp``;
    what the latter needs, and ``lower_linearise`` provides, are the probabilities."""

    axis: int

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1 or not 0 <= self.axis < len(shapes[0]):
            raise ShapeError(f"{self.label} over axis {self.axis} of shapes {' and '.join(map(str, shapes))}")
        return shapes[0]

    def linear_in(self, k: int) -> bool:
        return False

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(shapes[0]) * shapes[0][self.axis]

    def _exponentials(self, make: AbstractUnits, x: Units, shape: Shape) -> tuple[Units, Units, Units, np.ndarray]:
        """x and exp(x), both without the largest x over the axis, sums of the latter over it, and which each is in.

        Nothing goes back to the largest: a softmax is the same whatever is taken off.
        """
        kept = tuple(1 if i == self.axis else n for i, n in enumerate(shape))
        groups = np.broadcast_to(np.arange(size(kept)).reshape(kept), shape).ravel()
        largest, members = x, np.argsort(groups, kind="stable").reshape(size(kept), -1)
        while members.shape[1] > 1:
            # Pairs; the last of an odd number is compared with itself.
            half = -(-members.shape[1] // 2)
            pairs = {"x": make.gather(largest, members[:, :half]), "y": make.gather(largest, members[:, -half:])}
            largest = make.function(("maximum", "x", "y"), pairs, {})
            members = np.arange(size(kept) * half).reshape(size(kept), half)
        shifted = make.function(("subtract", "x", "y"), {"x": x, "y": make.gather(largest, groups)}, {"x": 1.0})
        powers = make.function(("exp", "x"), {"x": shifted}, {"x": "out"})
        return shifted, powers, make.synapses(size(kept), powers, np.arange(groups.size), groups, 1.0), groups

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        scratch = low.temporary(2, at.out.laned)
        groups = lower_groups(low, at.shape, (self.axis,))
        low.emit(self.kind, at.out.row, at.operands[0].row, scratch.row, *groups)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        scratch = low.temporary(1, at.out.laned)
        rows = pull.target.row, pull.gradient.row, at.linearised.row, scratch.row
        groups = lower_groups(low, at.shape, (self.axis,))
        low.emit(f"{self.kind}_vjp", *rows, int(pull.accumulate), *groups)


@dataclass(frozen=True)
class Softmax(_AbstractSoftmax):
    """Softmax over ``axis`` of one sample (not negative)."""

    kind: ClassVar[str] = "softmax"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return softmax_numpy(operands[0], self.axis + 1)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return output * (gradient - (gradient * output).sum(axis=self.axis + 1, keepdims=True))

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        _, powers, totals, groups = self._exponentials(make, operands[0], shape)
        total = make.gather(totals, groups)
        slopes = {"x": ("reciprocal", "y"), "y": ("negative", ("divide", "out", "y"))}
        return make.function(("divide", "x", "y"), {"x": powers, "y": total}, slopes)

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> Slot:
        return at.out


@dataclass(frozen=True)
class LogSoftmax(_AbstractSoftmax):
    """Logarithm of the softmax over ``axis`` of one sample (not negative)."""

    kind: ClassVar[str] = "log_softmax"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return log_softmax_numpy(operands[0], self.axis + 1)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return gradient - np.exp(output) * gradient.sum(axis=self.axis + 1, keepdims=True)

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        shifted, _, totals, groups = self._exponentials(make, operands[0], shape)
        logarithm = make.gather(make.function(("log", "x"), {"x": totals}, {"x": ("reciprocal", "x")}), groups)
        return make.function(("subtract", "x", "y"), {"x": shifted, "y": logarithm}, {"x": 1.0, "y": -1.0})

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> Slot:
        probabilities = low.temporary(at.out.units, at.out.laned)
        low.emit("exp", probabilities.row, at.out.row, IDENTITY, 0, at.out.units)
        return probabilities


def _over(operator: type[_AbstractSoftmax], x: Any, axis: int) -> Any:
    (axis,) = axes_of(operator.kind, [axis], np.shape(x))
    return apply(operator(axis), x)


@public
def softmax(x: Any, axis: int = -1) -> Any:
    """Softmax of a traced or plain array over one ``axis``.

    Raises ShapeError where the array has no such axis.
    """
    return _over(Softmax, x, axis)


@public
def log_softmax(x: Any, axis: int = -1) -> Any:
    """Logarithm of the softmax of a traced or plain array over one ``axis``: x - log(sum of exp(x)).

    Raises ShapeError where the array has no such axis.
    """
    return _over(LogSoftmax, x, axis)
