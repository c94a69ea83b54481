"""NumPy's histograms: of constants with traced weights, which are sums. Those of traced values are refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.ops.base import AbstractTraced, apply
from pcneuro.ops.registry import answers, at_line, refuse
from pcneuro.ops.scatter import NO_COUNTS, Scatter


def _sums(name: str, sample: np.ndarray, edges: list[np.ndarray], density: Any, weights: Any) -> Any:
    """The weights of each bin of a sample (values, dimensions), added up, with NumPy's edges of its bins."""
    if np.shape(weights) != sample.shape[:1]:
        raise ShapeError(
            f"{name} of {len(sample)} values with weights of shape {np.shape(weights)}: give as many{at_line()}"
        )
    counts = tuple(len(e) - 1 for e in edges)
    # The last bin has its upper edge.
    bins = [
        np.where(x == e[-1], len(e) - 2, np.searchsorted(e, x, side="right") - 1)
        for x, e in zip(sample.T, edges, strict=True)
    ]
    within = np.logical_and.reduce([(0 <= b) & (b < n) for b, n in zip(bins, counts, strict=True)])
    places = np.ravel_multi_index([b[within] for b in bins], counts)
    sums = apply(Scatter(counts, places), weights[np.flatnonzero(within)])
    if not density:
        return sums
    widths = np.ones(())
    for e in edges:
        widths = np.multiply.outer(widths, np.diff(e))
    return sums / widths / np.sum(sums)


def _constant(name: str, *values: Any) -> None:
    """Refuse values, edges and ranges that are traced."""
    if any(isinstance(part, AbstractTraced) for value in values for part in _parts(value)):
        raise refuse(f"{name} of traced values", NO_COUNTS)


def _parts(value: Any) -> list[Any]:
    return [part for each in value for part in _parts(each)] if isinstance(value, list | tuple) else [value]


@answers(np.histogram)
def _histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    _constant("np.histogram", a, bins, range)
    edges = np.histogram_bin_edges(a, bins, range)
    sample = np.asarray(a).reshape(-1, 1)
    weights = np.reshape(weights, -1) if np.shape(weights) == np.shape(a) else weights
    return _sums("np.histogram", sample, [edges], density, weights), edges


@answers(np.histogramdd)
def _histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    _constant("np.histogramdd", sample, bins, range)
    edges = list(np.histogramdd(sample, bins, range)[1])
    points = sample if isinstance(sample, np.ndarray) and sample.ndim == 2 else np.atleast_2d(sample).T
    return _sums("np.histogramdd", points, edges, density, weights), tuple(edges)


@answers(np.histogram2d)
def _histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    _constant("np.histogram2d", x, y, bins, range)
    _, first, second = np.histogram2d(x, y, bins, range)
    points = np.stack([np.asarray(x), np.asarray(y)], axis=1)
    return _sums("np.histogram2d", points, [first, second], density, weights), first, second


@answers(np.histogram_bin_edges)
def _histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    _constant("np.histogram_bin_edges", a, bins, range)
    # NumPy does not look at the weights.
    return np.histogram_bin_edges(a, bins, range)
