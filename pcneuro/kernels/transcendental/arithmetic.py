"""What takes an instruction or two: as vectors, beside the functions that take more."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.vectors import Real, where
from pcneuro.kernels.vectors import copysign as with_sign


def negative(x: Real) -> Real:
    """-x."""
    return -x


def absolute(x: Real) -> Real:
    """|x|."""
    return abs(x)


def sign(x: Real) -> Real:
    """-1, 0 or 1; NaN stays."""
    return where(x > 0, x.number(1), where(x < 0, x.number(-1), where(x == 0, x.number(0), x)))


def reciprocal(x: Real) -> Real:
    """1/x."""
    return 1 / x


def square(x: Real) -> Real:
    """x^2."""
    return x * x


def tanh_slope(y: Real) -> Real:
    """1 - y^2, the derivative of tanh where its value is y; in this form nothing cancels near 1."""
    return (1 - y) * (1 + y)


def sigmoid_slope(y: Real) -> Real:
    """y (1 - y), the derivative of sigmoid where its value is y."""
    return y * (1 - y)


def relu(x: Real) -> Real:
    """Where x is not positive, 0; NaN stays, as in np.maximum."""
    return where(x <= 0, x.number(0), x)


def positive(x: Real) -> Real:
    """1 where x is positive, else 0; NaN stays."""
    return where(x > 0, x.number(1), where(x <= 0, x.number(0), x))


def heaviside(x: Real) -> Real:
    """The same, with 1/2 at 0."""
    return 0.5 + 0.5 * sign(x)


def add(x: Real, y: Real) -> Real:
    """x + y."""
    return x + y


def subtract(x: Real, y: Real) -> Real:
    """x - y."""
    return x - y


def multiply(x: Real, y: Real) -> Real:
    """x y."""
    return x * y


def divide(x: Real, y: Real) -> Real:
    """x/y."""
    return x / y


def maximum(x: Real, y: Real) -> Real:
    """The larger; NaN where one is."""
    return where((x >= y) | (x != x), x, y)


def minimum(x: Real, y: Real) -> Real:
    """The smaller; NaN where one is."""
    return where((x <= y) | (x != x), x, y)


def multiply_or_zero(x: Real, y: Real) -> Real:
    """x y, and 0 where x is, even if y is not finite there: the limit that x^y and its derivatives need at zero."""
    return where(x == 0, x.number(0), x * y)


def less(x: Real, y: Real) -> Real:
    """1 where x < y, else 0, where one of them is NaN, too."""
    return where(x < y, x.number(1), x.number(0))


def less_equal(x: Real, y: Real) -> Real:
    """1 where x <= y, else 0."""
    return where(x <= y, x.number(1), x.number(0))


def equal(x: Real, y: Real) -> Real:
    """1 where x = y, else 0."""
    return where(x == y, x.number(1), x.number(0))


def floor(x: Real) -> Real:
    """The next whole number below, or itself."""
    return x.format.call("floor", x)


def rint(x: Real) -> Real:
    """The nearest whole number, of two the even one."""
    return x.format.call("rint", x)


def finite(x: Real) -> Real:
    """1 for numbers, 0 for infinities and NaN."""
    return where(abs(x) < np.inf, x.number(1), x.number(0))


def missing(x: Real) -> Real:
    """1 for NaN, else 0."""
    return where(x != x, x.number(1), x.number(0))


def fmax(x: Real, y: Real) -> Real:
    """The larger; where one is NaN, the other."""
    return where((x >= y) | (y != y), x, y)


def fmin(x: Real, y: Real) -> Real:
    """The smaller; where one is NaN, the other."""
    return where((x <= y) | (y != y), x, y)


def exceeds(x: Real, y: Real) -> Real:
    """1 where x is larger, or y is NaN, 1/2 between equals, else 0: the derivative of fmax by x."""
    return where((x > y) | (y != y), x.number(1), where(x == y, x.number(0.5), x.number(0)))


def copysign(x: Real, y: Real) -> Real:
    """|x| with the sign of y."""
    return with_sign(x, y)
