"""Euclidean norms and cosines of arrays whose squares may be too large or too small for a float64."""

from __future__ import annotations

import numpy as np


def norm(array: np.ndarray, axis: int | None = None) -> np.ndarray:
    """sqrt(sum of squares) in float64, over all elements or one axis; not finite only where an element is not, or it.

    Squares are taken of numbers scaled by a power of two, which changes no bit where they neither overflow nor vanish.
    """
    array = np.asarray(array, dtype=np.float64)
    if axis is None:
        array = array.ravel()
    exponent = _exponent(array, axis)
    with np.errstate(over="ignore"):
        scaled = np.linalg.norm(np.ldexp(array, -exponent), axis=axis)
        return np.asarray(np.ldexp(scaled, exponent.reshape(scaled.shape)))


def root_mean_square(array: np.ndarray) -> float:
    """sqrt(mean of squares) over all elements, likewise; 0 of none."""
    array = np.asarray(array, dtype=np.float64)
    if not array.size:
        return 0.0
    exponent = _exponent(array)
    return float(np.ldexp(np.sqrt(np.mean(np.square(np.ldexp(array, -exponent)))), exponent).item())


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Of the angle between two arrays of as many elements; NaN where one of them is zero."""
    a, b = (np.asarray(x, dtype=np.float64).ravel() for x in (a, b))
    a, b = (np.ldexp(x, -_exponent(x)) for x in (a, b))
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / scale) if scale else float("nan")


def _exponent(array: np.ndarray, axis: int | None = None) -> np.ndarray:
    """That of the least power of two above all elements of each row; 0 where they are zero or not all finite."""
    return np.frexp(np.abs(array).max(axis=axis, keepdims=True, initial=0.0))[1]
