"""NumPy's functions of sorted traced arrays: sort and partition, their orders, the median and quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.ops.base import AbstractTraced, apply, size
from pcneuro.ops.reductions import axes_at, kept, of_dtype, refuse_others
from pcneuro.ops.registry import answers, at_line, refuse, without_stand_ins
from pcneuro.ops.sorting import Sort, SortOrder

_PERCENT = 100.0


def _sorted(name: str, how: type[Sort] | type[SortOrder], a: Any, axis: Any, order: Any = None) -> Any:
    refuse_others(name, order=order)
    if axis is None:
        a, axis = np.ravel(a), -1
    if not a.ndim:
        raise ShapeError(f"{name} of an array without axes{at_line()}")
    result = apply(how(axes_at(name, [axis], a.shape)[0]), a)
    return of_dtype(result, a.dtype) if how is Sort else result


@answers(np.sort)
def _sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    return _sorted("np.sort", Sort, a, axis, order)


@answers(np.argsort)
def _argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    return _sorted("np.argsort", SortOrder, a, axis, order)


def _check_kth(name: str, kth: Any, a: Any, axis: Any) -> None:
    """Raise where ``kth`` are no places along the axis."""
    if isinstance(kth, AbstractTraced):
        raise refuse(f"{name} at places that depend on the data", "give kth as a constant")
    length = a.size if axis is None else a.shape[axes_at(name, [axis], a.shape)[0]]
    places = np.asarray(kth)
    if places.dtype.kind not in "iu" or not ((places >= -length) & (places < length)).all():
        raise ShapeError(f"{name}: kth is {kth}, of {length} values{at_line()}")


# A sorted array is partitioned at every place.
@answers(np.partition)
def _partition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:
    _check_kth("np.partition", kth, a, axis)
    return _sorted("np.partition", Sort, a, axis, order)


@answers(np.argpartition)
def _argpartition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:
    _check_kth("np.argpartition", kth, a, axis)
    return _sorted("np.argpartition", SortOrder, a, axis, order)


def _places(name: str, q: Any, length: int, method: Any) -> np.ndarray:
    """Where quantiles are among ``length`` sorted values, which need not be at one of them.

    NumPy tells: they are the quantiles of 0, 1, ..., with which of its methods ever.
    """
    try:
        with without_stand_ins():
            return np.asarray(np.quantile(np.arange(float(length)), q, method=method))
    except (ValueError, TypeError) as error:
        raise ShapeError(f"{name}: {error}{at_line()}") from None


def _quantiles(
    name: str, a: Any, q: Any, axis: Any, out: Any, method: Any, keepdims: Any, weights: Any, interpolation: Any
) -> Any:
    refuse_others(name, out=out, weights=weights, interpolation=interpolation)
    if isinstance(q, AbstractTraced):
        raise refuse(f"{name} with a q that depends on the data", "give q as a constant")
    axes = axes_at(name, axis, a.shape)
    left = tuple(n for i, n in enumerate(a.shape) if i not in axes)
    length = size(tuple(a.shape[i] for i in axes))
    if not length:
        raise ShapeError(f"{name} over axis {axis} of shape {a.shape}: of no units there is none{at_line()}")
    places = _places(name, q, length, method)
    last = np.moveaxis(a, axes, tuple(range(-len(axes), 0))) if axes else a
    ordered = np.moveaxis(np.sort(np.reshape(last, (*left, length))), -1, 0)
    low = np.floor(places).astype(np.int64)
    share = (places - low).reshape(places.shape + (1,) * len(left))
    result = np.take(ordered, low, axis=0)
    if share.any():
        result = (1.0 - share) * result + share * np.take(ordered, np.minimum(low + 1, length - 1), axis=0)
    if kept(keepdims):
        shape = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
        result = np.reshape(result, (*places.shape, *shape))
    return of_dtype(result, np.float64)


@answers(np.quantile, np.nanquantile)
def _quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: Any = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
    interpolation: Any = None,
) -> Any:
    return _quantiles("np.quantile", a, q, axis, out, method, keepdims, weights, interpolation)


@answers(np.percentile, np.nanpercentile)
def _percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    method: Any = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
    interpolation: Any = None,
) -> Any:
    if not isinstance(q, AbstractTraced):
        q = np.asarray(q, dtype=np.float64) / _PERCENT
    return _quantiles("np.percentile", a, q, axis, out, method, keepdims, weights, interpolation)


@answers(np.median, np.nanmedian)
def _median(a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    return _quantiles("np.median", a, 0.5, axis, out, "linear", keepdims, None, None)
