"""The functions of scipy.special that have a derivative, on traced arrays. SciPy itself is not imported for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.ops.base import AbstractTraced, apply
from pcneuro.ops.maps import Map
from pcneuro.ops.registry import answers, answers_ufunc, refuse

# Name there -> name of the formula
_FORMULAS = {"psi": "digamma", "expit": "sigmoid", "round": "rint"} | {
    name: name
    for name in (
        "logit erf erfc erfinv erfcinv ndtr ndtri log_ndtr log_expit gammaln gamma xlogy xlog1py entr rel_entr kl_div "
        "exprel cosm1 boxcox exp2 exp10 expm1 log1p cbrt i0 i1 i0e i1e"
    ).split()
}


def _formula(name: str) -> Callable[..., Any]:
    return lambda *operands: apply(Map(name), *operands)


for _name, _function in _FORMULAS.items():
    answers_ufunc("scipy.special", _name)(_formula(_function))


@answers(np.i0)
def _i0(x: Any) -> Any:
    return apply(Map("i0"), x)


def polygamma(n: Any, x: Any) -> Any:
    """The derivative of digamma of the order n, a whole number or several."""
    if isinstance(n, AbstractTraced):
        raise refuse("scipy.special.polygamma with a traced order", "give a whole number, or an array of them")
    return apply(Map("polygamma"), n, x)


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: Any = False, return_sign: Any = False) -> Any:
    """log(sum(b*exp(a))) over axes, around the largest term; with ``return_sign`` of the sum's size, and its sign."""
    if b is not None:
        shape = np.broadcast_shapes(np.shape(a), np.shape(b))
        a, b = np.broadcast_to(a, shape), np.broadcast_to(b, shape)
        if not isinstance(b, AbstractTraced):
            # What counts for nothing may be the largest.
            a = np.where(b != 0, a, -np.inf)
    most = float(np.finfo(np.float64).max)
    # A term that is infinite is what all is.
    largest = np.clip(np.max(a, axis=axis, keepdims=True), -most, most)
    terms = np.exp(a - largest)
    total = np.sum(terms if b is None else b * terms, axis=axis, keepdims=True)
    size = np.log(np.abs(total) if return_sign else total) + largest
    if not keepdims:
        total, size = (np.squeeze(x, axis=axis) for x in (total, size))
    return (size, np.sign(total)) if return_sign else size


def over_axes(function: Callable[[Any, int], Any], x: Any, axis: Any) -> Any:
    """A function over one axis, over several or all of them as if they were one."""
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1:
        return function(x, axes[0])
    axes = tuple(k % x.ndim for k in axes)
    if not axes:
        return function(np.reshape(x, (*x.shape, 1)), -1).reshape(x.shape)
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(x, axes, last)
    flat = np.reshape(moved, (*moved.shape[: -len(axes)], -1))
    return np.moveaxis(np.reshape(function(flat, -1), moved.shape), last, axes)
