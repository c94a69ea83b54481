"""np.pad of traced arrays: copies of units, constants, ramps and means, axis by axis as NumPy does it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError, shown, told
from pcneuro.graph.tracing.array import TracedArray, plain_constant
from pcneuro.graph.tracing.differences import along
from pcneuro.ops.base import unit_indices
from pcneuro.ops.registry import answers, at_line, refuse

Pairs = list[tuple[Any, Any]]

_COPIES = ("edge", "reflect", "symmetric", "wrap")
_STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": np.max,
    "minimum": np.min,
    "mean": np.mean,
    "median": np.median,
}
_OPTIONS = dict.fromkeys(_STATISTICS, "stat_length") | {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
}
"""What each mode may be given by name."""


def _pairs(array: TracedArray, name: str, value: Any) -> Pairs:
    """What stands before and behind each axis: one number for all, a pair for all, or a pair for each."""
    ndim = array.ndim
    given = value if isinstance(value, TracedArray) else np.asarray(value)
    try:
        spread = np.broadcast_to(given, (ndim, 2))
    except (ShapeError, ValueError):
        raise ShapeError(
            f"np.pad of shape {array.shape} with {name} of shape {given.shape}: give one number, a pair, or a pair for "
            f"each axis{at_line()}"
        ) from None
    return [(row[0], row[1]) for row in spread]


@answers(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    if not isinstance(array, TracedArray):
        raise refuse("np.pad of constants with traced values", "use np.concatenate")
    if mode not in (*_COPIES, *_OPTIONS):
        raise refuse(f"np.pad with mode={told(mode)}", f"give {', '.join(sorted({*_COPIES, *_OPTIONS}))}")
    unknown = [name for name in kwargs if name != _OPTIONS.get(mode)]
    if unknown:
        raise ShapeError(f"np.pad with mode={mode!r} and {', '.join(unknown)}=: that mode has no such{at_line()}")
    try:
        widths = [(operator.index(a), operator.index(b)) for a, b in _pairs(array, "pad_width", pad_width)]
    except (TypeError, IndexError, ValueError):
        raise ShapeError(f"np.pad with pad_width={shown(pad_width)}: give whole numbers{at_line()}") from None
    if min((w for pair in widths for w in pair), default=0) < 0:
        raise ShapeError(f"np.pad with negative widths{at_line()}")
    if not array.ndim:
        # There is nothing to pad; NumPy itself refuses a list of no widths, which has no integers.
        return array
    option = kwargs.get(_OPTIONS.get(mode, ""))
    if mode == "constant":
        values = 0.0 if option is None else option
        if array.dtype.kind != "f":
            values = (values if isinstance(values, TracedArray) else np.asarray(values)).astype(array.dtype)
        return _constant(array, widths, values)
    if mode == "linear_ramp":
        return _each_axis(array, widths, _ramp, _pairs(array, "end_values", 0 if option is None else option))
    if mode in _STATISTICS:
        lengths = [(None, None)] * array.ndim if option is None else _pairs(array, "stat_length", option)

        def statistic(x: Any, axis: int, width: int, length: Any, original: int, end: bool) -> Any:
            return _statistic(_STATISTICS[mode], x, axis, width, length, end)

        return _each_axis(array, widths, statistic, lengths)
    if option == "odd":
        return _odd(array, widths, mode)
    try:
        numbers = np.pad(unit_indices(array.shape), widths, mode=mode)
    except ValueError as error:
        raise ShapeError(f"np.pad of shape {array.shape}: {error}{at_line()}") from None
    return array.recorder.gather("pad", numbers, [array])


def _constant(array: TracedArray, widths: list[tuple[int, int]], values: Any) -> Any:
    if np.ndim(values) == 0:
        numbers = np.pad(unit_indices(array.shape), widths, constant_values=array.size)
        value = values if isinstance(values, TracedArray) else plain_constant("the constant of np.pad", values)
        return array.recorder.gather("pad", numbers, [array, value])

    def constant(x: Any, axis: int, width: int, value: Any, original: int, end: bool) -> Any:
        return np.broadcast_to(value, (*x.shape[:axis], width, *x.shape[axis + 1 :]))

    return _each_axis(array, widths, constant, _pairs(array, "constant_values", values))


def _each_axis(x: Any, widths: list[tuple[int, int]], make: Callable[..., Any], options: Pairs) -> Any:
    """Axis by axis, what ``make`` says stands before and behind what is there by then."""
    for axis, ((before, behind), (first, second)) in enumerate(zip(widths, options, strict=True)):
        n = x.shape[axis]
        parts = [make(x, axis, before, first, n, False)] if before else []
        parts.append(x)
        if behind:
            parts.append(make(x, axis, behind, second, n, True))
        x = np.concatenate(parts, axis=axis) if len(parts) > 1 else x
    return x


def _ramp(x: Any, axis: int, width: int, value: Any, original: int, end: bool) -> Any:
    """From the edge to a value at the far end, in equal steps; of whole numbers what NumPy rounds down."""
    edge = x[along(axis, slice(-1, None) if end else slice(0, 1))]
    steps = np.arange(width)
    steps = np.reshape(steps[::-1] if end else steps, [-1 if i == axis else 1 for i in range(x.ndim)])
    ramp = value + steps * ((edge - value) / width)
    return (np.floor(ramp) if x.dtype.kind in "iu" else ramp).astype(x.dtype)


def _statistic(function: Callable[..., Any], x: Any, axis: int, width: int, length: Any, end: bool) -> Any:
    """A statistic of the ``length`` units at that end, or of all."""
    n = x.shape[axis]
    length = n if length is None else min(operator.index(length), n)
    if length < 1:
        raise ShapeError(f"np.pad with stat_length={length}: give one at least{at_line()}")
    chunk = x[along(axis, slice(n - length, None) if end else slice(0, length))]
    value = function(chunk, axis=axis, keepdims=True)
    # Of whole numbers it is rounded, and of truth values it is whether there is any.
    value = (np.rint(value) if x.dtype.kind in "iu" else value).astype(x.dtype)
    return np.broadcast_to(value, (*x.shape[:axis], width, *x.shape[axis + 1 :]))


def _odd(x: Any, widths: list[tuple[int, int]], mode: str) -> Any:
    """Reflected at both ends in space and in value: twice the edge minus what stands there."""
    for axis, (before, behind) in enumerate(widths):
        skip = 1 if mode == "reflect" else 0
        while before or behind:
            n = x.shape[axis]
            if n == skip:
                # One unit: its reflection is itself.
                x = np.repeat(x, [1 + before + behind], axis=axis)
                break
            first, last = x[along(axis, slice(0, 1))], x[along(axis, slice(n - 1, n))]
            left, right = min(before, n - skip), min(behind, n - skip)
            parts = []
            if left:
                parts.append(2.0 * first - x[along(axis, slice(skip, skip + left))][along(axis, slice(None, None, -1))])
            parts.append(x)
            if right:
                inner = x[along(axis, slice(n - skip - right, n - skip))][along(axis, slice(None, None, -1))]
                parts.append(2.0 * last - inner)
            x = np.concatenate(parts, axis=axis)
            before, behind = before - left, behind - right
    return x
