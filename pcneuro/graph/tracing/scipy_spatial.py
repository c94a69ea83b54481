"""Distances of scipy.spatial between traced points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError, told
from pcneuro.graph.tracing.norms import euclidean
from pcneuro.graph.tracing.of_scipy import of_scipy
from pcneuro.ops.registry import at_line, refuse

_METRICS: dict[str, Callable[[Any], Any]] = {
    "euclidean": lambda difference: euclidean(difference, (difference.ndim - 1,), False),
    "sqeuclidean": lambda difference: np.sum(np.square(difference), axis=-1),
    "cityblock": lambda difference: np.sum(np.abs(difference), axis=-1),
    "chebyshev": lambda difference: np.max(np.abs(difference), axis=-1),
}
"""Name of a distance -> what it is of differences (..., coordinates)."""


def _metric(name: str, metric: Any) -> Callable[[Any], Any]:
    if not isinstance(metric, str) or metric not in _METRICS:
        raise refuse(f"{name} with metric={told(metric)}", f"give {', '.join(_METRICS)}, or write it by np. functions")
    return _METRICS[metric]


def _points(name: str, *arrays: Any) -> None:
    shapes = [np.shape(array) for array in arrays]
    if any(len(shape) != 2 for shape in shapes) or len({shape[-1] for shape in shapes}) != 1:
        raise ShapeError(
            f"{name} of shapes {' and '.join(map(str, shapes))}: give points (number, coordinates) of as many "
            f"coordinates{at_line()}"
        )


@of_scipy("scipy.spatial.distance")
def _cdist(XA: Any, XB: Any, metric: Any = "euclidean") -> Any:
    of_differences = _metric("scipy.spatial.distance.cdist", metric)
    _points("scipy.spatial.distance.cdist", XA, XB)
    return of_differences(np.expand_dims(XA, 1) - np.expand_dims(XB, 0))


@of_scipy("scipy.spatial.distance")
def _pdist(X: Any, metric: Any = "euclidean") -> Any:
    of_differences = _metric("scipy.spatial.distance.pdist", metric)
    _points("scipy.spatial.distance.pdist", X)
    first, second = np.triu_indices(X.shape[0], 1)
    return of_differences(X[first] - X[second])
