"""Pooling: the largest or the mean value in each window of a channel.

Maximum: out[c, t] = max over k of x[c, t * stride - padding + k], over the places that x has; the gradient goes to the
largest, to the first of them (row by row) where several are. Average: out[c, t] = the sum over the same places, divided
by the size of the window; what lies in the padding counts as zero. Shapes as in a convolution: out has floor((n + 2 *
padding - size) / stride) + 1 places along an axis of n.

The tables are those of one channel, and positions that differ by a shift only share theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pcneuro.errors import ShapeError
from pcneuro.kernels.compiling import inner
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
    apply,
    size,
    unit_indices,
)
from pcneuro.ops.registry import public
from pcneuro.ops.windows import Windows, several, sliding_windows

# Arguments of the kernels, behind the rows of their arrays: sizes, tables
CHANNELS, POSITIONS, UNITS, PLACE, CLASS, CLASSES = range(6)

_LATER = ("positive", ("subtract", "y", "x"))
FIRST_OF_EQUALS = {"x": ("subtract", 1.0, _LATER), "y": _LATER}
"""Derivatives of the larger of x and y where the first of two that are equal gets the gradient."""


@inner(cache=False)
def _window(ints, at, p):  # type: ignore[no-untyped-def]
    """Where the window of position p begins in its channel, the table of offsets from there, and their number."""
    entry = ints[at + CLASSES] + 2 * ints[ints[at + CLASS] + p]
    return ints[ints[at + PLACE] + p], ints[entry], ints[entry + 1]


@op_kernel("max_pool")
def max_pool(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = the largest of each window, NaN where there is one. Reads source, writes out."""
    lanes = context[LANES]
    out, source = ints[at], ints[at + 1]
    at += 2
    for c in range(ints[at + CHANNELS]):
        for p in range(ints[at + POSITIONS]):
            place, offsets, count = _window(ints, at, p)
            o = (out + c * ints[at + POSITIONS] + p) * lanes
            first = source + c * ints[at + UNITS] + place
            s = (first + ints[offsets]) * lanes
            for i in range(lanes):
                buf[ix(o + i)] = buf[ix(s + i)]
            for j in range(1, count):
                s = (first + ints[offsets + j]) * lanes
                for i in range(lanes):
                    x, top = buf[ix(s + i)], buf[ix(o + i)]
                    buf[ix(o + i)] = top if x <= top or top != top else x
    return OK


@op_kernel("max_pool_choice")
def max_pool_choice(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """choice = number of the first place of each window that has its largest value.

    Reads source and out, writes choice.
    """
    lanes = context[LANES]
    choice, source, out = ints[at], ints[at + 1], ints[at + 2]
    at += 3
    for c in range(ints[at + CHANNELS]):
        for p in range(ints[at + POSITIONS]):
            place, offsets, count = _window(ints, at, p)
            row = c * ints[at + POSITIONS] + p
            o, chosen = (out + row) * lanes, (choice + row) * lanes
            first = source + c * ints[at + UNITS] + place
            last = buf.dtype.type(count - 1)
            for i in range(lanes):
                buf[ix(chosen + i)] = last
            for j in range(count - 2, -1, -1):
                s = (first + ints[offsets + j]) * lanes
                number = buf.dtype.type(j)
                for i in range(lanes):
                    x, top, known = buf[ix(s + i)], buf[ix(o + i)], buf[ix(chosen + i)]
                    buf[ix(chosen + i)] = known if x < top or (top != top and x == x) else number
    return OK


@op_kernel("max_pool_vjp")
def max_pool_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target[chosen] += gradient. Reads gradient and choice, writes or adds to target."""
    lanes = context[LANES]
    target, gradient, choice, accumulate = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    at += 4
    zero = buf.dtype.type(0)
    if accumulate == 0:
        for i in range(target * lanes, (target + ints[at + CHANNELS] * ints[at + UNITS]) * lanes):
            buf[ix(i)] = zero
    for c in range(ints[at + CHANNELS]):
        for p in range(ints[at + POSITIONS]):
            place, offsets, count = _window(ints, at, p)
            row = c * ints[at + POSITIONS] + p
            g, chosen = (gradient + row) * lanes, (choice + row) * lanes
            first = target + c * ints[at + UNITS] + place
            for j in range(count):
                t = (first + ints[offsets + j]) * lanes
                number = buf.dtype.type(j)
                for i in range(lanes):
                    x, known = buf[ix(g + i)], buf[ix(chosen + i)]
                    buf[ix(t + i)] += x if known == number else zero
    return OK


@op_kernel("average_pool")
def average_pool(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = scale * the sum of each window, or (``back``) window += scale * out.

    Reads one of out and window, writes or adds to the other.
    """
    lanes = context[LANES]
    out, window, back, accumulate, scale = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], shared[ints[at + 4]]
    at += 5
    written = window if back == 1 else out
    units = ints[at + CHANNELS] * (ints[at + UNITS] if back == 1 else ints[at + POSITIONS])
    if accumulate == 0:
        for i in range(written * lanes, (written + units) * lanes):
            buf[ix(i)] = 0.0
    for c in range(ints[at + CHANNELS]):
        for p in range(ints[at + POSITIONS]):
            place, offsets, count = _window(ints, at, p)
            o = (out + c * ints[at + POSITIONS] + p) * lanes
            first = window + c * ints[at + UNITS] + place
            for j in range(count):
                w = (first + ints[offsets + j]) * lanes
                if back == 1:
                    for i in range(lanes):
                        buf[ix(w + i)] += scale * buf[ix(o + i)]
                else:
                    for i in range(lanes):
                        buf[ix(o + i)] += scale * buf[ix(w + i)]
    return OK


