"""Norms of traced vectors and matrices, as ``np.linalg.norm`` has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing.linear_algebra import norm_of_matrices
from pcneuro.ops.base import AbstractTraced, apply
from pcneuro.ops.maps import Map
from pcneuro.ops.reductions import axes_at, kept
from pcneuro.ops.registry import answers, at_line, refuse

_SINGULAR = (2, -2, "nuc")
"""Orders of norms of matrices that are sums and extremes of singular values."""


def euclidean(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The root of the sum of squares; its derivative where all are zero is zero."""
    return apply(Map("root"), np.sum(np.square(x), axis=axes, keepdims=keepdims))


def _of_vectors(x: Any, order: Any, axis: int, keepdims: bool) -> Any:
    if order is None or order == 2:
        return euclidean(x, (axis,), keepdims)
    if isinstance(order, str | AbstractTraced):
        raise refuse(f"a norm of vectors of order {order!r}", "give a number, np.inf or -np.inf")
    size = np.abs(x)
    if order == np.inf:
        return np.max(size, axis=axis, keepdims=keepdims)
    if order == -np.inf:
        return np.min(size, axis=axis, keepdims=keepdims)
    if order == 0:
        return np.count_nonzero(x, axis=axis, keepdims=keepdims) * 1.0
    if order == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    return np.sum(size**order, axis=axis, keepdims=keepdims) ** (1.0 / order)


def _of_matrices(x: Any, order: Any, rows: int, columns: int, keepdims: bool) -> Any:
    axes = (rows, columns)
    if order is None or order in ("fro", "f"):
        return euclidean(x, tuple(sorted(axes)), keepdims)
    sums, over = (rows, columns) if order in (1, -1) else (columns, rows)
    if order in (1, -1, np.inf, -np.inf):
        extreme = np.max if order > 0 else np.min
        result = extreme(np.sum(np.abs(x), axis=sums, keepdims=True), axis=over, keepdims=True)
        return result if keepdims else np.squeeze(result, axis=axes)
    if isinstance(order, AbstractTraced) or order not in _SINGULAR:
        raise refuse(f"a norm of matrices of order {order!r}", "use 'fro', 'nuc', 1, -1, 2, -2, np.inf or -np.inf")
    return norm_of_matrices(x, order, axes, keepdims)


@answers(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    keepdims = kept(keepdims)
    if axis is None:
        every = tuple(range(x.ndim))
        if ord is None:
            return euclidean(x, every, keepdims)
        axis = every
    elif not isinstance(axis, list | tuple):
        axis = (axis,)
    axes_at("np.linalg.norm", axis, x.shape)
    along = [i % x.ndim for i in axis]
    if len(along) == 1:
        return _of_vectors(x, ord, along[0], keepdims)
    if len(along) == 2:
        return _of_matrices(x, ord, along[0], along[1], keepdims)
    raise ShapeError(f"np.linalg.norm over axes {tuple(along)} of shape {x.shape}: give one axis or two{at_line()}")
