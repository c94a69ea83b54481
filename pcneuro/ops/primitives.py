"""The primitive functions of which every elementwise operator is made: kernel, NumPy twin and derivatives of each.

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

from pcneuro.kernels.dispatch import IDENTITY, LANES, OK, ix, op_kernel, row

LN2 = math.log(2.0)


@dataclass(frozen=True)
class Primitive:
    """A function of one or two numbers: ``scalar`` is compiled, ``numpy`` is its twin on arrays.

    ``derivatives`` are expressions of the operands x and y and of the value ``out``, one for each operand. What appears
    in derivatives only has none itself.
    """

    name: str
    arity: int
    scalar: Callable[..., Any]
    numpy: Callable[..., Any]
    derivatives: tuple[str, ...]


PRIMITIVES: dict[str, Primitive] = {}


def _unary_kernel(scalar: Callable[..., Any]) -> Callable[..., int]:
    def kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
        lanes = context[LANES]
        out, src, index, is_shared, n = ints[at] * lanes, ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
        if is_shared == 1:
            for u in range(n):
                x = scalar(shared[ix(src + row(ints, index, u))])
                for i in range(lanes):
                    buf[ix(out + u * lanes + i)] = x
        elif index == IDENTITY:
            for i in range(n * lanes):
                buf[ix(out + i)] = scalar(buf[ix(src * lanes + i)])
        else:
            for u in range(n):
                s = (src + row(ints, index, u)) * lanes
                for i in range(lanes):
                    buf[ix(out + u * lanes + i)] = scalar(buf[ix(s + i)])
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
                x = scalar(shared[ix(a + row(ints, ia, u))], shared[ix(b + row(ints, ib, u))])
                for i in range(lanes):
                    buf[ix(out + u * lanes + i)] = x
        elif a_shared == 1:
            for u in range(n):
                x = shared[ix(a + row(ints, ia, u))]
                s = (b + row(ints, ib, u)) * lanes
                for i in range(lanes):
                    buf[ix(out + u * lanes + i)] = scalar(x, buf[ix(s + i)])
        elif b_shared == 1:
            for u in range(n):
                y = shared[ix(b + row(ints, ib, u))]
                s = (a + row(ints, ia, u)) * lanes
                for i in range(lanes):
                    buf[ix(out + u * lanes + i)] = scalar(buf[ix(s + i)], y)
        elif ia == IDENTITY and ib == IDENTITY:
            for i in range(n * lanes):
                buf[ix(out + i)] = scalar(buf[ix(a * lanes + i)], buf[ix(b * lanes + i)])
        else:
            for u in range(n):
                s = (a + row(ints, ia, u)) * lanes
                t = (b + row(ints, ib, u)) * lanes
                for i in range(lanes):
                    buf[ix(out + u * lanes + i)] = scalar(buf[ix(s + i)], buf[ix(t + i)])
        return OK

    return kernel


def _primitive(
    name: str,
    arity: int,
    *derivatives: str,
    numpy: Callable[..., Any] | None = None,
    scalar: Callable[..., Any] | None = None,
) -> None:
    """Register a primitive; where neither function is given both are NumPy's of that name."""
    twin = numpy or getattr(np, name)
    # Not njit: the kernel caches by what its closure holds, and a dispatcher is another one in every process.
    function = register_jitable(scalar) if scalar is not None else twin
    PRIMITIVES[name] = Primitive(name, arity, function, twin, derivatives)
    op_kernel(name)((_unary_kernel if arity == 1 else _binary_kernel)(function))


def _reciprocal(x):  # type: ignore[no-untyped-def]
    return 1 / x


def _square(x):  # type: ignore[no-untyped-def]
    return x * x


def _sigmoid(x):  # type: ignore[no-untyped-def]
    return 1 / (1 + np.exp(-x))


def _heaviside(x):  # type: ignore[no-untyped-def]
    return 0.5 + 0.5 * np.sign(x)


