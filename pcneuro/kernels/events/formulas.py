"""Formulas of one unit: a list of codes for a machine with a stack, so that a new function compiles nothing.

Where ``kernels.elementwise`` works on rows of samples, this is for units one by one, as events reach them.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from pcneuro.kernels.cache import usable

CACHE = usable()

NUMBER, OPERAND, OUT = range(3)
"""Codes that push something: a number, an operand, the function's own value. Each is followed by an index."""
ONE = (
    "negative absolute sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh "
    "arcsinh arccosh arctanh sign reciprocal square sigmoid relu positive heaviside erf tanh_slope sigmoid_slope"
).split()
TWO = "add subtract multiply divide power maximum minimum logaddexp hypot multiply_or_zero".split()
FIRST_ONE, FIRST_TWO = 3, 3 + len(ONE)
CODES = {name: FIRST_ONE + k for k, name in enumerate([*ONE, *TWO])}
"""Primitive -> its code."""
DEPTH = 256
"""Room on the stack; formulas are nested 100 deep at most."""


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _root(x):  # type: ignore[no-untyped-def]
    return math.copysign(abs(x) ** (1.0 / 3.0), x)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _step(x, middle):  # type: ignore[no-untyped-def]
    if x > 0.0:
        return 1.0
    return middle if x == 0.0 else x * 0.0


@njit(cache=CACHE, nogil=True, error_model="numpy")
def one(code, x):  # type: ignore[no-untyped-def]
    """A primitive of one number, in float64."""
    k = code - FIRST_ONE
    if k < 12:
        if k == 0:
            return -x
        if k == 1:
            return abs(x)
        if k == 2:
            return np.sqrt(x)
        if k == 3:
            return _root(x)
        if k == 4:
            return np.exp(x)
        if k == 5:
            return np.exp2(x)
        if k == 6:
            return np.expm1(x)
        if k == 7:
            return np.log(x)
        if k == 8:
            return np.log2(x)
        if k == 9:
            return np.log10(x)
        return np.log1p(x) if k == 10 else np.sin(x)
    if k < 24:
        if k == 12:
            return np.cos(x)
        if k == 13:
            return np.tan(x)
        if k == 14:
            return np.arcsin(x)
        if k == 15:
            return np.arccos(x)
        if k == 16:
            return np.arctan(x)
        if k == 17:
            return np.sinh(x)
        if k == 18:
            return np.cosh(x)
        if k == 19:
            return np.tanh(x)
        if k == 20:
            return np.arcsinh(x)
        if k == 21:
            return np.arccosh(x)
        return np.arctanh(x) if k == 22 else np.sign(x)
    if k == 24:
        return 1.0 / x
    if k == 25:
        return x * x
    if k == 26:
        return 1.0 / (1.0 + np.exp(-x))
    if k == 27:
        return x if x > 0.0 or x != x else 0.0
    if k == 28:
        return _step(x, 0.0)
    if k == 29:
        return _step(x, 0.5)
    if k == 30:
        return math.erf(x)
    return (1.0 - x) * (1.0 + x) if k == 31 else x * (1.0 - x)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def two(code, x, y):  # type: ignore[no-untyped-def]
    """A primitive of two numbers, in float64."""
    k = code - FIRST_TWO
    if k == 0:
        return x + y
    if k == 1:
        return x - y
    if k == 2:
        return x * y
    if k == 3:
        return x / y
    if k == 4:
        return x**y
    if k == 5:
        return np.maximum(x, y)
    if k == 6:
        return np.minimum(x, y)
    if k == 7:
        return np.logaddexp(x, y)
    if k == 8:
        return np.hypot(x, y)
    return x * y if x != 0.0 else 0.0


@njit(cache=CACHE, nogil=True, error_model="numpy")
def evaluate(codes, numbers, begin, end, operands, out, stack):  # type: ignore[no-untyped-def]
    """The value of codes[begin:end] at these operands; ``stack`` has room for DEPTH. Writes ``stack``."""
    depth = 0
    at = begin
    while at < end:
        code = codes[at]
        at += 1
        if code < FIRST_ONE:
            if code == NUMBER:
                stack[depth] = numbers[codes[at]]
            elif code == OPERAND:
                stack[depth] = operands[codes[at]]
            else:
                stack[depth] = out
            at += 1
            depth += 1
        elif code < FIRST_TWO:
            stack[depth - 1] = one(code, stack[depth - 1])
        else:
            depth -= 1
            stack[depth - 1] = two(code, stack[depth - 1], stack[depth])
    return stack[0]
