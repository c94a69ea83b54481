"""The primitive functions of which every elementwise operator is made: one kernel each, with its NumPy twin.

Forward functions and derivatives alike are expressions over these (see ``formula``), so that a new transfer function,
a user's expression included, is a list of instructions and compiles nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.extending import register_jitable

from pcneuro.kernels.dispatch import IDENTITY, LANES, OK, op_kernel, row

LN2 = math.log(2.0)


@dataclass(frozen=True)
class Primitive:
    """A function of one or two numbers: ``scalar`` is compiled, ``numpy`` is its twin on arrays."""

    name: str
    arity: int
    scalar: Callable[..., Any]
    numpy: Callable[..., Any]


PRIMITIVES: dict[str, Primitive] = {}


def _unary_kernel(scalar: Callable[..., Any]) -> Callable[..., int]:
    def kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
        lanes = context[LANES]
        out, src, index, is_shared, n = ints[at] * lanes, ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
        if is_shared == 1:
            for u in range(n):
                x = scalar(shared[src + row(ints, index, u)])
                for i in range(lanes):
                    buf[out + u * lanes + i] = x
        elif index == IDENTITY:
            for i in range(n * lanes):
                buf[out + i] = scalar(buf[src * lanes + i])
        else:
            for u in range(n):
                s = (src + row(ints, index, u)) * lanes
                for i in range(lanes):
                    buf[out + u * lanes + i] = scalar(buf[s + i])
        return OK

    return kernel


def _binary_kernel(scalar: Callable[..., Any]) -> Callable[..., int]:
    def kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
        lanes = context[LANES]
        out, n = ints[at] * lanes, ints[at + 7]
        a, ia, a_shared = ints[at + 1], ints[at + 2], ints[at + 3]
        b, ib, b_shared = ints[at + 4], ints[at + 5], ints[at + 6]
        if a_shared == 1 and b_shared == 1:
            for u in range(n):
                x = scalar(shared[a + row(ints, ia, u)], shared[b + row(ints, ib, u)])
                for i in range(lanes):
                    buf[out + u * lanes + i] = x
        elif a_shared == 1:
            for u in range(n):
                x = shared[a + row(ints, ia, u)]
                s = (b + row(ints, ib, u)) * lanes
                for i in range(lanes):
                    buf[out + u * lanes + i] = scalar(x, buf[s + i])
        elif b_shared == 1:
            for u in range(n):
                y = shared[b + row(ints, ib, u)]
                s = (a + row(ints, ia, u)) * lanes
                for i in range(lanes):
                    buf[out + u * lanes + i] = scalar(buf[s + i], y)
        elif ia == IDENTITY and ib == IDENTITY:
            for i in range(n * lanes):
                buf[out + i] = scalar(buf[a * lanes + i], buf[b * lanes + i])
        else:
            for u in range(n):
                s = (a + row(ints, ia, u)) * lanes
                t = (b + row(ints, ib, u)) * lanes
                for i in range(lanes):
                    buf[out + u * lanes + i] = scalar(buf[s + i], buf[t + i])
        return OK

    return kernel


def _primitive(name: str, arity: int, numpy: Callable[..., Any], scalar: Callable[..., Any] | None = None) -> None:
    # Not njit: the kernel caches by what its closure holds, and a dispatcher is another one in every process.
    function = register_jitable(scalar) if scalar is not None else numpy
    PRIMITIVES[name] = Primitive(name, arity, function, numpy)
    op_kernel(name)((_unary_kernel if arity == 1 else _binary_kernel)(function))


def _reciprocal(x):  # type: ignore[no-untyped-def]
    return 1 / x


def _square(x):  # type: ignore[no-untyped-def]
    return x * x


def _sigmoid(x):  # type: ignore[no-untyped-def]
    return 1 / (1 + np.exp(-x))


def _heaviside(x):  # type: ignore[no-untyped-def]
    return x * 0 + 0.5 + 0.5 * np.sign(x)


def _positive_part(x):  # type: ignore[no-untyped-def]
    # Keeps NaN, as np.maximum does.
    return x if not x <= 0 else x * 0


def _positive(x):  # type: ignore[no-untyped-def]
    return 1.0 if x > 0 else 0.0


def _erf(x):  # type: ignore[no-untyped-def]
    return math.erf(x)


def _erf_numpy(x):  # type: ignore[no-untyped-def]
    from scipy.special import erf

    return erf(x)


for _name in (
    "negative absolute sign sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan "
    "sinh cosh tanh arcsinh arccosh arctanh"
).split():
    _primitive(_name, 1, getattr(np, _name))
_primitive("reciprocal", 1, lambda x: 1.0 / x, _reciprocal)
_primitive("square", 1, np.square, _square)
_primitive("sigmoid", 1, _sigmoid, _sigmoid)
_primitive("relu", 1, lambda x: np.maximum(x, 0), _positive_part)
_primitive("positive", 1, lambda x: np.where(x > 0, 1.0, 0.0), _positive)
_primitive("heaviside", 1, _heaviside, _heaviside)
_primitive("erf", 1, _erf_numpy, _erf)
for _name in "add subtract multiply divide power maximum minimum logaddexp hypot".split():
    _primitive(_name, 2, getattr(np, _name))