# A literal float32 is the one zero that keeps either type of x.
_ZERO, _ONE = np.float32(0), np.float32(1)


def _positive_part(x):  # type: ignore[no-untyped-def]
    # Keeps NaN, as np.maximum does.
    return x if not x <= 0 else _ZERO


def _positive(x):  # type: ignore[no-untyped-def]
    return _ONE if x > 0 else (_ZERO if x <= 0 else x)


def _multiply_or_zero(x, y):  # type: ignore[no-untyped-def]
    """x y, and 0 where x is, even if y is not finite there: the limit that x^y and its derivatives need at zero."""
    return x * y if x != 0 else _ZERO


def _multiply_or_zero_numpy(x: Any, y: Any) -> Any:
    out = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y)), np.result_type(x, y))
    return np.multiply(x, y, out=out, where=np.not_equal(x, 0))


def _erf(x):  # type: ignore[no-untyped-def]
    return math.erf(x)


def _erf_numpy(x: Any) -> Any:
    from scipy.special import erf

    return erf(x)


for _name, *_derivatives in (
    ("negative", "-1"),
    ("absolute", "sign(x)"),
    ("sqrt", "0.5*reciprocal(out)"),
    ("cbrt", "reciprocal(3*square(out))"),
    ("exp", "out"),
    ("exp2", "ln2*out"),
    ("expm1", "exp(x)"),
    ("log", "reciprocal(x)"),
    ("log2", "reciprocal(ln2*x)"),
    ("log10", "reciprocal(2.302585092994046*x)"),
    ("log1p", "reciprocal(1 + x)"),
    ("sin", "cos(x)"),
    ("cos", "-sin(x)"),
    ("tan", "1 + square(out)"),
    ("arcsin", "reciprocal(sqrt(1 - square(x)))"),
    ("arccos", "-reciprocal(sqrt(1 - square(x)))"),
    ("arctan", "reciprocal(1 + square(x))"),
    ("sinh", "cosh(x)"),
    ("cosh", "sinh(x)"),
    ("tanh", "1 - square(out)"),
    ("arcsinh", "reciprocal(sqrt(1 + square(x)))"),
    ("arccosh", "reciprocal(sqrt(square(x) - 1))"),
    ("arctanh", "reciprocal(1 - square(x))"),
    ("sign",),
):
    _primitive(_name, 1, *_derivatives)
_primitive("reciprocal", 1, "-square(out)", numpy=lambda x: 1.0 / x, scalar=_reciprocal)
_primitive("square", 1, "2*x", scalar=_square)
_primitive("sigmoid", 1, "out*(1 - out)", numpy=_sigmoid, scalar=_sigmoid)
_primitive("relu", 1, "positive(x)", numpy=lambda x: np.maximum(x, 0), scalar=_positive_part)
_primitive("positive", 1, numpy=lambda x: np.heaviside(x, 0), scalar=_positive)
_primitive("heaviside", 1, numpy=lambda x: np.heaviside(x, 0.5), scalar=_heaviside)
_primitive("erf", 1, "1.1283791670955126*exp(-square(x))", numpy=_erf_numpy, scalar=_erf)
for _name, *_derivatives in (
    ("add", "1", "1"),
    ("subtract", "1", "-1"),
    ("multiply", "y", "x"),
    ("divide", "reciprocal(y)", "-out/y"),
    ("power", "multiply_or_zero(y, x**(y - 1))", "multiply_or_zero(out, log(x))"),
    ("maximum", "heaviside(x - y)", "heaviside(y - x)"),
    ("minimum", "heaviside(y - x)", "heaviside(x - y)"),
    ("logaddexp", "exp(x - out)", "exp(y - out)"),
    ("hypot", "multiply_or_zero(x, reciprocal(out))", "multiply_or_zero(y, reciprocal(out))"),
):
    _primitive(_name, 2, *_derivatives)
_primitive("multiply_or_zero", 2, numpy=_multiply_or_zero_numpy, scalar=_multiply_or_zero)
