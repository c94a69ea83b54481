"""The error function, cube roots and the length of a vector."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.transcendental.coefficients import CBRT, ERF, ERFC
from pcneuro.kernels.transcendental.exponential import exp_of
from pcneuro.kernels.vectors import (
    Real,
    as_real,
    copysign,
    muladd,
    ordered_total,
    power_of_two,
    product,
    sqrt,
    where,
)


def erf(x: Real) -> Real:
    """x + x P(x^2) near zero, else 1 - exp(-x^2) Q((|x| - 2)/(|x| + 2))."""
    size = abs(x).clamped(0.0, 4.0 if x.format.single else 6.0)
    z = size * size
    far = 1 - exp_of(-z) * ERFC((size - 2) / (size + 2))
    return where(size < 0.921875, muladd(x, ERF(z), x), copysign(far, x))


def cbrt(x: Real) -> Real:
    """|x| = 2^(3 q + j) m; a polynomial of m, for float64 an iteration of Halley's, an exact one of Newton's."""
    form = x.format
    size = abs(x)
    lift = 3 * (form.digits // 3 + 1)
    tiny = size < float(np.finfo(form.dtype).tiny)
    size = where(tiny, size * 2.0**lift, size)
    bits = size.bits()
    m = ((bits & (2**form.digits - 1)) + form.bits(1.0)).as_bits()
    # Not negative, a multiple of 3 above the exponent; a third of it by multiplication: 21846/2^16 is close to 1/3.
    most = 3 * (form.bias // 3 + 1)
    above = (bits >> form.digits) + (most - form.bias)
    third = (above * 21846) >> 16
    j = as_real(above - third * 3)
    y = CBRT(m) * where(j == 0, x.number(1), where(j == 1, x.number(2 ** (1 / 3)), x.number(2 ** (2 / 3))))
    m = m * where(j == 0, x.number(1), where(j == 1, x.number(2), x.number(4)))
    if not form.single:
        cube = y * y * y
        y = y - y * (cube - m) / (2 * cube + m)
    square, error = product(y, y)
    cube, cube_error = product(square, y)
    y = y - ((cube - m) + (cube_error + error * y)) / (3 * square)
    y = y * power_of_two(third - most // 3)
    y = where(tiny, y * 2.0 ** (-lift // 3), y)
    return where((x == 0) | (abs(x) == np.inf) | (x != x), x, copysign(y, x))


def hypot(x: Real, y: Real) -> Real:
    """sqrt(x^2 + y^2), scaled so that no square leaves the type, with the rounding errors of squares and sum."""
    a, b = abs(x), abs(y)
    large, small = where(a < b, b, a), where(a < b, a, b)
    exponent = x.format.bias // 2 + 1
    much, little = large > 2.0 ** (exponent - 2), large < 2.0 ** (x.format.digits - exponent)
    # Neither the largest of the little ones nor the smallest number of all leaves the type by this, squared.
    lift = 25 * exponent // 16
    one = x.number(1)
    scale = where(much, x.number(2.0**-lift), where(little, x.number(2.0**lift), one))
    back = where(much, x.number(2.0**lift), where(little, x.number(2.0**-lift), one))
    a, b = large * scale, small * scale
    p, p_error = product(a, a)
    q, q_error = product(b, b)
    s, error = ordered_total(p, q)
    h = sqrt(s)
    r, r_error = product(h, h)
    left = ((s - r) - r_error) + (error + (p_error + q_error))
    h = where(h == 0, h, h + left * (0.5 / h)) * back
    infinite = (abs(x) == np.inf) | (abs(y) == np.inf)
    return where(infinite, x.number(np.inf), where((x != x) | (y != y), x + y, h))
