"""Layers: projections, convolutions, pools, norms, attention, embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.importing.aten.table import ATEN, TRAINING, each, pairs, refused
from pcneuro.importing.layers import attention, norms, pooling, projections
from pcneuro.importing.layers.projections import checked_axes, matmul


@ATEN("linear")
def _linear(input: Any, weight: Any, bias: Any = None) -> Any:
    return projections.linear(input, weight, bias)


@ATEN("matmul", "linalg_matmul")
def _matmul(self: Any, other: Any) -> Any:
    return matmul(self, other)


@ATEN("mm", "bmm")
def _mm(self: Any, mat2: Any) -> Any:
    return matmul(self, mat2)


@ATEN("mv")
def _mv(self: Any, vec: Any) -> Any:
    return matmul(self, vec)


@ATEN("dot", "vdot", "inner")
def _dot(self: Any, tensor: Any = None, other: Any = None) -> Any:
    return np.inner(self, other if tensor is None else tensor)


@ATEN("outer", "ger")
def _outer(self: Any, vec2: Any) -> Any:
    return np.outer(self, vec2)


@ATEN("addmm")
def _addmm(self: Any, mat1: Any, mat2: Any, beta: float = 1, alpha: float = 1) -> Any:
    product = matmul(mat1, mat2)
    return (self if beta == 1 else beta * self) + (product if alpha == 1 else alpha * product)


@ATEN("baddbmm")
def _baddbmm(self: Any, batch1: Any, batch2: Any, beta: float = 1, alpha: float = 1) -> Any:
    return _addmm(self, batch1, batch2, beta, alpha)


@ATEN("einsum")
def _einsum(equation: str, tensors: Sequence[Any]) -> Any:
    return np.einsum(equation, *tensors)


@ATEN("bilinear")
def _bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    y = np.einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias


def _around(padding: Any, x: Any, weight: Any, stride: Any, dilation: Any) -> list[tuple[int, int]]:
    """Padding of a convolution, which has a name or numbers; an uneven rest goes behind."""
    axes = checked_axes("a convolution", x)
    if padding == "valid":
        return [(0, 0)] * axes
    if padding != "same":
        return pairs(padding, axes)
    reach = [d * (k - 1) for d, k in zip(each(dilation, axes), np.shape(weight)[2:], strict=True)]
    return [(r // 2, r - r // 2) for r in reach]


@ATEN("conv1d", "conv2d")
def _conv(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    # PyTorch takes a sample without a batch axis, too.
    single = np.ndim(input) == np.ndim(weight) - 1
    x = input[None] if single else input
    axes = checked_axes("a convolution", x)
    around = _around(padding, x, weight, stride, dilation)
    y = projections.convolution(x, weight, bias, each(stride, axes), around, each(dilation, axes), groups)
    return y[0] if single else y


@ATEN("conv_transpose1d", "conv_transpose2d")
def _conv_transpose(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    axes = checked_axes("a transposed convolution", input)
    settings = each(stride, axes), pairs(padding, axes), each(dilation, axes), groups, each(output_padding, axes)
    return projections.transposed_convolution(input, weight, bias, *settings)


@ATEN("convolution")
def _convolution(
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Any:
    if transposed:
        return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv(input, weight, bias, stride, padding, dilation, groups)


def _batched(function: Callable[..., Any], axes: int, x: Any) -> Any:
    """A pool of x, which may have no batch axis."""
    return function(x[None])[0] if np.ndim(x) == axes + 1 else function(x)


def _max_pool(x: Any, axes: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    size = each(kernel_size, axes)
    steps = each(stride, axes) if stride or stride == 0 else size
    settings = size, steps, pairs(padding, axes), each(dilation, axes), ceil_mode
    return _batched(lambda batch: pooling.max_pool(batch, *settings), axes, x)


@ATEN("max_pool1d")
def _max_pool1d(
    self: Any, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    return _max_pool(self, 1, kernel_size, stride, padding, dilation, ceil_mode)


@ATEN("max_pool2d")
def _max_pool2d(
    self: Any, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    return _max_pool(self, 2, kernel_size, stride, padding, dilation, ceil_mode)


@ATEN("max_pool1d_with_indices")
def _max_pool1d_with_indices(
    self: Any, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    return _max_pool(self, 1, kernel_size, stride, padding, dilation, ceil_mode), None


@ATEN("max_pool2d_with_indices")
def _max_pool2d_with_indices(
    self: Any, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    return _max_pool(self, 2, kernel_size, stride, padding, dilation, ceil_mode), None


def _avg_pool(x: Any, axes: int, size: Any, stride: Any, padding: Any, *rest: Any) -> Any:
    sizes = each(size, axes)
    settings = sizes, each(stride, axes) if stride else sizes, pairs(padding, axes), *rest
    return _batched(lambda batch: pooling.avg_pool(batch, *settings), axes, x)


@ATEN("avg_pool1d")
def _avg_pool1d(
    self: Any,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    return _avg_pool(self, 1, kernel_size, stride, padding, ceil_mode, count_include_pad)


@ATEN("avg_pool2d")
def _avg_pool2d(
    self: Any,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    return _avg_pool(self, 2, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@ATEN("adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d")
def _adaptive_avg_pool(self: Any, output_size: Sequence[int]) -> Any:
    return _batched(lambda batch: pooling.adaptive_avg_pool(batch, output_size), len(output_size), self)


@ATEN("adaptive_max_pool1d", "adaptive_max_pool2d")
def _adaptive_max_pool(self: Any, output_size: Sequence[int]) -> Any:
    return _batched(lambda batch: pooling.adaptive_max_pool(batch, output_size), len(output_size), self), None


@ATEN("batch_norm")
def _batch_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Any:
    if training or running_mean is None:
        raise refused("batch norm in training mode, which mixes samples,", TRAINING)
    return norms.batch_norm(input, running_mean, running_var, weight, bias, eps)


@ATEN("_native_batch_norm_legit_no_training")
def _native_batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, momentum: float, eps: float
) -> Any:
    return norms.batch_norm(input, running_mean, running_var, weight, bias, eps), None, None


@ATEN("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_functional")
def _training_batch_norm(**arguments: Any) -> Any:
    raise refused("batch norm in training mode, which mixes samples,", TRAINING)


@ATEN("layer_norm")
def _layer_norm(
    input: Any,
    normalized_shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-05,
    cudnn_enable: bool = True,
) -> Any:
    return norms.layer_norm(input, len(normalized_shape), weight, bias, eps)


@ATEN("native_layer_norm")
def _native_layer_norm(input: Any, normalized_shape: Sequence[int], weight: Any, bias: Any, eps: float) -> Any:
    return _layer_norm(input, normalized_shape, weight, bias, eps), None, None


@ATEN("rms_norm")
def _rms_norm(
    input: Any, normalized_shape: Sequence[int], resolution: float, weight: Any = None, eps: float | None = None
) -> Any:
    return norms.rms_norm(input, len(normalized_shape), weight, resolution if eps is None else eps)


@ATEN("group_norm")
def _group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-05, cudnn_enabled: bool = True
) -> Any:
    return norms.group_norm(input, num_groups, weight, bias, eps)


@ATEN("native_group_norm")
def _native_group_norm(input: Any, weight: Any, bias: Any, N: int, C: int, HxW: int, group: int, eps: float) -> Any:
    return norms.group_norm(input, group, weight, bias, eps), None, None


@ATEN("instance_norm")
def _instance_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Any:
    if not use_input_stats:
        return norms.batch_norm(input, running_mean, running_var, weight, bias, eps)
    return norms.group_norm(input, np.shape(input)[1], weight, bias, eps)


@ATEN("scaled_dot_product_attention")
def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    if dropout_p > 0:
        raise refused("attention with dropout in training mode", TRAINING)
    if enable_gqa:
        shares = np.shape(query)[-3] // np.shape(key)[-3]
        key, value = np.repeat(key, shares, axis=-3), np.repeat(value, shares, axis=-3)
    return attention.attention(query, key, value, attn_mask, is_causal, scale)


@ATEN("_weight_norm")
def _weight_norm(v: Any, g: Any, dim: int = 0) -> Any:
    axes = tuple(axis for axis in range(np.ndim(v)) if dim == -1 or axis != dim % np.ndim(v))
    return v * (g / np.sqrt(np.sum(np.square(v), axis=axes, keepdims=True)))


@ATEN("embedding")
def _embedding(
    weight: Any,
    indices: Any,
    known: Mapping[str, np.ndarray | None],
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
) -> Any:
    if scale_grad_by_freq:
        raise refused("an embedding with scale_grad_by_freq", "leave it out: its gradient is no derivative")
    if padding_idx >= 0:
        row = known["weight"]
        if row is None:
            raise refused("an embedding with padding_idx whose table is computed", "leave padding_idx out")
        weight = attention.with_constant_row(weight, padding_idx, row[padding_idx])
    return attention.embedding(indices, weight)


@ATEN("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
def _dropout(input: Any, p: float, train: bool) -> Any:
    if train and p > 0:
        raise refused("dropout in training mode", f"{TRAINING}, or write it with pcn.ops.dropout and masks as an input")
    return input


@ATEN("native_dropout")
def _drawn(**arguments: Any) -> Any:
    raise refused("random numbers drawn inside the module", f"{TRAINING}, or give them to it as an input")


@ATEN("_assert_tensor_metadata", "_assert_async", "_assert_scalar")
def _assertion(**arguments: Any) -> None:
    """What PyTorch has checked of the example."""
