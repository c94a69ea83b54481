"""NumPy's statistics of traced arrays, written with its sums and products: spread, weighted means, and covariance."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.ops.base import AbstractTraced, apply, size
from pcneuro.ops.maps import Map
from pcneuro.ops.reduce import Sum
from pcneuro.ops.reductions import axes_at, given, kept, masked, real_dtype, refuse_others
from pcneuro.ops.registry import answers, at_line, refuse


def _array(a: Any) -> Any:
    return a if isinstance(a, AbstractTraced) else np.asarray(a, dtype=np.float64)


def _freedom(name: str, ddof: Any, correction: Any) -> float:
    if given(correction):
        if ddof:
            raise refuse(f"{name} with both ddof= and correction=", "give one of them")
        ddof = correction
    if isinstance(ddof, AbstractTraced):
        raise refuse(f"{name} with a ddof that depends on the data", "give it as a constant")
    return float(ddof)


def _variance(
    name: str,
    a: Any,
    axis: Any,
    dtype: Any,
    out: Any,
    ddof: Any,
    keepdims: Any,
    where: Any,
    mean: Any,
    correction: Any,
) -> Any:
    refuse_others(name, out=out)
    real_dtype(name, dtype)
    free, a = _freedom(name, ddof, correction), _array(a)
    axes = axes_at(name, axis, a.shape)
    terms: Any = size(tuple(a.shape[i] for i in axes))
    masks = given(where) and where is not True
    if masks:
        terms = np.sum(np.broadcast_to(where, a.shape), axis=axes, keepdims=kept(keepdims))
    if not isinstance(terms, AbstractTraced) and np.min(terms) <= free:
        raise ShapeError(f"{name} of {np.min(terms)} values with ddof={free:g}: it takes more of them{at_line()}")
    if not given(mean):
        mean = np.mean(a, axis=axes, keepdims=True, **({"where": where} if masks else {}))
    squares = np.square(masked(name, a - mean, where, 0.0))
    if masks:
        return np.sum(squares, axis=axes, keepdims=kept(keepdims)) / (terms - free)
    return apply(Sum(axes, kept(keepdims), 1.0 / (terms - free)), squares)


@answers(np.var, np.nanvar)
def _var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = np._NoValue,
    mean: Any = np._NoValue,
    correction: Any = np._NoValue,
) -> Any:
    return _variance("np.var", a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@answers(np.std, np.nanstd)
def _std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = np._NoValue,
    mean: Any = np._NoValue,
    correction: Any = np._NoValue,
) -> Any:
    # Nothing comes back through the root of a variance that is zero, as with norms.
    return apply(Map("root"), _variance("np.std", a, axis, dtype, out, ddof, keepdims, where, mean, correction))


def _aligned_weights(a: Any, axes: tuple[int, ...], weights: Any) -> Any:
    """Weights of the array's shape, or of that of its axes alone, so that they broadcast to it."""
    if weights.shape == a.shape:
        return weights
    if weights.shape != tuple(a.shape[i] for i in axes):
        raise ShapeError(
            f"np.average over axes {axes} of shape {a.shape}: weights of shape {weights.shape} do not fit{at_line()}"
        )
    return np.reshape(weights, tuple(n if i in axes else 1 for i, n in enumerate(a.shape)))


@answers(np.average)
def _average(
    a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = np._NoValue
) -> Any:
    a = _array(a)
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=kept(keepdims))
        total: Any = np.float64(a.size // max(result.size, 1))
    else:
        order = (axis,) if np.ndim(axis) == 0 and axis is not None else axis
        weights = _array(weights)
        if order is not None and weights.shape != a.shape and len(order) == weights.ndim:
            # The weights' axes are those of axis=, in its order.
            weights = np.transpose(weights, tuple(np.argsort([i % a.ndim for i in order])))
        axes = axes_at("np.average", axis, a.shape)
        weights = _aligned_weights(a, axes, weights)
        total = np.sum(np.broadcast_to(weights, a.shape), axis=axes, keepdims=kept(keepdims))
        result = np.sum(a * weights, axis=axes, keepdims=kept(keepdims)) / total
    return (result, np.broadcast_to(total, result.shape)) if returned else result


def _frequencies(name: str, weights: Any, count: int) -> Any:
    if isinstance(weights, AbstractTraced):
        raise refuse(f"{name} that depend on the data", "give them as constants, or write the weighted sums")
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (count,) or (array < 0).any():
        raise ShapeError(f"{name}: give one for each of {count} observations, none negative{at_line()}")
    return array


@answers(np.cov)
def _cov(
    m: Any,
    y: Any = None,
    rowvar: Any = True,
    bias: Any = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    real_dtype("np.cov", dtype)
    m = _array(m)
    if m.ndim > 2 or (y is not None and np.ndim(y) > 2):
        raise ShapeError(f"np.cov of shape {m.shape}: it takes two axes at most{at_line()}")
    x = np.atleast_2d(m)
    x = x.T if not rowvar and m.ndim != 1 else x
    if y is not None:
        other = np.atleast_2d(_array(y))
        x = np.concatenate([x, other.T if not rowvar and other.shape[0] != 1 else other], axis=0)
    count = x.shape[1]
    free = (0 if bias else 1) if ddof is None else ddof
    weights, spent = None, float(free)
    if fweights is not None:
        weights = _frequencies("np.cov with fweights=", fweights, count)
    if aweights is not None:
        own = _frequencies("np.cov with aweights=", aweights, count)
        weights = own if weights is None else weights * own
        spent = free * float((weights * own).sum() / weights.sum()) if free else 0.0
    left = (count if weights is None else float(weights.sum())) - spent
    if left <= 0:
        raise ShapeError(f"np.cov of {count} observations with ddof={free}: it takes more of them{at_line()}")
    x = x - np.expand_dims(np.average(x, axis=1, weights=weights), 1)
    weighted = x if weights is None else x * weights
    return np.squeeze((x @ weighted.T) / left)


@answers(np.corrcoef)
def _corrcoef(x: Any, y: Any = None, rowvar: Any = True, *, dtype: Any = None) -> Any:
    covariance = np.cov(x, y, rowvar, dtype=dtype)
    if not covariance.ndim:
        return covariance / covariance
    spread = np.sqrt(np.diagonal(covariance))
    return covariance / (np.expand_dims(spread, 1) * spread)
