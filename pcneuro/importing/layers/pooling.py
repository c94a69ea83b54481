"""Pooling over one axis or two, with the paddings and roundings that other libraries have."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pcneuro import ops
from pcneuro.errors import ShapeError
from pcneuro.importing.layers.projections import Pairs, checked_axes, padded
from pcneuro.importing.layers.samples import each_sample, without_leading


def _rounded_up(space: Sequence[int], reach: Sequence[int], stride: Sequence[int], padding: Pairs) -> Pairs:
    """Padding with what a last window needs that begins in x or before it, and ends behind the padding."""
    longer = []
    for n, k, s, (low, high) in zip(space, reach, stride, padding, strict=True):
        windows = math.ceil((n + low + high - k) / s) + 1
        if (windows - 1) * s >= n + low:
            windows -= 1
        longer.append((low, max(high, (windows - 1) * s + k - n - low)))
    return longer


def _pooled(function: Any, x: Any, size: Sequence[int], stride: Sequence[int], padding: Sequence[int]) -> Any:
    """A pool over two axes of every sample; one axis has a second of length 1."""
    if np.ndim(x) == 3:
        one = each_sample(lambda s: function(s[..., None], (*size, 1), (*stride, 1), (*padding, 0)), x)
        return one[..., 0]
    return each_sample(lambda sample: function(sample, tuple(size), tuple(stride), tuple(padding)), x)


def max_pool(
    x: Any, size: Sequence[int], stride: Sequence[int], padding: Pairs, dilation: Sequence[int], round_up: bool
) -> Any:
    """The largest value in each window of x (batch, channels, ...)."""
    axes = checked_axes("a pool", x)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, size, strict=True)]
    if round_up:
        padding = _rounded_up(np.shape(x)[2:], reach, stride, padding)
    spaced = any(d > 1 for d in dilation)
    if spaced or any(low != high or 2 * low > k for (low, high), k in zip(padding, size, strict=True)):
        x, padding = padded(x, padding, -np.inf), [(0, 0)] * axes
    if not spaced:
        return _pooled(ops.max_pool2d, x, size, stride, [low for low, _ in padding])
    out = [(n - r) // s + 1 for n, r, s in zip(np.shape(x)[2:], reach, stride, strict=True)]
    taps = []
    for tap in np.ndindex(*size):
        places = zip(tap, dilation, stride, out, strict=True)
        taps.append(x[(slice(None), slice(None), *(slice(t * d, t * d + s * (n - 1) + 1, s) for t, d, s, n in places))])
    return functools.reduce(lambda a, b: without_leading(np.maximum, a, b), taps)


def avg_pool(
    x: Any,
    size: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    round_up: bool,
    count_padding: bool,
    divisor: int | None = None,
) -> Any:
    """The mean of each window of x (batch, channels, ...).

    ``count_padding`` tells whether the padding counts as zeros, or not at all; what rounding up adds never counts.
    ``divisor`` stands in for the number of places.
    """
    checked_axes("a pool", x)
    space = np.shape(x)[2:]
    longer = _rounded_up(space, size, stride, padding) if round_up else padding
    counted = np.pad(np.ones((1, 1, *space)), [(0, 0), (0, 0), *padding], constant_values=float(count_padding))
    extra = [(0, b - a) for (_, a), (_, b) in zip(padding, longer, strict=True)]
    nothing = [0] * len(space)
    shares = _pooled(ops.avg_pool2d, padded(counted, extra), size, stride, nothing)
    even = all(low == high and 2 * low <= k for (low, high), k in zip(longer, size, strict=True))
    around = [low for low, _ in longer] if even else nothing
    y = _pooled(ops.avg_pool2d, x if even else padded(x, longer), size, stride, around)
    scale = 1 / shares[0] if divisor is None else np.full_like(shares[0], math.prod(size) / divisor)
    return y if np.all(scale == 1) else without_leading(lambda means: means * scale, y)


def _even(what: str, space: Sequence[int], out: Sequence[int]) -> tuple[int, ...] | None:
    """The windows that divide x into so many equal parts; None where there are none."""
    if len(space) != len(out) or min(out) < 1:
        raise ShapeError(f"{what} of {tuple(space)} to {tuple(out)}: give a length of 1 or more for each axis")
    return tuple(n // m for n, m in zip(space, out, strict=True)) if not np.any(np.mod(space, out)) else None


def adaptive_avg_pool(x: Any, out: Sequence[int]) -> Any:
    """The means of as many windows as ``out`` says, which together cover x (batch, channels, ...)."""
    checked_axes("a pool", x)
    space = np.shape(x)[2:]
    size = _even("an adaptive pool", space, out)
    if size is None:
        for axis, (n, m) in enumerate(zip(space, out, strict=True)):
            x = np.moveaxis(np.moveaxis(x, 2 + axis, -1) @ _shares(n, m), -1, 2 + axis)
        return x
    if all(m == 1 for m in out):
        axes = tuple(range(-len(out), 0))
        return without_leading(lambda sample: np.mean(sample, axis=axes, keepdims=True), x)
    return avg_pool(x, size, size, [(0, 0)] * len(out), False, False)


def _shares(n: int, m: int) -> np.ndarray:
    """What each of n places is of each of m windows' means, of shape (n, m)."""
    shares = np.zeros((n, m))
    for i in range(m):
        first, last = i * n // m, -(-(i + 1) * n // m)
        shares[first:last, i] = 1 / (last - first)
    return shares


def first_largest(x: Any, axis: int) -> Any:
    """The largest along one axis; of equals the first has the whole derivative."""
    moved = np.moveaxis(x, axis, -1)
    *rest, n = np.shape(moved)
    return np.reshape(ops.max_pool2d(np.reshape(moved, (-1, n, 1)), (n, 1)), rest)


def adaptive_max_pool(x: Any, out: Sequence[int]) -> Any:
    """The largest values of as many equal windows as ``out`` says. Raises ShapeError where they are not equal."""
    axes = checked_axes("a pool", x)
    space = np.shape(x)[2:]
    size = _even("an adaptive pool", space, out)
    if size is None:
        raise ShapeError(
            f"an adaptive pool of the largest of {tuple(space)} to {tuple(out)}: give lengths that divide it"
        )
    return max_pool(x, size, size, [(0, 0)] * axes, (1,) * axes, False)
