"""Logarithms, inverse hyperbolic functions and powers.

x = 2^k m with sqrt(1/2) <= m < sqrt(2), and log(m) = 2 artanh(s) with s = f/(2 + f), f = m - 1 (as in fdlibm, Sun
Microsystems 1993): f - f^2/2 + s (f^2/2 + s^2 P(s^2)).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pcneuro.kernels.transcendental.coefficients import LOG, LOG5
from pcneuro.kernels.transcendental.constants import INV_LN2, INV_LN10, LN2, LOG10_2, parts
from pcneuro.kernels.transcendental.exponential import exp, exp_product
from pcneuro.kernels.vectors import (
    Mask,
    Real,
    Whole,
    as_real,
    copysign,
    muladd,
    ordered_total,
    product,
    sqrt,
    total,
    where,
)


def _split(x: Real, subnormal: bool = True) -> tuple[Whole, Real]:
    """k and m with x = 2^k m and sqrt(1/2) <= m < sqrt(2), for a positive, finite x."""
    form = x.format
    offset = form.integer(form.bias)
    if subnormal:
        shift = form.digits + 2
        tiny = x < float(np.finfo(form.dtype).tiny)
        x = where(tiny, x * 2.0**shift, x)
        large = form.integer(form.bias + shift)
        offset = Whole(form, form.builder.select(tiny.value, large.value, offset.value))
    middle = form.bits(0.5**0.5)
    bits = x.bits() + (form.bits(1.0) - middle)
    mantissa = (bits & (2**form.digits - 1)) + middle
    return (bits >> form.digits) - offset, mantissa.as_bits()


def _short(x: Real) -> int:
    """Binary digits of the largest k."""
    return 8 if x.format.single else 11


def _log_one_plus(f: Real) -> Real:
    """What is missing from f in log(1 + f), where 1 + f is such an m."""
    s = f / (2 + f)
    z = s * s
    half = 0.5 * f * f
    return s * muladd(z, LOG(z), half) - half


def _defined(x: Real, lowest: float, y: Real) -> Real:
    """y, a logarithm, where x is above ``lowest`` and finite, and what it is elsewhere."""
    undefined = where(x == lowest, x.number(-np.inf), x.number(np.nan))
    inside = where(x > lowest, y, where(x < lowest, x.number(np.nan), undefined))
    return where((x == np.inf) | (x != x), x, inside)


def log(x: Real) -> Real:
    """Natural logarithm."""
    first, second = parts(LN2, x.format, 2, short=_short(x))
    k, m = _split(x)
    k_real, f = as_real(k), m - 1
    return _defined(x, 0.0, k_real * first + (f + (_log_one_plus(f) + k_real * second)))


def log_of_share(x: Real) -> Real:
    """Natural logarithm of numbers between 0 and 1 that are not tiny: nothing else is looked for."""
    first, second = parts(LN2, x.format, 2, short=_short(x))
    k, m = _split(x, subnormal=False)
    k_real, f = as_real(k), m - 1
    return k_real * first + (f + (_log_one_plus(f) + k_real * second))


def _log_in_base(x: Real, of_two: tuple[float, float], inverse: Fraction) -> Real:
    """k log(2) + log(m)/log(base), with both as sums of two numbers."""
    k, m = _split(x)
    k_real, f = as_real(k), m - 1
    high, low = ordered_total(f, _log_one_plus(f))
    first, second = parts(inverse, x.format, 2)
    p, error = product(high, first)
    y, y_error = total(k_real * of_two[0], p)
    rest = k_real * of_two[1] + muladd(high, second, muladd(low, first, error))
    return _defined(x, 0.0, y + (y_error + rest))


def log2(x: Real) -> Real:
    """Logarithm to base 2."""
    return _log_in_base(x, (1.0, 0.0), INV_LN2)


def log10(x: Real) -> Real:
    """Logarithm to base 10."""
    first, second = parts(LOG10_2, x.format, 2, short=_short(x))
    return _log_in_base(x, (first, second), INV_LN10)


def _log1p(x: Real, low: Real | None = None, more: Mask | None = None) -> Real:
    """log(1 + x + low), for x > -1 and a low of less than a digit of x; plus log(2) where ``more``."""
    first, second = parts(LN2, x.format, 2, short=_short(x))
    u, error = total(x, 1.0)
    k, m = _split(u, subnormal=False)
    near = k == 0
    f = where(near, x, m - 1)
    error = where(near, x.number(0), error)
    error = error if low is None else error + low
    k_real = as_real(k)
    k_real = k_real if more is None else where(more, k_real + 1, k_real)
    return k_real * first + (f + (_log_one_plus(f) + (k_real * second + error / u)))


def log1p(x: Real) -> Real:
    """log(1 + x)."""
    return where(x == 0, x, _defined(x, -1.0, _log1p(x)))


def logaddexp(x: Real, y: Real) -> Real:
    """log(exp(x) + exp(y)), as the larger plus log(1 + exp(-|x - y|))."""
    larger = where(x > y, x, y)
    return where(x == y, x + float(LN2), larger + _log1p(exp(-abs(x - y))))


def _beyond(x: Real) -> Mask:
    """Where 1 is nothing beside x^2."""
    return x > 2.0 ** (x.format.digits + 3)


def arcsinh(x: Real) -> Real:
    """sign(x) log(1 + t), t = |x| + x^2/(1 + sqrt(1 + x^2)); log(2) + log|x| where x is large."""
    size = abs(x)
    large = _beyond(size)
    w = where(large, x.number(0), size)
    square = w * w
    t, low = ordered_total(w, square / (1 + sqrt(1 + square)))
    y = _log1p(where(large, size, t), low, large)
    return where((size == 0) | (size == np.inf), x, copysign(y, x))


def arccosh(x: Real) -> Real:
    """log(1 + t), t = d + sqrt(d (d + 2)), d = x - 1; log(2) + log(x) where x is large."""
    large = _beyond(x)
    d, d_error = total(where(large, x.number(1), x), -1.0)
    t, low = total(sqrt(d * (d + 2)), d)
    y = _log1p(where(large, x, t), low + d_error, large)
    y = where(x < 1, x.number(np.nan), y)
    return where(x == np.inf, x, where(x == 1, x.number(0), y))


def arctanh(x: Real) -> Real:
    """sign(x)/2 log(1 + t), t = 2|x|/(1 - |x|)."""
    size = abs(x)
    left, error = total(x.number(1), -size)
    inverse = 1 / left
    t = 2 * size * inverse
    p, p_error = product(t, left)
    low = (((2 * size - p) - p_error) - t * error) * inverse
    y = 0.5 * _log1p(t, low)
    y = where(size < 1, y, where(size == 1, x.number(np.inf), x.number(np.nan)))
    return where((size == 0) | (x != x), x, copysign(y, x))


def _log_exactly(x: Real) -> tuple[Real, Real]:
    """log(x) of a positive, finite x as a sum of two numbers, to some 10 digits (binary) more than the type has."""
    k, m = _split(x)
    k_real, f = as_real(k), m - 1
    d, d_low = ordered_total(x.number(2), f)
    inverse = 1 / d
    s = f * inverse
    p, error = product(s, d)
    s_low = (((f - p) - error) - s * d_low) * inverse
    square, square_low = product(s, s)
    square_low = muladd(2 * s, s_low, square_low)
    cube, cube_low = product(square, s)
    cube_low = muladd(square_low, s, muladd(square, s_low, cube_low))
    third, third_low = parts(Fraction(2, 3), x.format, 2)
    term, term_low = product(cube, third)
    term_low = muladd(cube_low, third, muladd(cube, third_low, term_low))
    high, low = ordered_total(2 * s, term)
    low = low + (2 * s_low + (term_low + cube * square * LOG5(square)))
    first, second = parts(LN2, x.format, 2, short=_short(x))
    y, y_error = total(k_real * first, high)
    return ordered_total(y, y_error + (low + k_real * second))


def _is_whole(size: Real) -> Mask:
    """Where a number that is not negative is whole; the largest all are."""
    most = 2.0**size.format.digits
    return (size >= most) | ((size + most) - most == size)


def power(x: Real, y: Real) -> Real:
    """x^y = exp(y log|x|), negative where x is and y is odd; the special cases are those of C's pow."""
    size, exponent = abs(x), abs(y)
    one, nothing, infinite = x.number(1), x.number(0), x.number(np.inf)
    ends = (size == 0) | (size == np.inf)
    high, low = _log_exactly(where(ends, one, size))
    # Beyond this, every x but 1 is 0 or infinite, and the product does not overflow.
    most = 2.0 ** (x.format.digits + 12)
    value = exp_product(y.clamped(-most, most), high, low)
    value = where(ends, where(size == 0, where(y > 0, nothing, infinite), where(y > 0, infinite, nothing)), value)
    whole = _is_whole(exponent)
    odd = whole & ~_is_whole(0.5 * exponent)
    value = where(odd, copysign(value, x), value)
    value = where((x < 0) & ~whole & ~ends, x.number(np.nan), value)
    value = where((x != x) | (y != y), x + y, value)
    return where((x == 1) | (y == 0), one, value)