@dataclass(frozen=True)
class _AbstractPooling(AbstractOperator):
    """Over windows of ``size`` places, every ``stride`` places, of x of shape (channels, \\*axes)."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("size", "stride", "padding"):
            object.__setattr__(self, name, tuple(int(n) for n in getattr(self, name)))
        if min(self.size) < 1 or min(self.stride) < 1:
            raise ShapeError(f"{self.label}: size {self.size} and stride {self.stride} must be 1 or more")
        if any(not 0 <= 2 * p <= n for p, n in zip(self.padding, self.size, strict=True)):
            raise ShapeError(f"{self.label}: padding {self.padding} must be from 0 to half of size {self.size}")

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1 or len(shapes[0]) != len(self.size) + 1:
            text = " and ".join(map(str, shapes))
            raise ShapeError(f"{self.label} takes x of {len(self.size) + 1} axes (channels first), got {text}")
        spaces = zip(shapes[0][1:], self.size, self.stride, self.padding, strict=True)
        out = tuple((n + 2 * p - k) // s + 1 for n, k, s, p in spaces)
        if min(out) < 1:
            raise ShapeError(
                f"{self.label} of {shapes[0]}: windows of {self.size} reach over the whole of x and beyond"
            )
        return (shapes[0][0], *out)

    def connections(self, k: int, *shapes: Shape) -> int:
        windows = self._windows(shapes[0], self.shape(*shapes))
        return shapes[0][0] * sum(len(windows.classes[c]) for c in windows.class_of)

    def _members(self, space: Shape) -> np.ndarray:
        """The units of one channel in each window, of shape (positions, places of a window); -1 for padding."""
        padded = np.pad(unit_indices(space), [(p, p) for p in self.padding], constant_values=-1)
        every = tuple(slice(None, None, s) for s in self.stride)
        return sliding_window_view(padded, self.size)[every].reshape(-1, size(self.size))

    def _windows(self, x: Shape, out: Shape) -> Windows:
        one = (1,) * len(self.size)
        return sliding_windows(x[1:], out[1:], self.size, self.stride, self.padding, one, forward=True)

    def _arguments(self, low: AbstractLowering, at: Placed) -> list[int]:
        x = at.shapes[0]
        windows = self._windows(x, at.shape)
        entries = []
        for taps in windows.classes:
            entries += [low.table(np.array([place for _, place in taps])), len(taps)]
        return [
            x[0],
            size(at.shape[1:]),
            size(x[1:]),
            low.table(np.array(windows.base)),
            low.table(np.array(windows.class_of)),
            low.table(np.array(entries)),
        ]


@dataclass(frozen=True)
class MaxPool(_AbstractPooling):
    """The largest value in each window."""

    kind: ClassVar[str] = "max_pool"

    def _candidates(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (batch, channels, positions, places of a window) and the units that they are of.

        In the padding stands the first unit of the window once more, which changes neither the largest nor the first.
        """
        members = self._members(x.shape[2:])
        first = members[np.arange(len(members)), (members >= 0).argmax(axis=1)]
        units = np.where(members < 0, first[:, None], members)
        return x.reshape(*x.shape[:2], -1)[..., units], units

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        values, _ = self._candidates(operands[0])
        return values.max(axis=-1).reshape(len(values), *self.shape(operands[0].shape[1:]))

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        values, units = self._candidates(operands[0])
        chosen = units[np.arange(len(units)), values.argmax(axis=-1)]
        result = np.zeros((*chosen.shape[:2], size(operands[0].shape[2:])), dtype=gradient.dtype)
        samples, channels = np.ogrid[: chosen.shape[0], : chosen.shape[1]]
        np.add.at(result, (samples[..., None], channels[..., None], chosen), gradient.reshape(chosen.shape))
        return result.reshape(operands[0].shape)

    def linear_in(self, k: int) -> bool:
        return False

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        members = self._members(shapes[0][1:])
        first = members[np.arange(len(members)), (members >= 0).argmax(axis=1)]
        members = np.where(members < 0, first[:, None], members)
        offsets = size(shapes[0][1:]) * np.arange(shapes[0][0])[:, None]
        largest, *others = (make.gather(operands[0], offsets + column) for column in members.T)
        for other in others:
            largest = make.function(("maximum", "x", "y"), {"x": largest, "y": other}, FIRST_OF_EQUALS)
        return largest

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        low.emit("max_pool", at.out.row, at.operands[0].row, *self._arguments(low, at))

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> Slot:
        choice = low.temporary(at.out.units, at.out.laned)
        low.emit("max_pool_choice", choice.row, at.operands[0].row, at.out.row, *self._arguments(low, at))
        return choice

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        rows = pull.target.row, pull.gradient.row, at.linearised.row, int(pull.accumulate)
        low.emit("max_pool_vjp", *rows, *self._arguments(low, at))


