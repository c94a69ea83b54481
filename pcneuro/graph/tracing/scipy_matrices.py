"""The matrices that scipy.linalg makes of vectors and of smaller ones, of traced arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.tracing.of_scipy import of_scipy
from pcneuro.ops.registry import at_line


def _vector(name: str, x: Any) -> Any:
    if np.ndim(x) != 1:
        raise ShapeError(f"scipy.linalg.{name} of shape {np.shape(x)}: give one axis{at_line()}")
    return x


def _numbers(count: Any) -> np.ndarray:
    return np.arange(np.size(count))


@of_scipy("scipy.linalg")
def _toeplitz(c: Any, r: Any = None) -> Any:
    c = _vector("toeplitz", c)
    r = c if r is None else _vector("toeplitz", r)
    diagonals = np.concatenate([c[::-1], r[1:]])
    return diagonals[np.size(c) - 1 - _numbers(c)[:, None] + _numbers(r)]


@of_scipy("scipy.linalg")
def _hankel(c: Any, r: Any = None) -> Any:
    c = _vector("hankel", c)
    r = np.zeros(np.shape(c)) if r is None else _vector("hankel", r)
    return np.concatenate([c, r[1:]])[_numbers(c)[:, None] + _numbers(r)]


@of_scipy("scipy.linalg")
def _circulant(c: Any) -> Any:
    c = _vector("circulant", c)
    return c[(_numbers(c)[:, None] - _numbers(c)) % np.size(c)]


@of_scipy("scipy.linalg")
def _block_diag(*arrs: Any) -> Any:
    blocks = [np.atleast_2d(a) for a in arrs]
    width, rows, before = sum(b.shape[1] for b in blocks), [], 0
    for block in blocks:
        height, columns = block.shape
        behind = width - before - columns
        rows.append(np.concatenate([np.zeros((height, before)), block, np.zeros((height, behind))], axis=1))
        before += columns
    return np.concatenate(rows)
