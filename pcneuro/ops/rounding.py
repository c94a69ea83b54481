"""NumPy's functions of single numbers that are no ufuncs, or have more results or arguments than a formula.

Steps (``round``, ``floor_divide``, ``sign`` and their kin) have the derivative 0, also where they jump.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.ops.base import AbstractTraced, apply
from pcneuro.ops.maps import Map
from pcneuro.ops.registry import answers, refuse


def _no_out(name: str, out: Any) -> None:
    if out is not None:
        raise refuse(f"np.{name} with out=", f"use what np.{name} returns")


@answers(np.round, np.around)
def _round(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    """To a number of decimals, as NumPy does it: multiplied by a power of ten, rounded, and divided by it."""
    _no_out("round", out)
    if decimals == 0:
        return np.rint(a)
    factor = 10.0 ** abs(decimals)
    return np.rint(a * factor) / factor if decimals > 0 else np.rint(a / factor) * factor


@answers(np.fix)
def _fix(x: Any, out: Any = None) -> Any:
    _no_out("fix", out)
    return np.trunc(x)


@answers(np.sinc)
def _sinc(x: Any) -> Any:
    return apply(Map("sinc"), x)


@answers(np.heaviside)
def _heaviside(x1: Any, x2: Any) -> Any:
    return apply(Map("step_or"), x1, x2)


@answers(np.divmod)
def _divmod(x1: Any, x2: Any) -> Any:
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@answers(np.modf)
def _modf(x: Any) -> Any:
    return x - np.trunc(x), np.trunc(x)


@answers(np.ldexp)
def _ldexp(x1: Any, x2: Any) -> Any:
    if isinstance(x2, AbstractTraced):
        raise refuse("np.ldexp with a traced exponent", "write x * np.exp2(n)")
    # In two steps: 2.0**n itself may be no number of its own.
    half = np.asarray(x2) // 2
    return x1 * np.exp2(half) * np.exp2(x2 - half)


@answers(np.nan_to_num)
def _nan_to_num(x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if not copy:
        raise refuse("np.nan_to_num with copy=False", "use what np.nan_to_num returns")
    most = float(np.finfo(np.float64).max)
    high, low = (most if posinf is None else posinf), (-most if neginf is None else neginf)
    return apply(Map("numbers_or"), x, nan, high, low)


@answers(np.unwrap)
def _unwrap(p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 2 * np.pi) -> Any:
    """Whole periods are taken off the steps between neighbours, so that none is longer than half of one.

    A step of exactly half a period stays, whatever its sign.
    """
    steps = np.diff(p, axis=axis)
    size = np.abs(steps)
    jumps = -period * np.sign(steps) * np.ceil(size / period - 0.5)
    if discont is not None and discont > period / 2:
        jumps = jumps * (1.0 - apply(Map("positive"), discont - size))
    first = np.take(p, [0], axis=axis)
    rest = np.take(p, np.arange(1, p.shape[axis]), axis=axis)
    return np.concatenate([first, rest + np.cumsum(jumps, axis=axis)], axis=axis)
