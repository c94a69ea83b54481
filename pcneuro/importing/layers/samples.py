"""The batch axis: taken off one sample, and gone along for several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def without_leading(function: Callable[..., Any], *arrays: Any) -> Any:
    """``function`` of arrays without their leading axis, put back, where all have one of length 1; as they are else.

    For functions that count axes from the last one, and broadcast. Arrays with fewer axes stay as they are.
    """
    ndim = max(np.ndim(a) for a in arrays)
    leading = [a for a in arrays if np.ndim(a) == ndim]
    if ndim < 2 or any(np.shape(a)[0] != 1 for a in leading):
        return function(*arrays)
    return function(*(a[0] if np.ndim(a) == ndim else a for a in arrays))[None]


def each_sample(function: Callable[..., Any], x: Any) -> Any:
    """``function`` of every sample of x, along its first axis."""
    return np.stack([function(x[i]) for i in range(len(x))])


def from_last(axis: int, ndim: int) -> int:
    """The number of an axis, counted from the last one: negative."""
    return axis if axis < 0 else axis - ndim


def all_from_last(axes: Any, ndim: int) -> tuple[int, ...]:
    """The numbers of axes counted from the last one; of all axes where none are given."""
    if axes is None or (isinstance(axes, Sequence) and not len(axes)):
        return tuple(range(-ndim, 0))
    return tuple(from_last(int(axis), ndim) for axis in np.atleast_1d(axes))


def put(target: Any, key: Any, source: Any) -> Any:
    """A copy of ``target`` with ``source`` at the constant index ``key``."""
    size = int(np.size(target))
    numbers = np.arange(size).reshape(np.shape(target))
    place = numbers[key]
    source = np.broadcast_to(source, np.shape(place))
    numbers[key] = size + np.arange(place.size).reshape(np.shape(place))
    return np.take(np.concatenate([np.ravel(target), np.ravel(source)]), numbers)
