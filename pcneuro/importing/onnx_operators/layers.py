"""Layers: projections, convolutions, pools, norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError, TraceError
from pcneuro.importing.layers import norms, pooling, projections
from pcneuro.importing.layers.projections import Pairs, checked_axes, matmul
from pcneuro.importing.layers.samples import without_leading
from pcneuro.importing.onnx_operators.table import ONNX, SLOW, STEP, allowed, multiplications, traced

_INFERENCE = "export the model for inference"


@ONNX("MatMul")
def _matmul(a: Any, b: Any) -> Any:
    columns = np.shape(b)[-1:] if np.ndim(b) > 1 else ()
    out = allowed([*np.broadcast_shapes(np.shape(a)[:-2], np.shape(b)[:-2]), *np.shape(a)[-2:-1], *columns])
    real = all(traced(x) or np.asarray(x).dtype.kind == "f" for x in (a, b))
    multiplications(*out, np.shape(a)[-1], 1 if real else SLOW)
    return matmul(a, b)


@ONNX("Gemm")
def _gemm(
    a: Any, b: Any, c: Any = None, alpha: float = 1.0, beta: float = 1.0, transA: int = 0, transB: int = 0
) -> Any:
    a = np.transpose(a) if transA else a
    rows, columns = allowed([np.shape(a)[0], np.shape(b)[0 if transB else 1]])
    multiplications(rows, columns, np.shape(a)[1], SLOW)
    y = projections.linear(a, b) if transB else projections.linear_by_columns(a, b)
    y = y if alpha == 1 else alpha * y
    return y if c is None else without_leading(np.add, y, c if beta == 1 else beta * c)


def _around(
    space: Sequence[int],
    reach: Sequence[int],
    stride: Sequence[int],
    pads: Sequence[int] | None,
    auto_pad: str,
) -> Pairs:
    """Padding of each axis: as it is given, or so much that there is a window for each stride."""
    axes = len(space)
    if auto_pad in ("NOTSET", ""):
        given = list(pads) if pads else [0] * (2 * axes)
        if len(given) != 2 * axes:
            raise ShapeError(f"pads are {given}: give two for each of {axes} axes")
        pairs = list(zip(given[:axes], given[axes:], strict=True))
        allowed(n + abs(low) + abs(high) for n, (low, high) in zip(space, pairs, strict=True))
        return pairs
    if auto_pad == "VALID":
        return [(0, 0)] * axes
    pairs = []
    allowed(n + r for n, r in zip(space, reach, strict=True))
    for n, r, s in zip(space, reach, stride, strict=True):
        total = max((-(-n // s) - 1) * s + r - n, 0)
        less, more = total // 2, total - total // 2
        pairs.append((less, more) if auto_pad == "SAME_UPPER" else (more, less))
    return pairs


def _reach(size: Sequence[int], dilation: Sequence[int]) -> list[int]:
    return [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]


def _check_work(
    x: Any, reach: Sequence[int], stride: Sequence[int], pads: Pairs, channels: int, each: Sequence[int]
) -> None:
    """Count the windows of x (samples, ..., *space), and what is done in ``each`` of every sample, for all channels."""
    space = zip(np.shape(x)[2:], reach, stride, pads, strict=True)
    windows = [max((n + low + high - r) // s + 1, 1) for n, r, s, (low, high) in space]
    allowed([np.shape(x)[0], channels, *windows])
    multiplications(np.shape(x)[0], STEP)
    multiplications(np.shape(x)[0], *windows, *each)


@ONNX("Conv")
def _conv(
    x: Any,
    w: Any,
    b: Any = None,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Any:
    ones = [1] * checked_axes("a convolution", x)
    stride, dilation = strides or ones, dilations or ones
    reach = _reach(np.shape(w)[2:], dilation)
    around = _around(np.shape(x)[2:], reach, stride, pads, auto_pad)
    _check_work(x, reach, stride, around, np.shape(w)[0], np.shape(w))
    return projections.convolution(x, w, b, stride, around, dilation, group)


@ONNX("ConvTranspose")
def _conv_transpose(
    x: Any,
    w: Any,
    b: Any = None,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    output_padding: Sequence[int] | None = None,
    output_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Any:
    axes = checked_axes("a transposed convolution", x)
    if output_shape or auto_pad not in ("NOTSET", "VALID"):
        raise TraceError("its padding is given by the shape of its output: export the model with pads")
    ones = [1] * axes
    stride, dilation, more = strides or ones, dilations or ones, output_padding or [0] * axes
    around = _around(np.shape(x)[2:], ones, stride, pads, auto_pad)
    sizes = zip(np.shape(x)[2:], stride, _reach(np.shape(w)[2:], dilation), more, strict=True)
    space = [(n - 1) * s + r + extra for n, s, r, extra in sizes]
    allowed([np.shape(x)[0], np.shape(w)[1] * group, *space])
    multiplications(np.shape(x)[0], STEP)
    multiplications(np.shape(x)[0], *space, *np.shape(w))
    return projections.transposed_convolution(x, w, b, stride, around, dilation, group, more)


@ONNX("MaxPool")
def _max_pool(
    x: Any,
    outputs: int,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    storage_order: int = 0,
    strides: Sequence[int] | None = None,
) -> Any:
    if outputs > 1:
        raise TraceError("it returns the places of the largest, which have no derivative: use the values only")
    ones = [1] * checked_axes("a pool", x)
    stride, dilation = strides or ones, dilations or ones
    reach = _reach(kernel_shape, dilation)
    around = _around(np.shape(x)[2:], reach, stride, pads, auto_pad)
    _check_work(x, reach, stride, around, np.shape(x)[1], [SLOW, np.shape(x)[1], *kernel_shape])
    if max(dilation) > 1:
        multiplications(*kernel_shape, STEP)
    return pooling.max_pool(x, kernel_shape, stride, around, dilation, bool(ceil_mode))


@ONNX("AveragePool")
def _average_pool(
    x: Any,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Any:
    if dilations and max(dilations) > 1:
        raise TraceError("it is an average pool with dilations: there are those without")
    stride = strides or [1] * checked_axes("a pool", x)
    around = _around(np.shape(x)[2:], kernel_shape, stride, pads, auto_pad)
    _check_work(x, kernel_shape, stride, around, np.shape(x)[1], [SLOW, np.shape(x)[1], *kernel_shape])
    return pooling.avg_pool(x, kernel_shape, stride, around, bool(ceil_mode), bool(count_include_pad))


@ONNX("GlobalAveragePool")
def _global_average_pool(x: Any) -> Any:
    multiplications(np.shape(x)[0], STEP)
    return pooling.adaptive_avg_pool(x, (1,) * checked_axes("a pool", x))


@ONNX("GlobalMaxPool")
def _global_max_pool(x: Any) -> Any:
    multiplications(np.shape(x)[0], STEP)
    return pooling.adaptive_max_pool(x, (1,) * checked_axes("a pool", x))


@ONNX("BatchNormalization")
def _batch_normalization(
    x: Any,
    scale: Any,
    b: Any,
    mean: Any,
    var: Any,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
) -> Any:
    if training_mode:
        raise TraceError(f"batch norm in training mode, which mixes samples: {_INFERENCE}")
    return norms.batch_norm(x, mean, var, scale, b, epsilon)


@ONNX("LayerNormalization")
def _layer_normalization(
    x: Any, scale: Any, b: Any = None, outputs: int = 1, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    if outputs > 1:
        raise TraceError("it returns its statistics, too: use the normalised values only")
    axes = -axis if axis < 0 else np.ndim(x) - axis
    return norms.layer_norm(x, axes, scale, b, epsilon)


@ONNX("InstanceNormalization")
def _instance_normalization(x: Any, scale: Any, b: Any, epsilon: float = 1e-5) -> Any:
    return norms.group_norm(x, np.shape(x)[1], scale, b, epsilon)


@ONNX("GroupNormalization")
def _group_normalization(
    x: Any, scale: Any, bias: Any, opset: int, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    if opset < 21:
        # Gain and bias were by group, not by channel, up to then.
        share = np.shape(x)[1] // num_groups
        scale, bias = np.repeat(scale, share), np.repeat(bias, share)
    return norms.group_norm(x, num_groups, scale, bias, epsilon)


@ONNX("LRN")
def _lrn(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Any:
    channels = np.shape(x)[1]
    allowed([channels, channels])
    multiplications(np.shape(x)[0], STEP)
    multiplications(np.size(x), channels)
    return norms.local_response_norm(x, size, alpha, beta, bias)
