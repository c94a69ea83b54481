"""NumPy's reductions of traced arrays: sums, means, products, the largest and the smallest, their places, and truth.

NumPy's functions that leave out NaN are those that do not: traced arrays have none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.ops.axes import axes_of
from pcneuro.ops.base import apply, size
from pcneuro.ops.extremes import Largest, LargestPlace, Smallest, SmallestPlace
from pcneuro.ops.reduce import AbstractReduction, Prod, Sum
from pcneuro.ops.registry import answers, at_line, refuse


def axes_at(name: str, axis: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes that a function of NumPy is to go over; all where that is None. Raises ShapeError, with the line."""
    if axis is None:
        return tuple(range(len(shape)))
    if isinstance(axis, list | tuple) and not axis:
        return ()
    try:
        return axes_of(name, axis, shape)
    except ShapeError as error:
        raise ShapeError(f"{error}{at_line()}") from None


def given(argument: Any) -> bool:
    """Whether an argument is there at all."""
    return argument is not None and argument is not np._NoValue


def kept(keepdims: Any) -> bool:
    """Whether axes that are gone over stay, with length 1."""
    return keepdims is not np._NoValue and bool(keepdims)


def refuse_others(name: str, **others: Any) -> None:
    """Raise the refusal of the first argument that is given, of those that have no meaning for traced arrays."""
    for argument, value in others.items():
        if given(value):
            raise refuse(f"{name} with {argument}=", f"use what {name} returns, and leave out {argument}=")


def real_dtype(name: str, dtype: Any, *more: Any) -> None:
    """Raise the refusal of a dtype other than float64, and than those of ``more``."""
    if dtype is not None and np.dtype(dtype) not in (np.dtype(np.float64), *map(np.dtype, more)):
        raise refuse(f"{name} with dtype={np.dtype(dtype)}", "leave it out: a traced array is of float64")


def of_dtype(array: Any, dtype: Any) -> Any:
    """The same array, that NumPy would have made of this dtype."""
    if hasattr(array, "alike"):
        array = array.alike()
        array.dtype = np.dtype(dtype)
    return array


def is_whole(array: Any) -> bool:
    """Whether NumPy's own array would be of whole numbers or truth values."""
    return bool(array.dtype.kind in "iub")


def masked(name: str, a: Any, where: Any, instead: Any) -> Any:
    """The array, with something else where a mask says that it is not to be counted."""
    if not given(where) or where is True:
        return a
    try:
        fits = np.broadcast_shapes(np.shape(where), a.shape) == a.shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"{name} of shape {a.shape}: where= of shape {np.shape(where)} does not fit{at_line()}")
    return np.where(where, a, instead)


def _total(name: str, operator: type[AbstractReduction], a: Any, axis: Any, dtype: Any, keepdims: Any) -> Any:
    whole = is_whole(a)
    real_dtype(name, dtype, *([np.int64] if whole else []))
    result = apply(operator(axes_at(name, axis, a.shape), kept(keepdims)), a)
    return of_dtype(result, dtype or np.int64) if whole else result


@answers(np.sum, np.nansum)
def _sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> Any:
    refuse_others("np.sum", out=out)
    whole = is_whole(a)
    a = masked("np.sum", a, where, 0)
    total = _total("np.sum", Sum, of_dtype(a, np.int64) if whole else a, axis, dtype, keepdims)
    return total + initial if given(initial) else total


@answers(np.prod, np.nanprod)
def _prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> Any:
    refuse_others("np.prod", out=out)
    whole = is_whole(a)
    a = masked("np.prod", a, where, 1)
    product = _total("np.prod", Prod, of_dtype(a, np.int64) if whole else a, axis, dtype, keepdims)
    return product * initial if given(initial) else product


