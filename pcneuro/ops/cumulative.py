"""Cumulative sums and products along an axis.

cumsum: out_j = sum over i <= j of x_i;  (d out / d x)^T g: the sum over j >= i of g_j.
cumprod: out_j = product over i <= j of x_i;  its derivative by x_i is the product of those before it times s_i, where
s_i = g_i + x_(i+1) s_(i+1): no division, so that it is right where values are zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels.dispatch import LANES, OK, ix, op_kernel
from pcneuro.ops.axes import axes_of, lower_groups
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Units,
    Weights,
    apply,
    size,
    unit_indices,
)
from pcneuro.ops.description import Description
from pcneuro.ops.registry import answers, at_line, refuse


@op_kernel("cumsum")
def cumsum_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out (+)= the sum of a group's rows up to each, or (``back``) from each on. Reads source, writes or adds to out.

    ``total`` is a row of scratch.
    """
    lanes = context[LANES]
    out, src, total, back, accumulate = ints[at], ints[at + 1], ints[at + 2] * lanes, ints[at + 3], ints[at + 4]
    members, groups, length = ints[at + 5], ints[at + 6], ints[at + 7]
    for g in range(groups):
        for i in range(lanes):
            buf[ix(total + i)] = 0.0
        for step in range(length):
            r = ints[members + g * length + (length - 1 - step if back == 1 else step)]
            s, o = (src + r) * lanes, (out + r) * lanes
            for i in range(lanes):
                value = buf[ix(total + i)] + buf[ix(s + i)]
                buf[ix(total + i)] = value
                buf[ix(o + i)] = buf[ix(o + i)] + value if accumulate == 1 else value
    return OK


@op_kernel("cumprod")
def cumprod_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = the product of a group's rows up to each. Reads source, writes out."""
    lanes = context[LANES]
    out, src = ints[at], ints[at + 1]
    members, groups, length = ints[at + 2], ints[at + 3], ints[at + 4]
    for g in range(groups):
        first = members + g * length
        for j in range(length):
            s, o = (src + ints[first + j]) * lanes, (out + ints[first + j]) * lanes
            if j == 0:
                for i in range(lanes):
                    buf[ix(o + i)] = buf[ix(s + i)]
            else:
                before = (out + ints[first + j - 1]) * lanes
                for i in range(lanes):
                    buf[ix(o + i)] = buf[ix(before + i)] * buf[ix(s + i)]
    return OK


@op_kernel("cumprod_vjp")
def cumprod_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target (+)= out before the row * (gradient + next row * what that has got): from the last row of a group back.

    Reads gradient, source and out, writes or adds to target; ``later`` is a row of scratch.
    """
    lanes = context[LANES]
    target, gradient, src, out = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    later, accumulate = ints[at + 4] * lanes, ints[at + 5]
    members, groups, length = ints[at + 6], ints[at + 7], ints[at + 8]
    for g in range(groups):
        first = members + g * length
        for i in range(lanes):
            buf[ix(later + i)] = 0.0
        for j in range(length - 1, -1, -1):
            r = ints[first + j]
            for i in range(lanes):
                total = buf[ix((gradient + r) * lanes + i)] + buf[ix(later + i)]
                buf[ix(later + i)] = total * buf[ix((src + r) * lanes + i)]
                if j > 0:
                    total *= buf[ix((out + ints[first + j - 1]) * lanes + i)]
                t = (target + r) * lanes + i
                buf[ix(t)] = buf[ix(t)] + total if accumulate == 1 else total
    return OK


@dataclass(frozen=True)
class _AbstractCumulation(AbstractOperator):
    """Along ``axis`` of one sample (not negative)."""

    axis: int

    @property
    def description(self) -> Description:
        return Description(self.units, moves=True)

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1 or not 0 <= self.axis < len(shapes[0]):
            raise ShapeError(f"{self.label} along axis {self.axis} of shapes {' and '.join(map(str, shapes))}")
        return shapes[0]

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(shapes[0]) * (shapes[0][self.axis] + 1) // 2

    def _shifted(self, shape: Shape, shift: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Units, those so many places behind them along the axis, and the units that are behind none."""
        moved = np.moveaxis(unit_indices(shape), self.axis, 0)
        return moved[:-shift].ravel(), moved[shift:].ravel(), moved[:shift].ravel()

    def _shifts(self, shape: Shape) -> list[int]:
        """Distances of doubling: after each step every unit has those up to twice as far."""
        return [2**k for k in range((shape[self.axis] - 1).bit_length())]


