"""Sums, means and the like over axes; softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.importing.aten.table import ATEN, refused
from pcneuro.importing.layers import attention, pooling
from pcneuro.importing.layers.samples import all_from_last, from_last, without_leading


def reduced(function: Callable[..., Any], x: Any, dim: Any, keepdim: bool) -> Any:
    """A function over axes of x, all of them where none are given."""
    axes = all_from_last(dim, np.ndim(x))
    if -np.ndim(x) in axes:
        return function(x, axis=axes, keepdims=keepdim)
    return without_leading(lambda sample: function(sample, axis=axes, keepdims=keepdim), x)


@ATEN("sum")
def _sum(self: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return reduced(np.sum, self, dim, keepdim)


@ATEN("mean")
def _mean(self: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return reduced(np.mean, self, dim, keepdim)


@ATEN("prod")
def _prod(self: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return reduced(np.prod, self, dim, keepdim)


@ATEN("amax")
def _amax(self: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return reduced(np.max, self, dim, keepdim)


@ATEN("amin")
def _amin(self: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return reduced(np.min, self, dim, keepdim)


def _largest(x: Any, dim: int | None, keepdim: bool, sign: float) -> Any:
    """The largest of all, or the first largest along an axis and its place; with sign -1 the smallest."""
    if dim is None:
        return reduced(np.max if sign > 0 else np.min, x, None, keepdim)
    values = pooling.first_largest(x, dim) if sign > 0 else -pooling.first_largest(-x, dim)
    place = (np.argmax if sign > 0 else np.argmin)(x, axis=dim, keepdims=keepdim)
    return (np.expand_dims(values, dim) if keepdim else values), place


@ATEN("max")
def _max(self: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    return _largest(self, dim, keepdim, 1.0)


@ATEN("min")
def _min(self: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    return _largest(self, dim, keepdim, -1.0)


@ATEN("sort")
def _sort(self: Any, dim: int = -1, descending: bool = False, stable: bool | None = None) -> Any:
    if descending:
        return -np.sort(-self, axis=dim), np.argsort(-self, axis=dim)
    return np.sort(self, axis=dim), np.argsort(self, axis=dim)


@ATEN("argsort")
def _argsort(self: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    return np.argsort(-self if descending else self, axis=dim)


@ATEN("topk")
def _topk(self: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    return tuple(np.take(part, np.arange(k), axis=dim) for part in _sort(self, dim, descending=largest))


@ATEN("argmax")
def _argmax(self: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    return np.argmax(self, axis=dim, keepdims=keepdim)


@ATEN("argmin")
def _argmin(self: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    return np.argmin(self, axis=dim, keepdims=keepdim)


@ATEN("any")
def _any(self: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return reduced(np.any, self, dim, keepdim)


@ATEN("all")
def _all(self: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return reduced(np.all, self, dim, keepdim)


def _correction(correction: float | None, unbiased: bool) -> float:
    return float(unbiased) if correction is None else float(correction)


@ATEN("var")
def _var(
    self: Any, dim: Any = None, unbiased: bool = True, correction: float | None = None, keepdim: bool = False
) -> Any:
    free = _correction(correction, unbiased)

    def variance(x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
        count = math.prod(np.shape(x)[a] for a in axis)
        centred = x - np.mean(x, axis=axis, keepdims=True)
        return np.sum(np.square(centred), axis=axis, keepdims=keepdims) / (count - free)

    return reduced(variance, self, dim, keepdim)


@ATEN("std")
def _std(
    self: Any, dim: Any = None, unbiased: bool = True, correction: float | None = None, keepdim: bool = False
) -> Any:
    return np.sqrt(_var(self, dim, unbiased, correction, keepdim))


@ATEN("var_mean")
def _var_mean(
    self: Any, dim: Any = None, unbiased: bool = True, correction: float | None = None, keepdim: bool = False
) -> Any:
    return _var(self, dim, unbiased, correction, keepdim), _mean(self, dim, keepdim)


@ATEN("std_mean")
def _std_mean(
    self: Any, dim: Any = None, unbiased: bool = True, correction: float | None = None, keepdim: bool = False
) -> Any:
    return _std(self, dim, unbiased, correction, keepdim), _mean(self, dim, keepdim)


def _root(squares: Any) -> Any:
    """The square root, whose derivative at 0 is 0, as PyTorch has it for norms."""
    nothing = squares == 0
    return np.where(nothing, 0.0, np.sqrt(np.where(nothing, 1.0, squares)))


def _norm_of(order: Any, x: Any, dim: Any, keepdim: bool) -> Any:
    if order is None or order == 2:
        squares = reduced(np.sum, without_leading(np.square, x), dim, keepdim)
        return without_leading(_root, squares)
    size = without_leading(np.abs, x)
    if order == 1:
        return reduced(np.sum, size, dim, keepdim)
    if abs(order) == math.inf:
        return reduced(np.max if order > 0 else np.min, size, dim, keepdim)
    if order == 0:
        raise refused("a norm of order 0, a count,", "its derivative is 0 wherever it has one")
    return reduced(np.sum, without_leading(lambda a: a**order, size), dim, keepdim) ** (1 / order)


@ATEN("linalg_vector_norm")
def _linalg_vector_norm(self: Any, ord: float = 2, dim: Any = None, keepdim: bool = False) -> Any:
    return _norm_of(ord, self, dim, keepdim)


@ATEN("norm")
def _norm(self: Any, p: float | None = 2, dim: Any = None, keepdim: bool = False) -> Any:
    return _norm_of(p, self, dim, keepdim)


@ATEN("logsumexp", "special_logsumexp")
def _logsumexp(self: Any, dim: Any, keepdim: bool = False) -> Any:
    # log_softmax is x less the logarithm that is looked for, and computed so that nothing overflows.
    axes = all_from_last(dim, np.ndim(self))
    if len(axes) > 1:
        raise refused("logsumexp over several axes", "flatten them first")
    return reduced(np.mean, self - attention.log_softmax(self, axes[0]), axes, keepdim)


@ATEN("softmax", "_softmax")
def _softmax(self: Any, dim: int, half_to_float: bool = False) -> Any:
    return attention.softmax(self, from_last(dim, np.ndim(self)))


@ATEN("log_softmax", "_log_softmax")
def _log_softmax(self: Any, dim: int, half_to_float: bool = False) -> Any:
    return attention.log_softmax(self, from_last(dim, np.ndim(self)))


@ATEN("cumsum")
def _cumsum(self: Any, dim: int) -> Any:
    return np.cumsum(self, axis=dim)


@ATEN("cumprod")
def _cumprod(self: Any, dim: int) -> Any:
    return np.cumprod(self, axis=dim)


@ATEN("pairwise_distance")
def _pairwise_distance(x1: Any, x2: Any, p: float = 2, eps: float = 1e-06, keepdim: bool = False) -> Any:
    return _norm_of(p, without_leading(lambda a, b: a - b + eps, x1, x2), -1, keepdim)


@ATEN("median")
def _median(self: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    if dim is None:
        return _kthvalue(np.ravel(self), (np.size(self) + 1) // 2, 0)[0]
    return _kthvalue(self, (np.shape(self)[dim] + 1) // 2, dim, keepdim)


@ATEN("kthvalue")
def _kthvalue(self: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    place = [k - 1] if keepdim else k - 1
    return tuple(np.take(part, place, axis=dim) for part in _sort(self, dim))


@ATEN("cosine_similarity")
def _cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-08) -> Any:
    product = reduced(np.sum, without_leading(np.multiply, x1, x2), dim, False)
    lengths = [np.maximum(_norm_of(2, x, dim, False), eps) for x in (x1, x2)]
    return product / (lengths[0] * lengths[1])
