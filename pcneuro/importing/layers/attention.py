"""Attention, and embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro import ops
from pcneuro.importing.layers.projections import matmul
from pcneuro.importing.layers.samples import without_leading


def softmax(x: Any, axis: int) -> Any:
    """Softmax over one axis, counted from the last."""
    return without_leading(lambda sample: ops.softmax(sample, axis), x) if axis > -np.ndim(x) else ops.softmax(x, axis)


def log_softmax(x: Any, axis: int) -> Any:
    """Logarithm of the softmax over one axis, counted from the last."""
    if axis == -np.ndim(x):
        return ops.log_softmax(x, axis)
    return without_leading(lambda sample: ops.log_softmax(sample, axis), x)


def masked(scores: Any, mask: Any) -> Any:
    """Scores that count where a mask of truth values is true; plus the mask where it has numbers."""
    if mask.dtype == np.dtype(bool):
        return without_leading(lambda m, s: np.where(m, s, -np.inf), mask, scores)
    return without_leading(np.add, scores, mask)


def attention(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False, scale: float | None = None) -> Any:
    """softmax(scale * q k^T) v over the last two axes, (places, features); places that are masked do not count.

    ``scale`` is one over the root of the features unless it is given. Where a query of a causal mask stands, the keys
    up to it count.
    """
    factor = 1 / np.sqrt(np.shape(q)[-1]) if scale is None else scale
    # The scale goes to the queries, which are fewer than the scores.
    scores = matmul(without_leading(lambda sample: sample * factor, q), np.swapaxes(k, -1, -2))
    if causal:
        scores = masked(scores, np.tril(np.ones(np.shape(scores)[-2:], dtype=bool)))
    if mask is None:
        return matmul(softmax(scores, -1), v)
    scores = masked(scores, mask)
    if not isinstance(mask, np.ndarray):
        return matmul(softmax(scores, -1), v)
    # A query that no key counts for has nothing, and not the mean of nothing.
    alone = ~np.any(mask if mask.dtype == np.dtype(bool) else mask > -np.inf, axis=-1, keepdims=True)
    if not alone.any():
        return matmul(softmax(scores, -1), v)
    scores = without_leading(lambda a, s: np.where(a, 0.0, s), alone, scores)
    return without_leading(lambda a, y: np.where(a, 0.0, y), alone, matmul(softmax(scores, -1), v))


def with_constant_row(table: Any, row: int, values: np.ndarray) -> Any:
    """A table whose row for padding has these values, and does not learn."""
    here = (np.arange(np.shape(table)[0]) == row)[:, None]
    return np.where(here, np.where(here, values, 0.0), table)


def embedding(tokens: Any, table: Any) -> Any:
    """The row of a table for each token."""
    return without_leading(lambda sample: ops.embedding(sample, table), tokens)
