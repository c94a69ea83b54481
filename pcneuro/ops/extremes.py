"""The largest and the smallest value over axes, and where it is.

out = max over i of x_i;  (d out / d x_i)^T g = g / m for the m units that are equal to out, else 0. NaN is the largest
and the smallest, as NumPy has it. The place is that of the first of equals; its derivative is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels.dispatch import LANES, OK, ix, op_kernel
from pcneuro.ops.axes import lower_groups
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Slot,
    Units,
    Weights,
    size,
)
from pcneuro.ops.formula import Formula
from pcneuro.ops.reduce import AbstractReduction
from pcneuro.ops.rows import lower_combine, lower_nothing

_FARTHEST = float(np.finfo(np.float32).max)


def difference(x: str, y: str) -> Formula:
    """The formula of x - y, to tell which is larger in single units: 0, and not NaN, of two infinities."""
    near = (("maximum", -_FARTHEST, ("minimum", name, _FARTHEST)) for name in (x, y))
    return ("subtract", *near)


@op_kernel("extreme")
def extreme(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[g] = the largest of a group's rows (sign 1), or the smallest (sign -1). Reads source, writes out."""
    lanes = context[LANES]
    out, src, sign = ints[at] * lanes, ints[at + 1], buf.dtype.type(ints[at + 2])
    members, groups, length = ints[at + 3], ints[at + 4], ints[at + 5]
    for g in range(groups):
        o, s = out + g * lanes, (src + ints[members + g * length]) * lanes
        for i in range(lanes):
            buf[ix(o + i)] = buf[ix(s + i)]
        for j in range(1, length):
            s = (src + ints[members + g * length + j]) * lanes
            for i in range(lanes):
                x, top = buf[ix(s + i)], buf[ix(o + i)]
                buf[ix(o + i)] = top if sign * x <= sign * top or top != top else x
    return OK


