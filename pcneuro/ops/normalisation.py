"""Layer normalisation: zero mean and unit variance over some axes of one sample (Ba, Kiros & Hinton 2016).

y = (x - mean(x)) / s, with s = sqrt(mean((x - mean(x))^2) + epsilon);
(dy/dx)^T g = (g - mean(g) - y mean(g y)) / s, all means over the same axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import LANES, OK, ix, op_kernel
from pcneuro.ops.axes import axes_of, check_operand, lower_groups
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
from pcneuro.quantities import POSITIVE, number


@inner(cache=False)
def _statistics(buf, ints, source, first, length, lanes, mean, scale, epsilon):  # type: ignore[no-untyped-def]
    """Mean of a group of rows, and one over its standard deviation, lane by lane, into two rows.

    ``first`` is where the group begins in ``ints``; ``mean`` and ``scale`` are where those rows begin in ``buf``.
    """
    one = buf.dtype.type(1)
    share = one / buf.dtype.type(length)
    for i in range(lanes):
        buf[ix(mean + i)] = 0.0
        buf[ix(scale + i)] = 0.0
    for j in range(length):
        row = (source + ints[first + j]) * lanes
        for i in range(lanes):
            buf[ix(mean + i)] += share * buf[ix(row + i)]
    for j in range(length):
        row = (source + ints[first + j]) * lanes
        for i in range(lanes):
            deviation = buf[ix(row + i)] - buf[ix(mean + i)]
            buf[ix(scale + i)] += share * deviation * deviation
    for i in range(lanes):
        buf[ix(scale + i)] = one / np.sqrt(buf[ix(scale + i)] + epsilon)


@op_kernel("normalise")
def normalise(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = (x - mean) / s over the groups of a table (groups, length). Reads x, writes out and two rows at scratch."""
    lanes = context[LANES]
    out, x, scratch, epsilon = ints[at], ints[at + 1], ints[at + 2] * lanes, shared[ints[at + 3]]
    members, groups, length = ints[at + 4], ints[at + 5], ints[at + 6]
    scale = scratch + lanes
    for g in range(groups):
        first = members + g * length
        _statistics(buf, ints, x, first, length, lanes, scratch, scale, epsilon)
        for j in range(length):
            row, o = (x + ints[first + j]) * lanes, (out + ints[first + j]) * lanes
            for i in range(lanes):
                deviation = buf[ix(row + i)] - buf[ix(scratch + i)]
                buf[ix(o + i)] = deviation * buf[ix(scale + i)]
    return OK


