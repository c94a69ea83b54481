"""NumPy's functions that write to their first argument, on traced arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.ops.registry import answers, at_line, refuse


def _writable(name: str, array: Any) -> None:
    if not isinstance(array, TracedArray):
        raise refuse(f"np.{name} on an array from outside", "begin with np.array(a) in the function")


def _write_in_turn(a: Any, places: np.ndarray, values: Any) -> None:
    """Write values to units, which are repeated where there are too few of them."""
    values = np.ravel(values)
    if places.size and not np.size(values):
        raise ShapeError(f"no values to write to {places.size} places{at_line()}")
    a.write(places, values[np.arange(places.size) % max(np.size(values), 1)])


@answers(np.copyto)
def _copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    _writable("copyto", dst)
    source = np.broadcast_to(src, dst.shape)
    dst[...] = source if where is True else np.where(where, source, dst)


@answers(np.putmask)
def _putmask(a: Any, mask: Any, values: Any) -> None:
    _writable("putmask", a)
    places = np.arange(a.size) % max(np.size(values), 1)
    _copyto(a, np.reshape(np.ravel(values)[places], a.shape), where=mask)


@answers(np.fill_diagonal)
def _fill_diagonal(a: Any, val: Any, wrap: Any = False) -> None:
    _writable("fill_diagonal", a)
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        raise ShapeError(f"np.fill_diagonal of an array of shape {a.shape}{at_line()}")
    marked = np.zeros(a.shape, dtype=bool)
    np.fill_diagonal(marked, True, wrap=wrap)
    _write_in_turn(a, np.flatnonzero(marked), val)