@op_kernel("extreme_shares")
def extreme_shares(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """share[row] = 1 / m for the m rows of a group that are equal to its out, else 0.

    Reads source and out, writes share and a row at scratch.
    """
    lanes = context[LANES]
    share, src, out, count = ints[at], ints[at + 1], ints[at + 2], ints[at + 3] * lanes
    members, groups, length = ints[at + 4], ints[at + 5], ints[at + 6]
    one, none = buf.dtype.type(1), buf.dtype.type(0)
    for g in range(groups):
        o = (out + g) * lanes
        for i in range(lanes):
            buf[ix(count + i)] = none
        for j in range(length):
            r = ints[members + g * length + j]
            for i in range(lanes):
                equal = one if buf[ix((src + r) * lanes + i)] == buf[ix(o + i)] else none
                buf[ix((share + r) * lanes + i)] = equal
                buf[ix(count + i)] += equal
        for j in range(length):
            r = (share + ints[members + g * length + j]) * lanes
            for i in range(lanes):
                buf[ix(r + i)] /= buf[ix(count + i)]
    return OK


@op_kernel("extreme_place")
def extreme_place(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[g] = number of the first of a group's rows that is the largest (sign 1) or the smallest (sign -1).

    Reads source, writes out.
    """
    lanes = context[LANES]
    out, src, sign = ints[at], ints[at + 1], buf.dtype.type(ints[at + 2])
    members, groups, length = ints[at + 3], ints[at + 4], ints[at + 5]
    for g in range(groups):
        first = members + g * length
        for i in range(lanes):
            place = 0
            top = buf[ix((src + ints[first]) * lanes + i)]
            for j in range(1, length):
                x = buf[ix((src + ints[first + j]) * lanes + i)]
                if top == top and not sign * x <= sign * top:
                    place, top = j, x
            buf[ix((out + g) * lanes + i)] = place
    return OK


@dataclass(frozen=True)
class _AbstractExtreme(AbstractReduction):
    """The value of the largest or smallest unit, or its place among the units over the axes, in C order."""

    sign: ClassVar[int]
    """1 for the largest, -1 for the smallest."""
    primitive: ClassVar[str]
    """Which of two values it is."""

    def shape(self, *shapes: Shape) -> Shape:
        out = super().shape(*shapes)
        if not all(shapes[0][a] for a in self.axes):
            raise ShapeError(f"{self.label} over axes {self.axes} of shape {shapes[0]}: of no units there is none")
        return out

    def linear_in(self, k: int) -> bool:
        return False

    def _members(self, shape: Shape, out: Shape) -> np.ndarray:
        """The units of each group, of shape (groups, length)."""
        return np.argsort(self._into(out, shape), kind="stable").reshape(size(out), -1)

    def _tops(self, make: AbstractUnits, x: Units, members: np.ndarray) -> Units:
        """The largest or smallest of each group, as a tree of pairs.

        A pair knows how many units of the group are equal to its value, m on the left and n on the right, so that all
        of them share evenly.
        """
        better, worse = ("x", "y") if self.sign > 0 else ("y", "x")
        of_x = ("multiply", "m", ("subtract", 1.0, ("positive", difference(worse, better))))
        of_y = ("multiply", "n", ("subtract", 1.0, ("positive", difference(better, worse))))
        both = ("add", of_x, of_y)
        slopes = {"x": ("divide", of_x, both), "y": ("divide", of_y, both)}
        value, counts = x, None
        while members.shape[1] > 1:
            half = -(-members.shape[1] // 2)
            left, right = members[:, :half], members[:, half:]
            # The last of an odd number is compared with itself, and does not count twice.
            alone = half - right.shape[1]
            real = np.arange(left.size).reshape(left.shape)[:, : half - alone]
            pair: dict[str, Units | Weights] = {
                "x": make.gather(value, left),
                "y": make.gather(value, np.concatenate([right, left[:, half - alone :]], axis=1)),
            }
            if counts is None:
                once = np.zeros(left.size)
                once[real] = 1.0
                pair |= {"m": Weights(np.ones(left.size)), "n": Weights(once)}
            else:
                pair["m"] = make.gather(counts, left)
                pair["n"] = make.synapses(left.size, counts, right.ravel(), real.ravel(), 1.0)
            value = make.function((self.primitive, "x", "y"), pair, slopes)
            counts = make.function(both, pair, {}) if half > 1 else counts
            members = np.arange(left.size).reshape(left.shape)
        return make.gather(value, members)


@dataclass(frozen=True)
class _AbstractExtremeValue(_AbstractExtreme):
    """The largest or smallest value over ``axes``."""

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        shape = operands[0].shape[1:]
        equal = (operands[0] == self._spread(output, shape)).astype(gradient.dtype)
        with np.errstate(invalid="ignore"):
            shares = equal / equal.sum(axis=self._batched(), keepdims=True)
        return self._spread(gradient, shape) * shares

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        return self._tops(make, operands[0], self._members(shapes[0], shape))

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        groups = lower_groups(low, at.shapes[0], self.axes)
        low.emit("extreme", at.out.row, at.operands[0].row, self.sign, *groups)

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> Slot:
        shares, count = (low.temporary(n, at.out.laned) for n in (at.operands[0].units, 1))
        groups = lower_groups(low, at.shapes[0], self.axes)
        low.emit("extreme_shares", shares.row, at.operands[0].row, at.out.row, count.row, *groups)
        return shares

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        every = np.arange(pull.target.units)
        lower_combine(low, pull.target, every, pull.gradient, self._groups(at), pull.accumulate, at.linearised, every)


@dataclass(frozen=True)
class Largest(_AbstractExtremeValue):
    """The largest value over ``axes``."""

    kind: ClassVar[str] = "max"
    sign = 1
    primitive = "maximum"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0].max(**self._over())


@dataclass(frozen=True)
class Smallest(_AbstractExtremeValue):
    """The smallest value over ``axes``."""

    kind: ClassVar[str] = "min"
    sign = -1
    primitive = "minimum"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0].min(**self._over())


@dataclass(frozen=True)
class _AbstractPlace(_AbstractExtreme):
    """The number of the first of the largest or smallest units over ``axes``, in C order."""

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int64)

    def _flat(self, x: np.ndarray) -> np.ndarray:
        last = tuple(range(-len(self.axes), 0))
        moved = np.moveaxis(x, self._batched(), last)
        return moved.reshape(*moved.shape[: x.ndim - len(self.axes)], -1)

    def _shaped(self, places: np.ndarray, x: np.ndarray) -> np.ndarray:
        return places.reshape(len(x), *self.shape(x.shape[1:])).astype(x.dtype)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return np.zeros((len(gradient), *operands[0].shape[1:]), dtype=gradient.dtype)

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        members = self._members(shapes[0], shape)
        groups, length = members.shape
        every = np.arange(members.size)
        group, place = every // length, every % length
        x = make.gather(operands[0], members)
        top = make.gather(self._tops(make, operands[0], members), group)
        behind = difference("y", "x") if self.sign > 0 else difference("x", "y")
        equal = make.function(("subtract", 1.0, ("positive", behind)), {"x": x, "y": top}, {})
        before, after = np.triu_indices(length, 1)
        shift = length * np.arange(groups)[:, None]
        earlier = make.synapses(members.size, equal, (shift + before).ravel(), (shift + after).ravel(), 1.0)
        alone = ("multiply", "x", ("subtract", 1.0, ("positive", "y")))
        first = make.function(alone, {"x": equal, "y": earlier}, {})
        return make.synapses(groups, first, every, group, Weights(place.astype(np.float64)))

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        groups = lower_groups(low, at.shapes[0], self.axes)
        low.emit("extreme_place", at.out.row, at.operands[0].row, self.sign, *groups)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        lower_nothing(low, pull)


@dataclass(frozen=True)
class LargestPlace(_AbstractPlace):
    """The number of the first of the largest units over ``axes``."""

    kind: ClassVar[str] = "argmax"
    sign = 1
    primitive = "maximum"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return self._shaped(self._flat(operands[0]).argmax(axis=-1), operands[0])


@dataclass(frozen=True)
class SmallestPlace(_AbstractPlace):
    """The number of the first of the smallest units over ``axes``."""

    kind: ClassVar[str] = "argmin"
    sign = -1
    primitive = "minimum"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return self._shaped(self._flat(operands[0]).argmin(axis=-1), operands[0])