@op_kernel("normalise_scale")
def normalise_scale(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """scale[g] = 1 / s of every group. Reads x, writes scale and one row at scratch."""
    lanes = context[LANES]
    scale, x, scratch, epsilon = ints[at] * lanes, ints[at + 1], ints[at + 2] * lanes, shared[ints[at + 3]]
    members, groups, length = ints[at + 4], ints[at + 5], ints[at + 6]
    for g in range(groups):
        _statistics(buf, ints, x, members + g * length, length, lanes, scratch, scale + g * lanes, epsilon)
    return OK


@op_kernel("normalise_vjp")
def normalise_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target (+)= (g - mean(g) - y mean(g y)) / s, over the groups of a table (groups, length).

    Reads g, y and scale (1 / s of every group), writes or adds to target, writes two rows at scratch.
    """
    lanes = context[LANES]
    target, gradient, y, scale, scratch = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4] * lanes
    accumulate, members, groups, length = ints[at + 5], ints[at + 6], ints[at + 7], ints[at + 8]
    share = buf.dtype.type(1) / buf.dtype.type(length)
    product = scratch + lanes
    if accumulate == 0:
        for i in range(target * lanes, (target + groups * length) * lanes):
            buf[ix(i)] = 0.0
    for g in range(groups):
        first, s = members + g * length, (scale + g) * lanes
        for i in range(lanes):
            buf[ix(scratch + i)] = 0.0
            buf[ix(product + i)] = 0.0
        for j in range(length):
            e, o = (gradient + ints[first + j]) * lanes, (y + ints[first + j]) * lanes
            for i in range(lanes):
                buf[ix(scratch + i)] += share * buf[ix(e + i)]
                buf[ix(product + i)] += share * buf[ix(e + i)] * buf[ix(o + i)]
        for j in range(length):
            e, o = (gradient + ints[first + j]) * lanes, (y + ints[first + j]) * lanes
            t = (target + ints[first + j]) * lanes
            for i in range(lanes):
                left = buf[ix(e + i)] - buf[ix(scratch + i)] - buf[ix(o + i)] * buf[ix(product + i)]
                buf[ix(t + i)] += left * buf[ix(s + i)]
    return OK


@dataclass(frozen=True)
class Normalise(AbstractOperator):
    """Zero mean and unit variance over ``axes`` of one sample (not negative); ``epsilon`` is added to the variance."""

    kind: ClassVar[str] = "normalise"
    axes: tuple[int, ...]
    epsilon: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(int(a) for a in self.axes))
        object.__setattr__(self, "epsilon", number("layer_norm: epsilon", self.epsilon, POSITIVE))

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1 or not self.axes or not all(0 <= a < len(shapes[0]) for a in self.axes):
            raise ShapeError(f"layer_norm over axes {self.axes} of shapes {' and '.join(map(str, shapes))}")
        return shapes[0]

    def _mean(self, x: np.ndarray) -> np.ndarray:
        return x.mean(axis=tuple(a + 1 for a in self.axes), keepdims=True)

    def _scale(self, centred: np.ndarray) -> np.ndarray:
        return 1 / np.sqrt(self._mean(centred**2) + centred.dtype.type(self.epsilon))

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        centred = operands[0] - self._mean(operands[0])
        return centred * self._scale(centred)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        scale = self._scale(operands[0] - self._mean(operands[0]))
        return (gradient - self._mean(gradient) - output * self._mean(gradient * output)) * scale

    def linear_in(self, k: int) -> bool:
        return False

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(shapes[0]) * size(tuple(shapes[0][a] for a in self.axes))

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        kept = tuple(1 if i in self.axes else n for i, n in enumerate(shape))
        groups = np.broadcast_to(np.arange(size(kept)).reshape(kept), shape).ravel()
        share, every = size(kept) / size(shape), np.arange(groups.size)
        (x,) = operands
        mean = make.gather(make.synapses(size(kept), x, every, groups, share), groups)
        centred = make.function(("subtract", "x", "y"), {"x": x, "y": mean}, {"x": 1.0, "y": -1.0})
        squares = make.function(("square", "x"), {"x": centred}, {"x": ("multiply", 2.0, "x")})
        variance = make.synapses(size(kept), squares, every, groups, share)
        slope = ("multiply", -0.5, ("multiply", "out", ("square", "out")))
        scale = ("reciprocal", ("sqrt", ("add", "x", float(self.epsilon))))
        return make.product(centred, make.gather(make.function(scale, {"x": variance}, {"x": slope}), groups))

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        scratch, epsilon = low.temporary(2, at.out.laned), low.constant(self.epsilon)
        groups = lower_groups(low, at.shape, self.axes)
        low.emit("normalise", at.out.row, at.operands[0].row, scratch.row, epsilon, *groups)

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> Slot:
        groups = lower_groups(low, at.shape, self.axes)
        scale, scratch = low.temporary(groups[1], at.out.laned), low.temporary(1, at.out.laned)
        rows = scale.row, at.operands[0].row, scratch.row, low.constant(self.epsilon)
        low.emit("normalise_scale", *rows, *groups)
        return scale

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        scratch = low.temporary(2, at.out.laned)
        rows = pull.target.row, pull.gradient.row, at.out.row, at.linearised.row, scratch.row
        low.emit("normalise_vjp", *rows, int(pull.accumulate), *lower_groups(low, at.shape, self.axes))


@public
def layer_norm(x: Any, gain: Any = None, bias: Any = None, axis: Any = -1, epsilon: float = 1e-5) -> Any:
    """Layer normalisation: gain * (x - mean) / sqrt(variance + epsilon) + bias.

    Parameters
    ----------
    x
        A traced or plain array of one sample.
    gain, bias
        Arrays that broadcast to x's shape (for the last axis: vectors of its length). None leaves them out.
    axis
        The axis, or axes (a tuple), that mean and variance are taken over.
    epsilon
        Added to the variance, so that units of equal activity do not divide by zero.

    Returns
    -------
    An array of x's shape, traced where one of the operands is. Gain and bias are operations of their own.

    Raises
    ------
    ShapeError
        For an axis that is not there, and a gain or bias that does not broadcast to x.
    ParameterError
        For an epsilon that is not positive.
    """
    shape = np.shape(x)
    y = apply(Normalise(axes_of("layer_norm", axis, shape), epsilon), x)
    for name, operand in (("gain", gain), ("bias", bias)):
        if operand is not None:
            check_operand("layer_norm", shape, name, operand)
    y = y if gain is None else y * gain
    return y if bias is None else y + bias