@dataclass(frozen=True)
class AveragePool(_AbstractPooling):
    """The mean of each window, with zeros in the padding."""

    kind: ClassVar[str] = "avg_pool"

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        x = operands[0]
        flat = x.reshape(*x.shape[:2], -1)
        # A unit more, which the padding's number -1 stands for.
        padded = np.concatenate([flat, np.zeros_like(flat[..., :1])], axis=-1)
        total = padded[..., self._members(x.shape[2:])].sum(axis=-1)
        return (total / x.dtype.type(size(self.size))).reshape(len(x), *self.shape(x.shape[1:]))

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        x = operands[0]
        members = self._members(x.shape[2:])
        share = gradient.reshape(*gradient.shape[:2], -1, 1) / gradient.dtype.type(size(self.size))
        padded = np.zeros((*gradient.shape[:2], size(x.shape[2:]) + 1), dtype=gradient.dtype)
        where: Any = (slice(None), slice(None), members)
        np.add.at(padded, where, share)
        return padded[..., :-1].reshape(len(gradient), *x.shape[1:])

    def linear_in(self, k: int) -> bool:
        return True

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        members = self._members(shapes[0][1:])
        position, place = np.nonzero(members >= 0)
        channel = np.arange(shapes[0][0])[:, None]
        pre = channel * size(shapes[0][1:]) + members[position, place]
        post = channel * len(members) + position
        return make.synapses(size(shape), operands[0], pre.ravel(), post.ravel(), 1 / size(self.size))

    def _lower(self, low: AbstractLowering, at: Placed, out: Slot, window: Slot, back: bool, accumulate: bool) -> None:
        scale = low.constant(1 / size(self.size))
        low.emit("average_pool", out.row, window.row, int(back), int(accumulate), scale, *self._arguments(low, at))

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        self._lower(low, at, at.out, at.operands[0], False, False)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        self._lower(low, at, pull.gradient, pull.target, True, pull.accumulate)


def _pool(operator: type[_AbstractPooling], x: Any, over: Any, stride: Any, padding: Any) -> Any:
    sizes = several("size", over, 2)
    strides = sizes if stride is None else several("stride", stride, 2)
    return apply(operator(sizes, strides, several("padding", padding, 2)), x)


@public
def max_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """The largest value in each window of x, of shape (channels, height, width).

    Parameters
    ----------
    x
        A traced or plain array of one sample.
    size, stride, padding
        Of the windows, from one to the next (by default ``size``), and around x (at most half of ``size``; it never is
        the largest): whole numbers, or pairs of them for height and width.

    Returns
    -------
    (channels, floor((height + 2 padding - size) / stride) + 1, the same of the width), traced or plain as x is. The
    gradient goes to the largest value of a window, to the first of them where several are.

    Raises
    ------
    ShapeError
        For a shape, size, stride or padding that does not fit.
    """
    return _pool(MaxPool, x, size, stride, padding)


@public
def avg_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """The mean of each window of x, of shape (channels, height, width), where the padding counts as zeros.

    Arguments, result and errors are those of ``max_pool2d``.
    """
    return _pool(AveragePool, x, size, stride, padding)
