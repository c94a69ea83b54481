"""Normalisation, each over what one sample has."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro import ops
from pcneuro.importing.layers.projections import by_channel
from pcneuro.importing.layers.samples import without_leading


def _scaled(y: Any, gain: Any, bias: Any) -> Any:
    y = y if gain is None else without_leading(np.multiply, y, gain)
    return y if bias is None else without_leading(np.add, y, bias)


def _of_channels(x: Any, gain: Any, bias: Any) -> Any:
    """gain * x + bias, both by channel, of x (batch, channels, ...)."""
    axes = np.ndim(x) - 2
    return _scaled(x, *(None if a is None else by_channel(a, axes) for a in (gain, bias)))


def batch_norm(x: Any, mean: np.ndarray, variance: np.ndarray, gain: Any, bias: Any, epsilon: float) -> Any:
    """gain * (x - mean) / sqrt(variance + epsilon) + bias by channel, with statistics that were learned before."""
    scale = 1 / np.sqrt(np.asarray(variance, dtype=np.float64) + epsilon)
    centred = _of_channels(x, None, -np.asarray(mean, dtype=np.float64))
    return _of_channels(centred, scale if gain is None else gain * scale, bias)


def layer_norm(x: Any, axes: int, gain: Any, bias: Any, epsilon: float) -> Any:
    """Layer normalisation over so many of the last axes."""
    over = tuple(range(-axes, 0))
    return _scaled(without_leading(lambda s: ops.layer_norm(s, axis=over, epsilon=epsilon), x), gain, bias)


def group_norm(x: Any, groups: int, gain: Any, bias: Any, epsilon: float) -> Any:
    """Zero mean and unit variance over groups of channels of x (batch, channels, ...); gain and bias by channel."""
    flat = np.reshape(x, (np.shape(x)[0], groups, -1))
    return _of_channels(np.reshape(layer_norm(flat, 1, None, None, epsilon), np.shape(x)), gain, bias)


def rms_norm(x: Any, axes: int, gain: Any, epsilon: float) -> Any:
    """gain * x / sqrt(mean(x^2) + epsilon) over so many of the last axes."""
    over = tuple(range(-axes, 0))

    def normalised(sample: Any) -> Any:
        return sample / np.sqrt(np.mean(np.square(sample), axis=over, keepdims=True) + epsilon)

    return _scaled(without_leading(normalised, x), gain, None)


def local_response_norm(x: Any, size: int, alpha: float, beta: float, k: float) -> Any:
    """x / (k + alpha / size * the sum of x^2 over neighbouring channels)^beta."""
    channels = np.shape(x)[1]
    distance = np.arange(channels)[None, :] - np.arange(channels)[:, None]
    near = ((distance >= -((size - 1) // 2)) & (distance <= size // 2)).astype(np.float64)

    def normalised(sample: Any) -> Any:
        return sample * (k + alpha / size * np.tensordot(near, np.square(sample), 1)) ** -beta

    return np.stack([normalised(x[i]) for i in range(len(x))])