@dataclass(frozen=True)
class CumulativeSum(_AbstractCumulation):
    """The sum of all values up to each along ``axis``."""

    kind: ClassVar[str] = "cumsum"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0].cumsum(axis=self.axis + 1)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return np.flip(np.flip(gradient, self.axis + 1).cumsum(axis=self.axis + 1), self.axis + 1)

    def linear_in(self, k: int) -> bool:
        return True

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        total = operands[0]
        for shift in self._shifts(shape):
            before, behind, _ = self._shifted(shape, shift)
            total = make.add(total, make.synapses(size(shape), total, before, behind, 1.0))
        return total

    def _lower(self, low: AbstractLowering, at: Placed, out: int, source: int, back: bool, accumulate: bool) -> None:
        total = low.temporary(1, at.out.laned)
        groups = lower_groups(low, at.shape, (self.axis,))
        low.emit("cumsum", out, source, total.row, int(back), int(accumulate), *groups)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        self._lower(low, at, at.out.row, at.operands[0].row, False, False)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        self._lower(low, at, pull.target.row, pull.gradient.row, True, pull.accumulate)


@dataclass(frozen=True)
class CumulativeProduct(_AbstractCumulation):
    """The product of all values up to each along ``axis``."""

    kind: ClassVar[str] = "cumprod"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0].cumprod(axis=self.axis + 1)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        shape = np.broadcast_shapes(gradient.shape, output.shape)
        g, y, x = (np.moveaxis(np.broadcast_to(a, shape), self.axis + 1, 0) for a in (gradient, output, operands[0]))
        result, later = np.empty(g.shape, dtype=gradient.dtype), np.zeros(g.shape[1:], dtype=gradient.dtype)
        for j in range(len(g) - 1, -1, -1):
            result[j] = g[j] + later
            later = result[j] * x[j]
        result[1:] *= y[:-1]
        return np.moveaxis(result, 0, self.axis + 1)

    def linear_in(self, k: int) -> bool:
        return False

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        total = operands[0]
        for shift in self._shifts(shape):
            before, behind, first = self._shifted(shape, shift)
            ones = np.zeros(size(shape))
            ones[first] = 1.0
            earlier = make.synapses(size(shape), total, before, behind, 1.0)
            earlier = make.function(("add", "x", "y"), {"x": earlier, "y": Weights(ones)}, {"x": 1.0})
            total = make.product(total, earlier)
        return total

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        low.emit("cumprod", at.out.row, at.operands[0].row, *lower_groups(low, at.shape, (self.axis,)))

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        later = low.temporary(1, at.out.laned)
        rows = pull.target.row, pull.gradient.row, at.operands[0].row, at.out.row, later.row
        low.emit("cumprod_vjp", *rows, int(pull.accumulate), *lower_groups(low, at.shape, (self.axis,)))


# NumPy's functions of traced arrays


def _cumulated(name: str, operator: type[_AbstractCumulation], a: Any, axis: Any, dtype: Any, out: Any) -> Any:
    if out is not None:
        raise refuse(f"{name} with out=", f"use what {name} returns")
    whole = a.dtype.kind in "iub"
    if dtype is not None and np.dtype(dtype) != (np.int64 if whole else np.float64):
        raise refuse(f"{name} with dtype={np.dtype(dtype)}", "leave it out: a traced array is of float64")
    if axis is None:
        a, axis = np.ravel(a), 0
    try:
        (along,) = axes_of(name, [axis], a.shape)
    except ShapeError as error:
        raise ShapeError(f"{error}{at_line()}") from None
    result = apply(operator(along), a)
    result.dtype = np.dtype(np.int64 if whole else np.float64)
    return result


@answers(np.cumsum, np.nancumsum)
def _cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _cumulated("np.cumsum", CumulativeSum, a, axis, dtype, out)


@answers(np.cumprod, np.nancumprod)
def _cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _cumulated("np.cumprod", CumulativeProduct, a, axis, dtype, out)


def _cumulative(name: str, cumulate: Any, x: Any, axis: Any, dtype: Any, begin: float, include_initial: Any) -> Any:
    if axis is None:
        if x.ndim > 1:
            raise refuse(f"{name} of several axes without axis=", "give axis=, as NumPy needs it")
        axis = 0
    result = cumulate(x, axis, dtype)
    if not include_initial:
        return result
    along = axes_of(name, [axis], x.shape)[0]
    first = np.full((*x.shape[:along], 1, *x.shape[along + 1 :]), begin)
    return np.concatenate([first, result], axis=along)


@answers(np.cumulative_sum)
def _cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: Any = False
) -> Any:
    if out is not None:
        raise refuse("np.cumulative_sum with out=", "use what it returns")
    return _cumulative("np.cumulative_sum", _cumsum, x, axis, dtype, 0.0, include_initial)


@answers(np.cumulative_prod)
def _cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: Any = False
) -> Any:
    if out is not None:
        raise refuse("np.cumulative_prod with out=", "use what it returns")
    return _cumulative("np.cumulative_prod", _cumprod, x, axis, dtype, 1.0, include_initial)
