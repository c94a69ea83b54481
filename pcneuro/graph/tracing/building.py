"""NumPy's functions that make matrices, grids and sequences of traced arrays, or loop over an axis of one."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.lib.stride_tricks import sliding_window_view

from pcneuro.errors import ShapeError, shown
from pcneuro.graph.tracing.array import TracedArray, plain_constant, recorder_of
from pcneuro.graph.tracing.differences import one_axis
from pcneuro.graph.tracing.functions import moved, structural
from pcneuro.ops.base import unit_indices
from pcneuro.ops.registry import HANDLERS, answers, at_line, refuse

for _function in (np.resize, sliding_window_view):
    HANDLERS[_function] = functools.partial(structural, _function)


def _filled(function: Callable[..., Any], x: Any, *args: Any) -> Any:
    """What a function makes that moves units and puts zeros around them: unit numbers from 1, with 0 for a zero."""
    name = function.__name__
    try:
        numbers = function(unit_indices(x.shape) + 1, *args)
    except (ValueError, TypeError) as error:
        raise ShapeError(f"np.{name} of shape {x.shape}: {error}{at_line()}") from None
    return x.recorder.gather(name, np.asarray(numbers), [np.zeros((), x.dtype), x])


@answers(np.diag)
def _diag(v: Any, k: Any = 0) -> Any:
    return np.diagonal(v, k) if np.ndim(v) == 2 else _filled(np.diag, v, k)


@answers(np.diagflat)
def _diagflat(v: Any, k: Any = 0) -> Any:
    if not isinstance(v, TracedArray):
        v = np.stack(v)
    return _filled(np.diagflat, v, k)


@answers(np.tril)
def _tril(m: Any, k: Any = 0) -> Any:
    return _filled(np.tril, m, k)


@answers(np.triu)
def _triu(m: Any, k: Any = 0) -> Any:
    return _filled(np.triu, m, k)


@answers(np.trace)
def _trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None) -> Any:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


@answers(np.linalg.trace)
def _matrix_trace(x: Any, /, *, offset: Any = 0, dtype: Any = None) -> Any:
    return np.trace(x, offset, -2, -1, dtype)


@answers(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    recorder = recorder_of(arr, values)
    operands = [recorder.lift(arr), recorder.lift(np.stack(values) if _holds_traced(values) else values)]
    operands[1] = operands[1].astype(operands[0].dtype)
    numbers = [unit_indices(operands[0].shape), unit_indices(operands[1].shape) + operands[0].size]
    try:
        inserted = np.insert(numbers[0], obj, numbers[1], axis)
    except (ValueError, IndexError) as error:
        shapes = f"{operands[1].shape} into shape {operands[0].shape}"
        raise ShapeError(f"np.insert of shape {shapes}: {error}{at_line()}") from None
    return recorder.gather("insert", inserted, operands)


def _holds_traced(value: Any) -> bool:
    return isinstance(value, list | tuple) and not isinstance(value, TracedArray)


@answers(np.meshgrid)
def _meshgrid(*xi: Any, copy: Any = True, sparse: Any = False, indexing: Any = "xy") -> Any:
    recorder = recorder_of(xi)
    traced = [recorder.lift(x) for x in xi]
    units = [unit_indices(x.shape) for x in traced]

    def grid_of(k: int) -> Callable[[np.ndarray], Any]:
        def grid(numbers: np.ndarray) -> Any:
            others = (*units[:k], numbers, *units[k + 1 :])
            return np.meshgrid(*others, copy=copy, sparse=sparse, indexing=indexing)[k]

        return grid

    return tuple(moved("meshgrid", x, grid_of(k)) for k, x in enumerate(traced))


# Sequences


@answers(np.linspace)
def _linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: Any = True,
    retstep: Any = False,
    dtype: Any = None,
    axis: Any = 0,
    *,
    device: Any = None,
) -> Any:
    if dtype is not None and np.dtype(dtype) != np.float64:
        raise refuse(f"np.linspace with dtype={dtype!r}", "leave it out: a traced array is of float64")
    num = operator.index(num)
    delta = stop - start
    intervals = num - 1 if endpoint else num
    places = np.arange(num) / max(intervals, 1)
    if endpoint and num > 1:
        places[-1] = 1.0
    ndim = np.ndim(delta)
    result = start + np.reshape(places, (-1,) + (1,) * ndim) * delta
    result = np.moveaxis(result, 0, axis) if axis != 0 else result
    if not retstep:
        return result
    return result, delta / intervals if intervals else np.nan


@answers(np.logspace)
def _logspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: Any = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: Any = 0,
) -> Any:
    if np.ndim(base):
        raise refuse("np.logspace with a base for each sequence", "write base ** np.linspace(start, stop)")
    return np.power(base, np.linspace(start, stop, num, endpoint, dtype=dtype, axis=axis))


@answers(np.geomspace)
def _geomspace(start: Any, stop: Any, num: Any = 50, endpoint: Any = True, dtype: Any = None, axis: Any = 0) -> Any:
    ratio = stop / start
    return start * np.power(ratio, np.linspace(np.zeros(np.shape(ratio)), 1.0, num, endpoint, dtype=dtype, axis=axis))


# Loops


def _rows(x: Any, axis: int) -> Iterator[Any]:
    """Its arrays along an axis, for every index of the other ones."""
    last = np.moveaxis(x, axis, -1)
    return (last[index] for index in np.ndindex(last.shape[:-1]))


@answers(np.apply_along_axis)
def _apply_along_axis(func1d: Any, axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    axis = one_axis("np.apply_along_axis", axis, np.shape(arr))
    results = [func1d(row, *args, **kwargs) for row in _rows(arr, axis)]
    if not results:
        raise ShapeError(f"np.apply_along_axis over axis {axis} of an array of shape {arr.shape}{at_line()}")
    others = (*arr.shape[:axis], *arr.shape[axis + 1 :])
    first = np.shape(results[0])
    stacked = np.reshape(np.stack(results), others + first)
    # The axes of the results stand where the axis was.
    order = [*range(axis), *range(len(others), stacked.ndim), *range(axis, len(others))]
    return np.transpose(stacked, order)


@answers(np.apply_over_axes)
def _apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    ndim = np.ndim(a)
    for axis in np.ravel(axes):
        axis = normalize_axis_index(int(axis), ndim)
        result = func(a, axis)
        result = np.expand_dims(result, axis) if np.ndim(result) < ndim else result
        if np.ndim(result) != ndim:
            raise ShapeError(
                f"np.apply_over_axes: the function makes shape {np.shape(result)} of shape {np.shape(a)}{at_line()}"
            )
        a = result
    return a


# Products


@answers(np.kron)
def _kron(a: Any, b: Any) -> Any:
    a, b = (x if isinstance(x, TracedArray) else plain_constant("an argument of np.kron", x) for x in (a, b))
    ndim = max(a.ndim, b.ndim)
    left, right = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    one = np.reshape(a, [n for m in left for n in (m, 1)])
    other = np.reshape(b, [n for m in right for n in (1, m)])
    return np.reshape(one * other, [m * n for m, n in zip(left, right, strict=True)])


_SPACE = 3
"""Components of a vector in space, which has a cross product; one in the plane has two."""


@answers(np.cross)
def _cross(a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    vectors = []
    for given, at in ((a, axisa), (b, axisb)):
        x: Any = given if isinstance(given, TracedArray) else plain_constant("an argument of np.cross", given)
        x = np.moveaxis(x, one_axis("np.cross", at, x.shape), -1)
        if x.shape[-1] not in (_SPACE - 1, _SPACE):
            raise ShapeError(f"np.cross of vectors of {x.shape[-1]} components: they have 2 or 3{at_line()}")
        vectors.append([x[..., i] for i in range(x.shape[-1])])
    (a0, a1, *a2), (b0, b1, *b2) = vectors
    third = a0 * b1 - a1 * b0
    if not a2 and not b2:
        return third
    first: Any = 0.0
    second: Any = 0.0
    if b2:
        first, second = a1 * b2[0], -(a0 * b2[0])
    if a2:
        first, second = first - a2[0] * b1, second + a2[0] * b0
    return np.moveaxis(np.stack([first, second, third], axis=-1), -1, axisc)


@answers(np.linalg.cross)
def _cross_in_space(x1: Any, x2: Any, /, *, axis: Any = -1) -> Any:
    for x in (x1, x2):
        if np.shape(x)[one_axis("np.linalg.cross", axis, np.shape(x))] != _SPACE:
            raise ShapeError(f"np.linalg.cross of shape {shown(np.shape(x))}: vectors have 3 components{at_line()}")
    return np.cross(x1, x2, axis=axis)


@answers(np.vecdot, np.linalg.vecdot)
def _vecdot(x1: Any, x2: Any, /, *, axis: Any = -1) -> Any:
    recorder = recorder_of(x1, x2)
    lifted: list[Any] = [recorder.lift(x) for x in (x1, x2)]
    moved = [np.moveaxis(x, one_axis("np.vecdot", axis, x.shape), -1) for x in lifted]
    return np.einsum("...i,...i->...", *moved)


@answers(np.matvec)
def _matvec(x1: Any, x2: Any, /) -> Any:
    return np.einsum("...ij,...j->...i", x1, x2)


@answers(np.vecmat)
def _vecmat(x1: Any, x2: Any, /) -> Any:
    return np.einsum("...i,...ij->...j", x1, x2)


@answers(np.linalg.outer)
def _outer(x1: Any, x2: Any, /) -> Any:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ShapeError(f"np.linalg.outer of shapes {np.shape(x1)} and {np.shape(x2)}: give one axis each{at_line()}")
    return np.outer(x1, x2)
