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

from pcneuro.kernels.dispatch import IDENTITY, LANES, OK, SCALAR, ix, op_kernel, row
from pcneuro.kernels.elementwise import TWINS, apply_one, apply_two

LN2 = math.log(2.0)


@dataclass(frozen=True)
class Primitive:
    """A function of one or two numbers; ``numpy`` is what its kernel computes, on arrays.

    ``derivatives`` are expressions of the operands x and y and of the value ``out``, one for each operand. What appears
    in derivatives only has none itself.
    """

    name: str
    arity: int
    numpy: Callable[..., Any]
    derivatives: tuple[str, ...]


PRIMITIVES: dict[str, Primitive] = {}


# The kernels hold the name of their function, not the function: Numba caches by what a closure holds, and an intrinsic
# is another one in every process.
def _unary_kernel(name: str) -> Callable[..., int]:
    def kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
        lanes = context[LANES]
        out, src, index, is_shared, n = ints[at] * lanes, ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
        source = src * lanes
        if is_shared == 1 or index != IDENTITY:
            # Rows that do not follow each other are copied to where the result will be.
            source = out
            for u in range(n):
                if is_shared == 1:
                    x = shared[ix(src + row(ints, index, u))]
                    for i in range(lanes):
                        buf[ix(out + u * lanes + i)] = x
                else:
                    s = (src + row(ints, index, u)) * lanes
                    for i in range(lanes):
                        buf[ix(out + u * lanes + i)] = buf[ix(s + i)]
        apply_one(name, buf, out, source, n * lanes)
        return OK

    return kernel


def _binary_kernel(name: str) -> Callable[..., int]:
    def kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
        lanes = context[LANES]
        out, n = ints[at] * lanes, ints[at + 7]
        a, ia, a_shared = ints[at + 1], ints[at + 2], ints[at + 3]
        b, ib, b_shared = ints[at + 4], ints[at + 5], ints[at + 6]
        # One row of numbers instead of n rows of lanes, wherever the operands allow.
        rows, length = n, lanes
        a_index, b_index = SCALAR if a_shared == 1 else IDENTITY, SCALAR if b_shared == 1 else IDENTITY
        flat = lanes == 1 or (ia == a_index and ib == b_index)
        if flat:
            rows, length, a_index, b_index = 1, n * lanes, ia, ib
        for u in range(rows):
            first, second = a, b
            if not flat:
                first, second = a + row(ints, ia, u), b + row(ints, ib, u)
            if a_shared == 0:
                first *= lanes
            if b_shared == 0:
                second *= lanes
            o = out + u * lanes
            apply_two(name, buf, shared, ints, o, first, a_shared, a_index, second, b_shared, b_index, length)
        return OK

    return kernel


def _primitive(name: str, arity: int, *derivatives: str, numpy: Callable[..., Any] | None = None) -> None:
    """Register a primitive, ``FUNCTIONS[name]`` as a kernel; where no twin is given it is NumPy's of that name."""
    twin = numpy or getattr(np, name)
    PRIMITIVES[name] = Primitive(name, arity, twin, derivatives)
    TWINS[name] = twin
    op_kernel(name)((_unary_kernel if arity == 1 else _binary_kernel)(name))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _multiply_or_zero_numpy(x: Any, y: Any) -> Any:
    out = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y)), np.result_type(x, y))
    return np.multiply(x, y, out=out, where=np.not_equal(x, 0))


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
_primitive("reciprocal", 1, "-square(out)", numpy=lambda x: 1.0 / x)
_primitive("square", 1, "2*x")
_primitive("sigmoid", 1, "out*(1 - out)", numpy=_sigmoid)
_primitive("relu", 1, "positive(x)", numpy=lambda x: np.maximum(x, 0))
_primitive("positive", 1, numpy=lambda x: np.heaviside(x, 0))
_primitive("heaviside", 1, numpy=lambda x: np.heaviside(x, 0.5))
_primitive("erf", 1, "1.1283791670955126*exp(-square(x))", numpy=_erf_numpy)
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
_primitive("multiply_or_zero", 2, numpy=_multiply_or_zero_numpy)
_primitive("tanh_slope", 1, numpy=lambda y: (1 - y) * (1 + y))
_primitive("sigmoid_slope", 1, numpy=lambda y: y * (1 - y))
