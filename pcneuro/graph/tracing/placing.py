"""NumPy's functions that write to places of an array, and those that tell one way to number its units from another."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing.array import TracedArray, recorder_of
from pcneuro.graph.tracing.differences import one_axis
from pcneuro.graph.tracing.types import typed
from pcneuro.ops.base import size
from pcneuro.ops.registry import answers, at_line, refuse


def _check_own(name: str, array: Any) -> None:
    """Raise the refusal of an array that no traced values can be written to."""
    if not isinstance(array, TracedArray):
        raise refuse(f"np.{name} on an array from outside", "begin with np.array(a) in the function")


def _write_in_turn(array: TracedArray, places: np.ndarray, values: Any) -> None:
    """Write values to units, beginning again where there are fewer of them."""
    values = np.ravel(values)
    if places.size:
        array.write(places, np.take(values, np.arange(places.size) % values.size))


@answers(np.put)
def _put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    _check_own("put", a)
    if isinstance(ind, TracedArray):
        raise refuse("np.put at places that depend on the data", "use np.where on a condition of the same shape")
    try:
        places = np.take(np.arange(a.size), np.ravel(ind), mode=mode)
    except IndexError as error:
        raise ShapeError(f"np.put into shape {a.shape}: {error}{at_line()}") from None
    _write_in_turn(a, places, v)


@answers(np.place)
def _place(arr: Any, mask: Any, vals: Any) -> None:
    _check_own("place", arr)
    if not isinstance(mask, TracedArray):
        _write_in_turn(arr, np.flatnonzero(mask), vals)
    elif np.size(vals) == 1:
        np.copyto(arr, np.ravel(vals)[0], where=mask)
    else:
        raise refuse("np.place of several values by a mask that depends on the data", "use np.where")


@answers(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    _check_own("put_along_axis", arr)
    if axis is None:
        arr, axis = arr.flat, 0
    along = one_axis("np.put_along_axis", axis, arr.shape)
    if np.ndim(indices) != arr.ndim:
        raise ShapeError(
            f"np.put_along_axis of shape {arr.shape}: indices of shape {np.shape(indices)} have other axes{at_line()}"
        )
    lines = [np.arange(n).reshape((-1,) + (1,) * (arr.ndim - i - 1)) for i, n in enumerate(arr.shape)]
    if not isinstance(indices, TracedArray):
        arr[tuple(indices if i == along else line for i, line in enumerate(lines))] = values
    elif indices.shape[along] == 1:
        # As indices, -1 is the last place.
        arr[...] = np.where(np.equal(np.remainder(indices, arr.shape[along]), lines[along]), values, arr)
    else:
        raise refuse("np.put_along_axis at several places that depend on the data", "write one after the other")


# Numbers of units


@answers(np.unravel_index)
def _unravel_index(indices: Any, shape: Any, order: Any = "C") -> Any:
    lengths = tuple(np.atleast_1d(shape).tolist())
    axes = range(len(lengths)) if order == "C" else range(len(lengths))[::-1]
    found, rest = {}, indices
    for place, axis in enumerate(axes):
        stride = size(tuple(lengths[i] for i in axes[place + 1 :]))
        # From the middle, so that what rounding leaves of a whole number does not make it the one below.
        found[axis] = typed(np.floor((rest + 0.5) / stride), np.dtype(np.int64)) if stride > 1 else rest
        rest = rest - stride * found[axis]
    return tuple(found[axis] for axis in range(len(lengths)))


@answers(np.ravel_multi_index)
def _ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: Any = "C") -> Any:
    if mode != "raise":
        raise refuse(f"np.ravel_multi_index with mode={mode!r} of traced indices", "keep the indices in range")
    strides = [size(dims[i + 1 :] if order == "C" else dims[:i]) for i in range(len(dims))]
    total: Any = 0
    for index, stride in zip(multi_index, strides, strict=True):
        total = total + np.multiply(index, stride)
    return total


@answers(np.isin)
def _isin(
    element: Any, test_elements: Any, assume_unique: Any = False, invert: Any = False, *, kind: Any = None
) -> Any:
    recorder = recorder_of(element, test_elements)
    pairs = np.equal(np.expand_dims(recorder.lift(element), -1), np.ravel(recorder.lift(test_elements)))
    among = np.any(pairs, axis=-1)
    return np.logical_not(among) if invert else among
