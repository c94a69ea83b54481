"""Linear layers, and convolutions with any padding, and transposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcneuro import ops
from pcneuro.errors import ShapeError
from pcneuro.importing.layers.samples import each_sample, put, without_leading

Pairs = Sequence[tuple[int, int]]
"""For each axis of a channel, how many places are added before and behind."""

_CONVOLUTIONS = {1: ops.conv1d, 2: ops.conv2d}
"""By the number of axes of a channel."""


def linear(x: Any, w: Any, b: Any = None) -> Any:
    """x w^T + b, of x (..., features) and w (outputs, features)."""
    y = without_leading(lambda rows: np.einsum("...i,oi->...o", rows, w), x)
    return y if b is None else without_leading(np.add, y, b)


def linear_by_columns(x: Any, w: Any) -> Any:
    """x w, of x (..., features) and w (features, outputs)."""
    return without_leading(lambda rows: np.einsum("...i,io->...o", rows, w), x)


def matmul(a: Any, b: Any) -> Any:
    """NumPy's product of matrices, of stacks of them, too."""
    if np.ndim(a) > 2 and np.ndim(b) > 2:
        return without_leading(np.matmul, a, b)
    if np.ndim(a) > 2 and np.ndim(b) == 2:
        return without_leading(lambda rows: np.matmul(rows, b), a)
    return np.matmul(a, b)


def by_channel(values: Any, axes: int) -> Any:
    """A value for each channel, shaped to broadcast to channels of so many axes."""
    return np.reshape(values, (-1,) + (1,) * axes)


def checked_axes(what: str, x: Any) -> int:
    """The number of axes of a channel, one or two. Raises ShapeError."""
    axes = np.ndim(x) - 2
    if axes not in _CONVOLUTIONS:
        raise ShapeError(f"{what} of shape {np.shape(x)}: there are those over one axis and over two, behind channels")
    return axes


def padded(x: Any, padding: Pairs, value: float = 0.0) -> Any:
    """x (batch, channels, ...) with places added to the axes of a channel; fewer where a number is negative."""
    kept = tuple(
        slice(max(-low, 0), n - max(-high, 0)) for (low, high), n in zip(padding, np.shape(x)[2:], strict=True)
    )
    if any(low < 0 or high < 0 for low, high in padding):
        x = x[(slice(None), slice(None), *kept)]
    widths = [(max(low, 0), max(high, 0)) for low, high in padding]
    return np.pad(x, [(0, 0), (0, 0), *widths], constant_values=value) if np.any(widths) else x


def convolution(
    x: Any, w: Any, b: Any, stride: Sequence[int], padding: Pairs, dilation: Sequence[int], groups: int
) -> Any:
    """Convolution of x (batch, channels, ...) with w (outputs, channels / groups, ...) over one or two axes."""
    axes = checked_axes("a convolution", x)
    if any(low != high or low < 0 for low, high in padding):
        x, padding = padded(x, padding), [(0, 0)] * axes
    settings = tuple(stride), tuple(low for low, _ in padding), tuple(dilation), int(groups)
    y = each_sample(lambda sample: _CONVOLUTIONS[axes](sample, w, *settings), x)
    return y if b is None else without_leading(np.add, y, by_channel(b, axes))


def transposed_convolution(
    x: Any,
    w: Any,
    b: Any,
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
    groups: int,
    more: Sequence[int],
) -> Any:
    """What goes back through a convolution, of x (batch, channels, ...) with w (channels, outputs / groups, ...).

    It is the convolution of x, spread out by the strides, with the kernel turned round; ``more`` places are added
    behind.
    """
    axes = checked_axes("a transposed convolution", x)
    space, kernel = np.shape(x)[2:], np.shape(w)[2:]
    spread = (*np.shape(x)[:2], *((n - 1) * s + 1 for n, s in zip(space, stride, strict=True)))
    if spread != np.shape(x):
        every = (slice(None), slice(None), *(slice(None, None, s) for s in stride))
        x = put(np.zeros(spread), every, x)
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    around = [(r - low, r - high + extra) for r, (low, high), extra in zip(reach, padding, more, strict=True)]
    by_group = np.reshape(w, (groups, np.shape(w)[0] // groups, np.shape(w)[1], *kernel))
    turned = np.flip(np.swapaxes(by_group, 1, 2), tuple(range(3, 3 + axes)))
    turned = np.reshape(turned, (groups * np.shape(w)[1], np.shape(w)[0] // groups, *kernel))
    return convolution(x, turned, b, (1,) * axes, around, dilation, groups)
