"""How arrays lie in NumPy's memory, which decides what is a view there and what a copy: asked of NumPy itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.ops.base import AbstractTraced, Shape, size

Axes = tuple[int, ...] | None
"""The axes of an array in the order of their strides, the largest first; None for the order of C."""


def laid_out(shape: Shape, axes: Axes) -> np.ndarray:
    """The number of every unit, in an array of that shape whose axes stand in memory in that order."""
    units = _ARANGE(size(shape), dtype=np.int64).reshape(shape)
    return units if axes is None else np.ascontiguousarray(units.transpose(axes)).transpose(np.argsort(axes))


def axes_of(array: np.ndarray) -> Axes:
    """The order in which an array has its axes in memory."""
    if array.flags.c_contiguous:
        return None
    axes = tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])))
    return None if axes == tuple(range(array.ndim)) else axes


def is_writable(array: np.ndarray) -> bool:
    """Whether NumPy writes to an array; not to one that was broadcast, where that is deprecated."""
    return all(stride or n < 2 for stride, n in zip(array.strides, array.shape, strict=True)) and array.flags.writeable


_FEW = slice(0, 2)
"""As many units along an axis as show its stride."""


def _memory(value: Any) -> np.ndarray | None:
    return value.memory if isinstance(value, AbstractTraced) and hasattr(value, "memory") else None  # type: ignore[no-any-return]


def _few(value: Any) -> np.ndarray:
    """A small array that lies in memory as an operand does."""
    memory = _memory(value)
    array = np.asarray(value).view(np.ndarray) if memory is None else memory
    return array[(_FEW,) * array.ndim]


def _in_c_order(value: Any) -> bool:
    if isinstance(value, AbstractTraced):
        return bool(getattr(value, "in_c_order", True))
    return not isinstance(value, np.ndarray) or value.ndim < 2 or value.flags.c_contiguous


def _has_axes(result: Any) -> bool:
    return isinstance(result, AbstractTraced) and len(getattr(result, "shape", ())) > 1


def lay_elementwise(result: Any, operands: Sequence[Any]) -> Any:
    """The result of an elementwise function, in NumPy's order of the operands."""
    if _has_axes(result) and not all(map(_in_c_order, operands)):
        flags = [["readonly"]] * len(operands) + [["writeonly", "allocate"]]
        made = _NDITER((*map(_few, operands), None), op_flags=flags).operands[-1]  # type: ignore[arg-type, call-overload]
        result.axes = axes_of(made)  # type: ignore[attr-defined]
    return result


def lay_as(function: Callable[..., Any], result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The result of a function whose own results lie in memory as its arguments do, by that function of small ones."""
    values = (*args, *kwargs.values())
    if _has_axes(result) and not all(map(_in_c_order, values)):
        few = [_few(a) if isinstance(a, AbstractTraced | np.ndarray) else a for a in args]
        named = {k: _few(a) if isinstance(a, AbstractTraced | np.ndarray) else a for k, a in kwargs.items()}
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            result.axes = axes_of(function(*few, **named))  # type: ignore[attr-defined]
    return result


def lay_product(result: Any, subscripts: str, operands: Sequence[Any]) -> Any:
    """The result of np.einsum, as NumPy lays it out."""
    if _has_axes(result):
        result.axes = axes_of(_EINSUM(subscripts, *map(_few, operands)))
    return result


_EINSUM, _NDITER, _ARANGE = np.einsum, np.nditer, np.arange
"""NumPy's own, also while a function is traced."""

KEEPING = frozenset(
    (
        *(np.sum, np.prod, np.max, np.min, np.amax, np.amin, np.any, np.all, np.mean, np.std, np.var, np.ptp),
        *(np.cumsum, np.cumprod, np.sort, np.partition, np.where, np.round, np.around, np.nan_to_num, np.clip),
        *(np.nansum, np.nanprod, np.nanmax, np.nanmin, np.nanmean, np.nanstd, np.nanvar),
    )
)
"""Functions of NumPy whose results lie in memory as their arguments do."""
