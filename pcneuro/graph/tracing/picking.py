"""Indexing by traced arrays of whole numbers, as NumPy has it: ``a[i]``, ``np.take`` and ``np.take_along_axis``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing.selecting import KEEP_THE_SHAPE
from pcneuro.graph.tracing.writing import current
from pcneuro.ops.base import AbstractTraced, Shape, apply, unit_indices
from pcneuro.ops.pick import Pick
from pcneuro.ops.reductions import axes_at, of_dtype, refuse_others
from pcneuro.ops.registry import answers, at_line, refuse, stands_in


def _check_index(index: Any) -> None:
    """Raise the refusal of what is no array of whole numbers."""
    if index.dtype.kind == "b":
        raise refuse(
            "indexing by a mask that depends on the data, as would the shape of the result,",
            KEEP_THE_SHAPE,
        )
    if index.dtype.kind not in "iu":
        raise refuse(
            f"indexing by a traced array of {index.dtype}",
            "index by whole numbers, as np.argmax, np.argsort, np.searchsorted and np.digitize make them",
        )


def _axes_of_parts(key: tuple[Any, ...], ndim: int) -> list[int]:
    """The first axis that each part of a key is about."""
    taken = [
        0 if part is None or part is ... else np.ndim(part) if getattr(part, "dtype", np.dtype(int)).kind == "b" else 1
        for part in key
    ]
    axes, axis = [], 0
    for part, count in zip(key, taken, strict=True):
        axes.append(axis)
        axis += ndim - sum(taken) if part is ... else count
    return axes


def _at(numbers: np.ndarray, key: tuple[Any, ...], shape: Shape) -> np.ndarray:
    try:
        return np.asarray(numbers[key])
    except (IndexError, ValueError) as error:
        raise ShapeError(f"an index into shape {shape}: {error}{at_line()}") from None


def picked(a: Any, key: Any) -> Any:
    """``a[key]`` for a key with traced parts. Raises the refusal of parts that are no whole numbers.

    The places of the result's units follow from those of arrays of numbers that are indexed by the same key: there an
    index has its own units' numbers in place of the values that nobody knows, along an axis of as many units.
    """
    parts = key if isinstance(key, tuple) else (key,)
    parts = tuple(np.array(part) if isinstance(part, list) else part for part in parts)
    traced = [k for k, part in enumerate(parts) if isinstance(part, AbstractTraced)]
    for k in traced:
        _check_index(parts[k])
    axes = _axes_of_parts(parts, a.ndim)
    if any(axes[k] >= a.ndim for k in traced):
        raise ShapeError(f"too many indices for an array of shape {a.shape}{at_line()}")
    numbered = {k: unit_indices(np.shape(parts[k])) for k in traced}
    key = tuple(numbered.get(k, part) for k, part in enumerate(parts))
    wide = tuple(next((numbered[k].size for k in traced if axes[k] == i), n) for i, n in enumerate(a.shape))
    units = unit_indices(a.shape)
    strides = [units.strides[axes[k]] // units.itemsize for k in traced]
    first = units[tuple(slice(0, 1) if any(axes[k] == i for k in traced) else slice(None) for i in range(a.ndim))]
    bases = _at(np.broadcast_to(first, wide), key, a.shape)
    which = []
    for k in traced:
        along = np.arange(numbered[k].size).reshape((-1,) + (1,) * (a.ndim - axes[k] - 1))
        which.append(_at(np.broadcast_to(along, wide), key, a.shape))
    if not bases.size:
        return np.zeros(bases.shape)
    operator = Pick(bases, np.stack(which), tuple(strides), tuple(a.shape[axes[k]] for k in traced))
    return of_dtype(apply(operator, a, *(parts[k] for k in traced)), a.dtype)


def _array(a: Any) -> Any:
    return a if isinstance(a, AbstractTraced) else np.asarray(a)


@answers(np.take)
def _take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    refuse_others("np.take", out=out)
    a = _array(a)
    if axis is None:
        a, axis = np.ravel(a), 0
    along = axes_at("np.take", [axis], a.shape)[0]
    if not isinstance(indices, AbstractTraced):
        try:
            numbers = np.asarray(np.take(np.arange(a.shape[along]), indices, mode=mode))
        except (IndexError, TypeError) as error:
            raise ShapeError(f"np.take of shape {a.shape}: {error}{at_line()}") from None
        # An array without axes is no number to an index: what is taken shares nothing.
        return a[(slice(None),) * along + (numbers,)]
    return picked(a, (slice(None),) * along + (_in_range(indices, a.shape[along], mode),))


def _in_range(index: Any, length: int, mode: Any) -> Any:
    """Traced indices as they are, or by mode="wrap" and "clip" what NumPy makes of those out of range."""
    _check_index(index)
    if mode == "clip":
        return of_dtype(np.clip(index, 0, length - 1), index.dtype)
    return of_dtype(np.remainder(index, length), index.dtype) if mode == "wrap" else index


@stands_in("numpy", "take")
def _take_of_plain(original: Callable[..., Any], a: Any, indices: Any, *args: Any, **kwargs: Any) -> Any:
    """NumPy asks the array only, and not the indices, what is to be taken."""
    a, indices = current(a), current(indices)
    if isinstance(indices, AbstractTraced) and not isinstance(a, AbstractTraced):
        return _take(a, indices, *args, **kwargs)
    return original(a, indices, *args, **kwargs)


@answers(np.take_along_axis)
def _take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    arr = _array(arr)
    if axis is None:
        if np.ndim(indices) != 1:
            raise ShapeError(f"np.take_along_axis without an axis: indices of shape {np.shape(indices)}{at_line()}")
        arr, axis = np.ravel(arr), 0
    along = axes_at("np.take_along_axis", [axis], arr.shape)[0]
    if np.ndim(indices) != arr.ndim:
        raise ShapeError(
            f"np.take_along_axis of shape {arr.shape}: indices of shape {np.shape(indices)} have other axes{at_line()}"
        )
    key = tuple(
        indices if i == along else np.arange(n).reshape((-1,) + (1,) * (arr.ndim - i - 1))
        for i, n in enumerate(arr.shape)
    )
    return picked(arr, key) if isinstance(indices, AbstractTraced) else arr[key]


@answers(np.compress)
def _compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    refuse_others("np.compress", out=out)
    if isinstance(condition, AbstractTraced):
        raise refuse(
            "np.compress by a mask that depends on the data, as would the shape of the result,", KEEP_THE_SHAPE
        )
    return np.take(a, np.flatnonzero(condition), axis=axis)


@answers(np.extract)
def _extract(condition: Any, arr: Any) -> Any:
    if isinstance(condition, AbstractTraced):
        raise refuse("np.extract by a mask that depends on the data, as would the shape of the result,", KEEP_THE_SHAPE)
    return np.take(arr, np.flatnonzero(condition))


@answers(np.choose)
def _choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    refuse_others("np.choose", out=out)
    if isinstance(a, AbstractTraced):
        # Truth values choose as 0 and 1.
        index: Any = a
        a = _in_range(index + 0, len(choices), mode)
    index, *parts = np.broadcast_arrays(a, *choices)
    table = np.stack(parts)
    if isinstance(index, AbstractTraced):
        # Axes that are broadcast belong to whole numbers, too.
        index = of_dtype(index, a.dtype)
    else:
        index = np.choose(index, np.arange(len(parts)), mode=mode)
    return np.take_along_axis(table, np.expand_dims(index, 0), axis=0)[0]


@answers(np.lexsort)
def _lexsort(keys: Any, axis: Any = -1) -> Any:
    order = None
    for key in keys:
        if order is None:
            order = np.argsort(key, axis=axis)
        else:
            order = np.take_along_axis(order, np.argsort(np.take_along_axis(key, order, axis), axis=axis), axis)
    return order
