"""Axes resized: the nearest unit of the old axis, or a line between two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.errors import TraceError


def places(n: int, m: int, factor: float, coordinates: str) -> np.ndarray:
    """Where the m units of a resized axis stand in the old one, of n. Raises TraceError for other coordinates.

    ``coordinates`` are named as ONNX names them.
    """
    i = np.arange(m)
    if coordinates in ("half_pixel", "pytorch_half_pixel"):
        return np.zeros(1) if m == 1 and coordinates.startswith("pytorch") else (i + 0.5) / factor - 0.5
    if coordinates == "asymmetric":
        return i / factor
    if coordinates == "align_corners":
        return i * ((n - 1) / (m - 1)) if m > 1 else np.zeros(1)
    raise TraceError(f"it resizes with coordinates {coordinates!r}: there are half_pixel, asymmetric and align_corners")


ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda p: np.ceil(p - 0.5),
    "round_prefer_ceil": lambda p: np.floor(p + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}
"""ONNX's names of the ways to the nearest unit."""


def resampled(x: Any, axis: int, at: np.ndarray, mode: str, rounding: str = "floor") -> Any:
    """The values at places of an axis: those of the nearest unit (``mode`` "nearest"), or on the line between two."""
    n = np.shape(x)[axis]
    if mode == "nearest":
        return np.take(x, np.clip(ROUNDINGS[rounding](at), 0, n - 1).astype(np.int64), axis=axis)
    at = np.clip(at, 0, n - 1)
    low = np.floor(at).astype(np.int64)
    weights = np.zeros((n, len(at)))
    np.add.at(weights, (low, np.arange(len(at))), 1 - (at - low))
    np.add.at(weights, (np.minimum(low + 1, n - 1), np.arange(len(at))), at - low)
    return np.moveaxis(np.moveaxis(x, axis, -1) @ weights, -1, axis)
