"""Sorting along an axis, and the order that sorts.

out_k = the k-th smallest x_i;  (d out / d x)^T g: each g_k goes to the unit that stands at k, units that are equal
share theirs evenly. The order is that of a stable sort, equals as they stood, NaN last; its derivative is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import LANES, OK, ix, op_kernel
from pcneuro.ops.axes import lower_groups
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Slot,
    Units,
    Weights,
    size,
    unit_indices,
)
from pcneuro.ops.description import Description
from pcneuro.ops.extremes import difference
from pcneuro.ops.rows import lower_nothing

PAIR = 2
"""A merge makes one sorted run of two."""


@inner(cache=False)
def _entry(buf, ints, rows, first, j, lanes, i):  # type: ignore[no-untyped-def]
    """What lane i of a group's j-th row holds, as a whole number."""
    return np.int64(buf[ix((rows + ints[first + j]) * lanes + i)])


@inner(cache=False)
def _merge(buf, ints, order, src, scratch, first, low, middle, high, lanes, i):  # type: ignore[no-untyped-def]
    """Two runs of the order, from low and from middle on, as one run in scratch."""
    a, b = low, middle
    for j in range(low, high):
        left = b >= high
        if not left and a < middle:
            x = buf[ix((src + ints[first + _entry(buf, ints, order, first, a, lanes, i)]) * lanes + i)]
            y = buf[ix((src + ints[first + _entry(buf, ints, order, first, b, lanes, i)]) * lanes + i)]
            left = x <= y or y != y
        if left:
            buf[ix((scratch + j) * lanes + i)] = buf[ix((order + ints[first + a]) * lanes + i)]
            a += 1
        else:
            buf[ix((scratch + j) * lanes + i)] = buf[ix((order + ints[first + b]) * lanes + i)]
            b += 1


@op_kernel("order")
def order_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """order[j-th row of a group] = number of the group's row with the j-th smallest value: a stable sort by merging.

    Reads source, writes order, and as many rows as a group has at scratch.
    """
    lanes = context[LANES]
    order, src, scratch = ints[at], ints[at + 1], ints[at + 2]
    members, groups, length = ints[at + 3], ints[at + 4], ints[at + 5]
    for g in range(groups):
        first = members + g * length
        for j in range(length):
            for i in range(lanes):
                buf[ix((order + ints[first + j]) * lanes + i)] = j
        run = 1
        while run < length:
            for i in range(lanes):
                low = 0
                while low < length:
                    middle, high = min(low + run, length), min(low + PAIR * run, length)
                    _merge(buf, ints, order, src, scratch, first, low, middle, high, lanes, i)
                    low += PAIR * run
            for j in range(length):
                for i in range(lanes):
                    buf[ix((order + ints[first + j]) * lanes + i)] = buf[ix((scratch + j) * lanes + i)]
            run *= PAIR
    return OK


