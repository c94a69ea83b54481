"""The methods of NumPy's binary ufuncs on traced arrays: ``reduce``, ``accumulate`` and ``reduceat``.

Where there is a function for the whole it is that; other ufuncs are written out over the slices along the axis.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.ops.reductions import axes_at, given, kept, real_dtype
from pcneuro.ops.registry import answers_method, at_line, refuse

_REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.fmax: np.max,
    np.minimum: np.min,
    np.fmin: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
_ACCUMULATIONS: dict[np.ufunc, Callable[..., Any]] = {np.add: np.cumsum, np.multiply: np.cumprod}
_IN_ANY_ORDER = (np.logaddexp, np.logaddexp2, np.hypot, np.logical_xor)
"""Ufuncs of slices that may be put together in pairs."""
_LOGIC = (np.logical_and, np.logical_or, np.logical_xor)


def _name(ufunc: np.ufunc, method: str) -> str:
    return f"np.{ufunc.__name__}.{method}"


def _check_binary(ufunc: np.ufunc, method: str) -> None:
    if ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature is not None:
        raise refuse(_name(ufunc, method), "only ufuncs of two arguments have it")


def _operand(ufunc: np.ufunc, array: Any) -> Any:
    """What the ufunc is of: truth values where it is logic, so that a slice alone is one, too."""
    return np.not_equal(array, 0) if ufunc in _LOGIC and array.dtype.kind != "b" else array


def _folded(ufunc: np.ufunc, parts: Sequence[Any]) -> Any:
    if ufunc not in _IN_ANY_ORDER:
        return list(itertools.accumulate(parts, ufunc))[-1]
    while len(parts) > 1:
        paired = [ufunc(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = [*paired, *parts[2 * len(paired) :]]
    return parts[0]


@answers_method("reduce")
def _reduce(
    ufunc: np.ufunc,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    _check_binary(ufunc, "reduce")
    name, masks = _name(ufunc, "reduce"), {} if where is True else {"where": where}
    begin = {"initial": initial} if given(initial) else {}
    if ufunc in _REDUCTIONS:
        whole = _REDUCTIONS[ufunc]
        of_sums = {} if dtype is None else {"dtype": dtype}
        if whole in (np.sum, np.prod):
            return whole(array, axis=axis, keepdims=keepdims, **of_sums, **begin, **masks)
        if begin and whole in (np.all, np.any):
            raise refuse(f"{name} with initial=", "join it to the result by the ufunc itself")
        return whole(array, axis=axis, keepdims=keepdims, **begin, **masks)
    real_dtype(name, dtype)
    if masks:
        raise refuse(f"{name} with where=", "reduce over the slices that are wanted")
    axes = axes_at(name, axis, array.shape)
    if len(axes) > 1 and ufunc not in _IN_ANY_ORDER:
        raise ShapeError(f"{name} over axes {axes}: its order matters, give one axis{at_line()}")
    front = np.moveaxis(array, axes, tuple(range(len(axes))))
    left = front.shape[len(axes) :]
    parts = [*([initial] if begin else []), *front.reshape((-1, *left))] if axes else [front]
    if len(parts) == 1 and ufunc in _IN_ANY_ORDER:
        # Of one slice it is the ufunc of it and what changes nothing, such as 0: hypot makes -1 to 1.
        parts = [ufunc.identity, *parts]
    if not parts:
        raise ShapeError(f"{name} over axis {axis} of shape {array.shape}: of no units there is none{at_line()}")
    result = _folded(ufunc, parts)
    if not kept(keepdims):
        return result
    return np.reshape(result, tuple(1 if i in axes else n for i, n in enumerate(array.shape)))


def _one_axis(name: str, array: Any, axis: Any) -> int:
    if not array.ndim:
        raise ShapeError(f"{name} of an array without axes{at_line()}")
    return axes_at(name, [axis], array.shape)[0]


@answers_method("accumulate")
def _accumulate(ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    _check_binary(ufunc, "accumulate")
    array = _operand(ufunc, array)
    name = _name(ufunc, "accumulate")
    along = _one_axis(name, array, axis)
    if ufunc in _ACCUMULATIONS:
        return _ACCUMULATIONS[ufunc](array, axis=along, dtype=dtype)
    real_dtype(name, dtype)
    slices = [np.take(array, i, axis=along) for i in range(array.shape[along])]
    return np.stack(list(itertools.accumulate(slices, ufunc)), axis=along)


@answers_method("reduceat")
def _reduceat(ufunc: np.ufunc, array: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    _check_binary(ufunc, "reduceat")
    array = _operand(ufunc, array)
    name = _name(ufunc, "reduceat")
    along = _one_axis(name, array, axis)
    starts = np.asarray(indices)
    length = array.shape[along]
    if starts.ndim != 1 or starts.dtype.kind not in "iu" or not ((starts >= 0) & (starts < length)).all():
        raise ShapeError(f"{name}: give indices from 0 to {length - 1}, along one axis{at_line()}")
    front = np.moveaxis(array, along, 0)
    ends = [*starts[1:].tolist(), length]
    parts = [
        _reduce(ufunc, front[a:b], 0, dtype) if b - a > 1 else front[a]
        for a, b in zip(starts.tolist(), ends, strict=True)
    ]
    return np.stack(parts, axis=along)