@answers(np.mean, np.nanmean)
def _mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = np._NoValue
) -> Any:
    refuse_others("np.mean", out=out)
    real_dtype("np.mean", dtype)
    axes = axes_at("np.mean", axis, a.shape)
    if given(where) and where is not True:
        count = np.sum(np.broadcast_to(where, a.shape), axis=axes, keepdims=kept(keepdims))
        return of_dtype(np.sum(masked("np.mean", a, where, 0), axis=axes, keepdims=kept(keepdims)), float) / count
    terms = size(tuple(a.shape[i] for i in axes))
    if not terms:
        raise ShapeError(f"np.mean over axis {axis} of shape {a.shape}: of no units there is none{at_line()}")
    return apply(Sum(axes, kept(keepdims), 1.0 / terms), a)


def _extreme(
    operator: type[AbstractReduction], a: Any, axis: Any, out: Any, keepdims: Any, initial: Any, where: Any
) -> Any:
    name, pairwise = (f"np.{operator.kind}", np.maximum if operator is Largest else np.minimum)
    refuse_others(name, out=out)
    axes, dtype = axes_at(name, axis, a.shape), a.dtype
    if given(where) and where is not True and not given(initial):
        raise refuse(f"{name} with where= and without initial=", "give initial=, as NumPy needs it")
    reduced = operator(axes, kept(keepdims))
    if given(initial) and not size(tuple(a.shape[i] for i in axes)):
        return np.full(AbstractReduction.shape(reduced, a.shape), initial)
    a = masked(name, a, where, initial)
    result = apply(reduced, a)
    if given(initial):
        result, dtype = pairwise(result, initial), np.result_type(dtype, np.asarray(initial).dtype)
    return of_dtype(result, dtype)


@answers(np.max, np.amax, np.nanmax)
def _max(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> Any:
    return _extreme(Largest, a, axis, out, keepdims, initial, where)


@answers(np.min, np.amin, np.nanmin)
def _min(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> Any:
    return _extreme(Smallest, a, axis, out, keepdims, initial, where)


@answers(np.ptp)
def _ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    refuse_others("np.ptp", out=out)
    return np.max(a, axis, keepdims=kept(keepdims)) - np.min(a, axis, keepdims=kept(keepdims))


def _place(operator: type[AbstractReduction], a: Any, axis: Any, out: Any, keepdims: Any) -> Any:
    name = f"np.{operator.kind}"
    refuse_others(name, out=out)
    if isinstance(axis, list | tuple):
        raise ShapeError(f"{name} over axis {axis}: give one axis, or None for all{at_line()}")
    return apply(operator(axes_at(name, axis, a.shape), kept(keepdims)), a)


@answers(np.argmax, np.nanargmax)
def _argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return _place(LargestPlace, a, axis, out, keepdims)


@answers(np.argmin, np.nanargmin)
def _argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return _place(SmallestPlace, a, axis, out, keepdims)


def truth(a: Any) -> Any:
    """Whether each unit is not zero."""
    return a if a.dtype.kind == "b" else np.not_equal(a, 0)


def _quantified(
    operator: type[AbstractReduction], a: Any, axis: Any, out: Any, keepdims: Any, where: Any, of_none: bool
) -> Any:
    name = "np.all" if of_none else "np.any"
    refuse_others(name, out=out)
    axes = axes_at(name, axis, a.shape)
    reduced = operator(axes, kept(keepdims))
    if not size(tuple(a.shape[i] for i in axes)):
        return np.full(AbstractReduction.shape(reduced, a.shape), of_none)
    return of_dtype(apply(reduced, masked(name, truth(a), where, of_none)), bool)


@answers(np.any)
def _any(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = np._NoValue) -> Any:
    return _quantified(Largest, a, axis, out, keepdims, where, False)


@answers(np.all)
def _all(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = np._NoValue) -> Any:
    return _quantified(Smallest, a, axis, out, keepdims, where, True)


@answers(np.count_nonzero)
def _count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return np.sum(truth(a), axis=axis, keepdims=keepdims)