@op_kernel("in_order")
def in_order(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[j-th row of a group] = the group's row that the order has there. Reads source and order, writes out."""
    lanes = context[LANES]
    out, src, order = ints[at], ints[at + 1], ints[at + 2]
    members, groups, length = ints[at + 3], ints[at + 4], ints[at + 5]
    for g in range(groups):
        first = members + g * length
        for j in range(length):
            for i in range(lanes):
                place = _entry(buf, ints, order, first, j, lanes, i)
                buf[ix((out + ints[first + j]) * lanes + i)] = buf[ix((src + ints[first + place]) * lanes + i)]
    return OK


@op_kernel("sort_vjp")
def sort_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target[row that the order has at j] (+)= the mean of the gradient over all places with out's value at j.

    Reads gradient, order and out, writes or adds to target.
    """
    lanes = context[LANES]
    target, gradient, order, out, accumulate = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    members, groups, length = ints[at + 5], ints[at + 6], ints[at + 7]
    if accumulate == 0:
        for i in range(target * lanes, (target + groups * length) * lanes):
            buf[ix(i)] = 0.0
    for g in range(groups):
        first = members + g * length
        for i in range(lanes):
            low = 0
            while low < length:
                value = buf[ix((out + ints[first + low]) * lanes + i)]
                total = buf[ix((gradient + ints[first + low]) * lanes + i)]
                high = low + 1
                while high < length and buf[ix((out + ints[first + high]) * lanes + i)] == value:
                    total += buf[ix((gradient + ints[first + high]) * lanes + i)]
                    high += 1
                share = total / buf.dtype.type(high - low)
                for j in range(low, high):
                    place = _entry(buf, ints, order, first, j, lanes, i)
                    buf[ix((target + ints[first + place]) * lanes + i)] += share
                low = high
    return OK


def means_of_runs(values: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """For sorted values (n, length): the gradient's mean over each run of equals. Part of the twin of ``sort_vjp``."""
    begins = np.ones(values.shape, dtype=bool)
    begins[:, 1:] = values[:, 1:] != values[:, :-1]
    run = np.cumsum(begins.ravel()) - 1
    totals = np.bincount(run, gradient.ravel())
    return (totals / np.bincount(run))[run].reshape(values.shape).astype(gradient.dtype)


@dataclass(frozen=True)
class _AbstractSort(AbstractOperator):
    """Along ``axis`` of one sample (not negative), from the smallest to the largest."""

    axis: int

    @property
    def description(self) -> Description:
        return Description(self.units, moves=True)

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1 or not 0 <= self.axis < len(shapes[0]):
            raise ShapeError(f"{self.label} along axis {self.axis} of shapes {' and '.join(map(str, shapes))}")
        return shapes[0]

    def linear_in(self, k: int) -> bool:
        return False

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(shapes[0]) * shapes[0][self.axis]

    def _ranks(self, make: AbstractUnits, x: Units, shape: Shape) -> tuple[np.ndarray, np.ndarray, Units, Units]:
        """Pairs (unit, other) of one group, others in their order, and as single units: other < unit, other == unit."""
        members = np.moveaxis(unit_indices(shape), self.axis, -1).reshape(-1, shape[self.axis])
        length = members.shape[1]
        unit, other = np.repeat(members, length, axis=1).ravel(), np.tile(members, (1, length)).ravel()
        pairs = {"x": make.gather(x, unit), "y": make.gather(x, other)}
        above, below = ("positive", difference("x", "y")), ("positive", difference("y", "x"))
        smaller = make.function(above, pairs, {})
        equal = make.function(("subtract", 1.0, ("add", above, below)), pairs, {})
        return unit, other, smaller, equal

    def _lower_order(self, low: AbstractLowering, at: Placed, order: Slot) -> None:
        scratch = low.temporary(at.shape[self.axis], at.out.laned)
        groups = lower_groups(low, at.shape, (self.axis,))
        low.emit("order", order.row, at.operands[0].row, scratch.row, *groups)


@dataclass(frozen=True)
class Sort(_AbstractSort):
    """The values along ``axis``, sorted."""

    kind: ClassVar[str] = "sort"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return np.sort(operands[0], axis=self.axis + 1, kind="stable")

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        order = np.moveaxis(operands[0].argsort(axis=self.axis + 1, kind="stable"), self.axis + 1, -1)
        shape = np.broadcast_shapes(gradient.shape, output.shape)
        along = [np.moveaxis(np.broadcast_to(a, shape), self.axis + 1, -1) for a in (output, gradient)]
        length = along[0].shape[-1]
        shares = means_of_runs(*(a.reshape(-1, length) for a in along)).reshape(along[0].shape)
        result = np.empty(along[0].shape, dtype=gradient.dtype)
        np.put_along_axis(result, np.broadcast_to(order, result.shape), shares, axis=-1)
        return np.moveaxis(result, -1, self.axis + 1)

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        unit, other, smaller, equal = self._ranks(make, operands[0], shape)
        units = size(shape)
        # A unit stands at as many places as there are equals of it, behind all that are smaller.
        begin = make.synapses(units, smaller, np.arange(unit.size), unit, 1.0)
        count = make.synapses(units, equal, np.arange(unit.size), unit, 1.0)
        place = np.broadcast_to(np.expand_dims(np.arange(shape[self.axis]), self._behind(shape)), shape)
        behind = ("positive", ("subtract", ("add", "k", 0.5), "b"))
        before = ("positive", ("subtract", ("add", "b", "m"), ("add", "k", 0.5)))
        there = make.function(
            ("divide", ("multiply", behind, before), "m"),
            {
                "b": make.gather(begin, unit),
                "m": make.gather(count, unit),
                "k": Weights(place.ravel()[other].astype(np.float64)),
            },
            {},
        )
        moved = make.function(
            ("multiply_or_zero", "p", "x"), {"p": there, "x": make.gather(operands[0], unit)}, {"x": "p"}
        )
        return make.synapses(units, moved, np.arange(unit.size), other, 1.0)

    def _behind(self, shape: Shape) -> tuple[int, ...]:
        """All axes but the sorted one."""
        return tuple(a for a in range(len(shape)) if a != self.axis)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        order = low.temporary(at.out.units, at.out.laned)
        self._lower_order(low, at, order)
        low.emit("in_order", at.out.row, at.operands[0].row, order.row, *lower_groups(low, at.shape, (self.axis,)))

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> Slot:
        order = low.temporary(at.out.units, at.out.laned)
        self._lower_order(low, at, order)
        return order

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        rows = pull.target.row, pull.gradient.row, at.linearised.row, at.out.row
        low.emit("sort_vjp", *rows, int(pull.accumulate), *lower_groups(low, at.shape, (self.axis,)))


@dataclass(frozen=True)
class SortOrder(_AbstractSort):
    """The places along ``axis`` of the smallest value, the next, and so on."""

    kind: ClassVar[str] = "argsort"

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int64)

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0].argsort(axis=self.axis + 1, kind="stable").astype(operands[0].dtype)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return np.zeros((len(gradient), *operands[0].shape[1:]), dtype=gradient.dtype)

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        unit, other, smaller, equal = self._ranks(make, operands[0], shape)
        place = np.moveaxis(np.broadcast_to(np.arange(shape[self.axis]), self._last(shape)), -1, self.axis).ravel()
        units, every = size(shape), np.arange(unit.size)
        earlier = every[place[other] < place[unit]]
        smaller_ones = make.synapses(units, smaller, every, unit, 1.0)
        rank = make.add(smaller_ones, make.synapses(units, equal, earlier, unit[earlier], 1.0))
        same = ("subtract", 1.0, ("positive", ("subtract", ("absolute", ("subtract", "x", "k")), 0.5)))
        at = Weights(place[other].astype(np.float64))
        there = make.function(same, {"x": make.gather(rank, unit), "k": at}, {})
        return make.synapses(units, there, every, other, Weights(place[unit].astype(np.float64)))

    def _last(self, shape: Shape) -> Shape:
        """The shape with the sorted axis at its end."""
        return (*shape[: self.axis], *shape[self.axis + 1 :], shape[self.axis])

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        self._lower_order(low, at, at.out)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        lower_nothing(low, pull)
