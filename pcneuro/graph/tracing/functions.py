"""NumPy's functions that move units of traced arrays, mask, pad and clip them, or tell their shape."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.array import Recorder, TracedArray, recorder_of
from pcneuro.graph.tracing.layout import axes_of
from pcneuro.ops.base import unit_indices
from pcneuro.ops.registry import HANDLERS, answers, at_line, refuse


def _numbered(recorder: Recorder, tree: Any, operands: list[TracedArray]) -> Any:
    """Arrays of unit numbers in place of a tree's arrays, those of each operand after those of the ones before."""
    if isinstance(tree, list | tuple):
        # np.block tells lists from tuples; other classes of them, such as named ones, are made in other ways.
        kind = list if isinstance(tree, list) else tuple
        return kind(_numbered(recorder, part, operands) for part in tree)
    first = sum(a.size for a in operands)
    operands.append(recorder.lift(tree))
    return _numbers(operands[-1]) + first


def _numbers(array: TracedArray) -> np.ndarray:
    """The number of every unit, in memory as a copy of the array is in NumPy."""
    if array.in_c_order:
        return unit_indices(array.shape)
    numbers = np.empty_like(array.memory).view(np.ndarray)
    numbers[...] = unit_indices(array.shape)
    return numbers


_CONCATENATE = np.concatenate
"""NumPy's own, also while a function is traced."""
_JOINED = ("axis", "out")
"""What follows the arrays of np.concatenate, whose signature cannot be read."""


_signature = functools.cache(inspect.signature)


def _options(
    function: Callable[..., Any], first: Any, rest: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments behind the first by name. Raises TraceError where the function has no such arguments."""
    if function is _CONCATENATE:
        return dict(zip(_JOINED, rest, strict=False)) | dict(kwargs)
    try:
        return dict(_signature(function).bind(first, *rest, **kwargs).arguments)
    except TypeError as error:
        raise TypeError(f"np.{function.__name__}: {error}{at_line()}") from None


def structural(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a function that only moves units on arrays of unit numbers, and gather what it makes of them."""
    name = function.__name__
    if not args:
        array = next(k for k, v in kwargs.items() if any(isinstance(a, TracedArray) for a in rules.flattened(v)))
        args = (kwargs.pop(array),)
    first, *rest = args
    options = _options(function, first, rest, kwargs)
    if options.get("out") is not None:
        raise refuse(f"np.{name} with out=", f"use what np.{name} returns")
    if options.get("dtype") is not None and np.dtype(options["dtype"]) != np.float64:
        raise refuse(f"np.{name} with dtype={options['dtype']!r}", "leave it out: a traced array is of float64")
    if any(isinstance(a, TracedArray) for a in rules.flattened((rest, kwargs))):
        raise refuse(f"np.{name} with a traced argument behind the first", "pass constants there")
    if isinstance(first, TracedArray):
        return moved(name, first, lambda numbers: function(numbers, *rest, **kwargs))
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


def moved(name: str, array: TracedArray, function: Callable[[np.ndarray], Any]) -> Any:
    """What a function that moves units makes of an array: views where NumPy has views, and copies where it copies."""
    memory = array.memory
    try:
        results = strided = function(memory)
        if not (array.in_c_order and array.is_owner):
            # Units of the owner, which are read as units of the array itself.
            places = np.empty(int(memory.max(initial=-1)) + 1, dtype=np.int64).view(np.ndarray)
            places[memory] = unit_indices(array.shape)
            results = _each(results, lambda part: places[part])
    except (ValueError, IndexError) as error:
        raise ShapeError(f"np.{name} of shape {array.shape}: {error}{at_line()}") from None
    recorder, parts = array.recorder, []
    for indices, units in zip(_listed(results), _listed(strided), strict=True):
        result = recorder.gather(name, np.asarray(indices), [array])
        if np.may_share_memory(units, memory):
            result.sharing(array, units)
        else:
            result.axes = axes_of(np.asarray(units))
        parts.append(result)
    return type(strided)(parts) if isinstance(strided, list | tuple) else parts[0]


def _listed(result: Any) -> Sequence[Any]:
    return result if isinstance(result, list | tuple) else (result,)


def _each(result: Any, function: Callable[[Any], Any]) -> Any:
    return [function(part) for part in result] if isinstance(result, list | tuple) else function(result)


for _function in (getattr(np, _name) for _name in rules.STRUCTURAL):
    HANDLERS[_function] = functools.partial(structural, _function)


@answers(np.append)
def _append(arr: Any, values: Any, axis: Any = None) -> Any:
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis=axis)


def _at_least(function: Callable[..., Any], *arys: Any) -> Any:
    parts = tuple(structural(function, a) if isinstance(a, TracedArray) else function(a) for a in arys)
    return parts[0] if len(parts) == 1 else parts


for _function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    HANDLERS[_function] = functools.partial(_at_least, _function)


@answers(np.broadcast_arrays)
def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    shapes = [np.shape(a) for a in args]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        text = " and ".join(map(str, shapes))
        raise ShapeError(f"np.broadcast_arrays: shapes {text} do not broadcast{at_line()}") from None
    return tuple(np.broadcast_to(a, shape) for a in args)


@answers(np.clip)
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


@answers(np.result_type)
def _result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*(a.dtype if isinstance(a, TracedArray) else a for a in arrays_and_dtypes))


@answers(np.can_cast)
def _can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(from_.dtype if isinstance(from_, TracedArray) else from_, to, casting)


@answers(np.iscomplexobj)
def _iscomplexobj(x: Any) -> bool:
    return bool(np.issubdtype(x.dtype, np.complexfloating))


@answers(np.isrealobj)
def _isrealobj(x: Any) -> bool:
    return not np.iscomplexobj(x)


@answers(np.shape)
def _shape(a: Any) -> Any:
    return a.shape


@answers(np.ndim)
def _ndim(a: Any) -> int:
    return a.ndim


@answers(np.size)
def _size(a: Any, axis: Any = None) -> int:
    return a.size if axis is None else a.shape[axis]


@answers(np.copy)
def _copy(a: Any, order: Any = "K", subok: bool = False) -> Any:
    return a.alike(order)


def _like(
    function: Callable[..., Any],
    a: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> np.ndarray:
    return function(a.memory, dtype=a.dtype if dtype is None else dtype, order=order, shape=shape)


# What is in an empty array is not for reading, but the graph would keep it.
for _like_function in (np.zeros_like, np.ones_like, np.empty_like):
    _function = np.zeros_like if _like_function is np.empty_like else _like_function
    HANDLERS[_like_function] = functools.partial(_like, _function)


@answers(np.full_like)
def _full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    shape = a.shape if shape is None else shape
    if isinstance(fill_value, TracedArray):
        return np.broadcast_to(fill_value.astype(a.dtype if dtype is None else dtype), shape)
    return np.full(shape, fill_value, dtype=a.dtype if dtype is None else dtype)
