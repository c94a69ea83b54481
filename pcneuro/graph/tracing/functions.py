"""NumPy's functions on traced arrays, but for its products: moving units, sums over axes, masks, padding, clipping."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.array import HANDLERS, Recorder, TracedArray, at_line, handles, recorder_of, refuse
from pcneuro.ops.base import size, unit_indices
from pcneuro.ops.reduce import Prod, Sum


def _numbered(recorder: Recorder, tree: Any, operands: list[TracedArray]) -> Any:
    """Arrays of unit numbers in place of a tree's arrays, those of each operand after those of the ones before."""
    if isinstance(tree, list | tuple):
        return type(tree)(_numbered(recorder, part, operands) for part in tree)
    first = sum(a.size for a in operands)
    operands.append(recorder.lift(tree))
    return unit_indices(operands[-1].shape) + first


def _structural(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a function that only moves units on arrays of unit numbers, and gather what it makes of them."""
    name = function.__name__
    if not args:
        array = next(k for k, v in kwargs.items() if any(isinstance(a, TracedArray) for a in rules.flattened(v)))
        args = (kwargs.pop(array),)
    first, *rest = args
    if any(isinstance(a, TracedArray) for a in rules.flattened((rest, kwargs))):
        raise refuse(f"np.{name} with a traced argument behind the first", "pass constants there")
    recorder = recorder_of(first)
    operands: list[TracedArray] = []
    numbers = _numbered(recorder, first, operands)
    try:
        result = function(numbers, *rest, **kwargs)
    except (ValueError, IndexError) as error:
        shapes = " and ".join(str(a.shape) for a in operands)
        raise ShapeError(f"np.{name} of shape {shapes}: {error}{at_line()}") from None
    if isinstance(result, list | tuple):
        return type(result)(recorder.gather(name, np.asarray(part), operands) for part in result)
    return recorder.gather(name, np.asarray(result), operands)


for _function in (getattr(np, _name) for _name in rules.STRUCTURAL):
    HANDLERS[_function] = functools.partial(_structural, _function)


@handles(np.append)
def _append(arr: Any, values: Any, axis: Any = None) -> Any:
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis=axis)


def _at_least(function: Callable[..., Any], *arys: Any) -> Any:
    parts = tuple(_structural(function, a) if isinstance(a, TracedArray) else function(a) for a in arys)
    return parts[0] if len(parts) == 1 else parts


for _function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    HANDLERS[_function] = functools.partial(_at_least, _function)


@handles(np.broadcast_arrays)
def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    shapes = [np.shape(a) for a in args]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        text = " and ".join(map(str, shapes))
        raise ShapeError(f"np.broadcast_arrays: shapes {text} do not broadcast{at_line()}") from None
    return tuple(np.broadcast_to(a, shape) for a in args)


def _axes(name: str, x: TracedArray, axis: Any) -> tuple[int, ...]:
    """The axes that are meant, from the first to the last."""
    every = range(x.ndim) if axis is None else axis if isinstance(axis, list | tuple) else [axis]
    try:
        axes = tuple(sorted(np.lib.array_utils.normalize_axis_index(int(a), x.ndim) for a in every))
        if len(set(axes)) < len(axes):
            raise ValueError("an axis is named twice")
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{name} over axis {axis} of an array of shape {x.shape}: {error}{at_line()}") from None
    return axes


def _only_axes(name: str, dtype: Any, **others: Any) -> None:
    given = [k for k, v in others.items() if v is not None and v is not np._NoValue]
    if dtype is not None and np.dtype(dtype).kind != "f":
        given.append("dtype")
    if given:
        raise refuse(f"{name} with {', '.join(given)}=", "reduce over axis= and keepdims= only")


@handles(np.sum)
def _sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> TracedArray:
    _only_axes("np.sum", dtype, out=out, initial=initial, where=where)
    return a.apply(Sum(_axes("np.sum", a, axis), _true(keepdims)), a)


@handles(np.mean)
def _mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = np._NoValue
) -> TracedArray:
    _only_axes("np.mean", dtype, out=out, where=where)
    axes = _axes("np.mean", a, axis)
    return a.apply(Sum(axes, _true(keepdims), 1.0 / size(tuple(a.shape[i] for i in axes))), a)


@handles(np.prod)
def _prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> TracedArray:
    _only_axes("np.prod", dtype, out=out, initial=initial, where=where)
    return a.apply(Prod(_axes("np.prod", a, axis), _true(keepdims)), a)


def _true(keepdims: Any) -> bool:
    return keepdims is not np._NoValue and bool(keepdims)


@handles(np.where)
def _where(condition: Any, *choices: Any) -> TracedArray:
    if isinstance(condition, TracedArray) or len(choices) != 2:
        raise refuse(
            "np.where on a mask that depends on the data",
            "use a constant mask, np.maximum, or a smooth gate such as pcn.ops.sigmoid",
        )
    operands: list[TracedArray] = []
    recorder = recorder_of(choices)
    numbers = _numbered(recorder, choices, operands)
    mask = np.asarray(condition, dtype=bool)
    try:
        return recorder.gather("where", np.where(mask, numbers[0], numbers[1]), operands)
    except ValueError:
        shapes = f"{operands[0].shape} and {operands[1].shape} with a mask of shape {mask.shape}"
        raise ShapeError(f"np.where: shapes {shapes} do not broadcast{at_line()}") from None


@handles(np.clip)
def _clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None
) -> TracedArray:
    if out is not None:
        raise refuse("np.clip with out=", "call np.clip(x, low, high)")
    low, high = (None if bound is np._NoValue else bound for bound in (a_min, a_max))
    low, high = (min if low is None else low), (max if high is None else high)
    if low is not None and low is not np._NoValue:
        a = np.maximum(a, low)
    return a if high is None or high is np._NoValue else np.minimum(a, high)


@handles(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> TracedArray:
    if mode == "constant":
        value = np.asarray(kwargs.pop("constant_values", 0.0))
        if value.ndim or kwargs:
            raise refuse("np.pad with several constants", "pad with one number")
        numbers = np.pad(unit_indices(array.shape), pad_width, constant_values=array.size)
        return array.recorder.gather("pad", numbers, [array, float(value)])
    if mode not in rules.PADDINGS or kwargs:
        raise refuse(
            f"np.pad with mode={mode!r}{''.join(f', {k}=' for k in kwargs)}",
            f"pad with mode constant, {', '.join(sorted(rules.PADDINGS))}",
        )
    return array.recorder.gather("pad", np.pad(unit_indices(array.shape), pad_width, mode=mode), [array])


@handles(np.shape)
def _shape(a: Any) -> Any:
    return a.shape


@handles(np.ndim)
def _ndim(a: Any) -> int:
    return a.ndim


@handles(np.size)
def _size(a: Any, axis: Any = None) -> int:
    return a.size if axis is None else a.shape[axis]


@handles(np.copy)
def _copy(a: Any, order: Any = "K", subok: bool = False) -> Any:
    """The array itself: nothing writes to a traced array."""
    return a


def _like(function: Callable[..., Any], a: Any, *args: Any, dtype: Any = None, shape: Any = None) -> np.ndarray:
    return function(a.shape if shape is None else shape, *args, dtype=dtype)


for _like_function, _function in ((np.zeros_like, np.zeros), (np.ones_like, np.ones), (np.full_like, np.full)):
    HANDLERS[_like_function] = functools.partial(_like, _function)
