"""Trigonometric functions and their inverses.

x = k pi/2 + r + c with |r| <= pi/4, by three constants that add up to pi/2 (Cody & Waite 1980) to three times the
type's digits: enough even for the numbers next to multiples of pi/2, up to ``farthest``.
"""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.transcendental.coefficients import ARCSIN, ARCTAN, COS, SIN
from pcneuro.kernels.transcendental.constants import PI, parts
from pcneuro.kernels.vectors import (
    Format,
    Real,
    Whole,
    copysign,
    minus_product,
    muladd,
    nearest,
    ordered_total,
    product,
    sqrt,
    total,
    where,
)


def farthest(form: Format) -> float:
    """The largest |x| that is reduced here; beyond it, libm's functions are called."""
    return 1e5 if form.single else 1e9


def _reduced(x: Real) -> tuple[Whole, Real, Real]:
    first, second, third = parts(PI / 2, x.format, 3)
    real, k = nearest(x * parts(2 / PI, x.format, 1)[0])
    r = minus_product(x, real, first)
    p, p_error = product(real, second)
    r, error = total(r, -p)
    r, c = ordered_total(r, error - (p_error + real * third))
    return k, r, c


def _sine(r: Real, c: Real) -> tuple[Real, Real]:
    z = r * r
    return r, muladd(r * z, SIN(z), c * (1 - 0.5 * z))


def _cosine(r: Real, c: Real) -> tuple[Real, Real]:
    z = r * r
    half = 0.5 * z
    high = 1 - half
    return high, ((1 - high) - half) + muladd(z * z, COS(z), -(r * c))


def _in_quadrant(x: Real, quarter_turns: int) -> Real:
    k, r, c = _reduced(x)
    turned = k + quarter_turns
    sine, cosine = (high + low for high, low in (_sine(r, c), _cosine(r, c)))
    y = where((turned & 1) == 0, sine, cosine)
    return where((turned & 2) == 0, y, -y)


def of_turns(u: Real) -> tuple[Real, Real]:
    """Sine and cosine of 2 pi u, for u in [0, 1]."""
    real, k = nearest(4 * u)
    # Exact: both are multiples of the same power of 2.
    r = (4 * u - real) * parts(PI / 2, u.format, 1)[0]
    sine, cosine = (high + low for high, low in (_sine(r, u.number(0)), _cosine(r, u.number(0))))
    odd, negative = (k & 1) == 1, ((k + 1) & 2) == 2
    first, second = where(odd, cosine, sine), where(odd, sine, cosine)
    return where((k & 2) == 2, -first, first), where(negative, -second, second)


def sin(x: Real) -> Real:
    """Sine."""
    return where(x == 0, x, _in_quadrant(x, 0))


def cos(x: Real) -> Real:
    """Cosine."""
    return _in_quadrant(x, 1)


def _ratio(a: tuple[Real, Real], b: tuple[Real, Real]) -> Real:
    """Quotient of two sums of two numbers each: a rounded one, corrected by what it leaves."""
    (high, low), (divisor, divisor_low) = ordered_total(*a), ordered_total(*b)
    inverse = 1 / divisor
    q = high * inverse
    p, error = product(q, divisor)
    return q + (((high - p) - error) + (low - q * divisor_low)) * inverse


def tan(x: Real) -> Real:
    """Sine over cosine, or minus cosine over sine in every second quadrant."""
    k, r, c = _reduced(x)
    sine, cosine = _sine(r, c), _cosine(r, c)
    even = (k & 1) == 0
    above = tuple(where(even, s, -t) for s, t in zip(sine, cosine))
    below = tuple(where(even, t, s) for s, t in zip(sine, cosine))
    return where(x == 0, x, _ratio((above[0], above[1]), (below[0], below[1])))


def arctan(x: Real) -> Real:
    """Of t = |x|, or pi/4 + arctan((|x| - 1)/(|x| + 1)), or pi/2 + arctan(-1/|x|), so that |t| <= tan(pi/8)."""
    size = abs(x).clamped(0.0, 2.0**60)
    one, nothing = x.number(1), x.number(0)
    far, near = size > 1 + 2**0.5, size <= 2**0.5 - 1
    less, less_error = total(size, -1.0)
    more, more_error = total(size, 1.0)
    above = where(near, size, where(far, -one, less))
    below = where(near, one, where(far, size, more))
    above_error, below_error = (where(near | far, nothing, e) for e in (less_error, more_error))
    inverse = 1 / below
    t = above * inverse
    p, error = product(t, below)
    t_low = (((above - p) - error) + (above_error - t * below_error)) * inverse
    (quarter, quarter_low), (half, half_low) = parts(PI / 4, x.format, 2), parts(PI / 2, x.format, 2)
    base = where(near, nothing, where(far, x.number(half), x.number(quarter)))
    base_low = where(near, nothing, where(far, x.number(half_low), x.number(quarter_low)))
    z = t * t
    y, y_error = total(base, t)
    return copysign(y + (y_error + muladd(t * z, ARCTAN(z), t_low + base_low)), x)


def _arcsine_of_part(size: Real) -> tuple[Real, Real]:
    """arcsin(s) as a sum, for s = |x| up to 1/2, and for s = sqrt((1 - |x|)/2) above."""
    small = size <= 0.5
    z = where(small, size * size, 0.5 * (1 - size))
    s = where(small, size, sqrt(z))
    p, error = product(s, s)
    left = where(small | (s == 0), s.number(0), ((z - p) - error) * (0.5 / s))
    return s, muladd(s * z, ARCSIN(z), left)


def arcsin(x: Real) -> Real:
    """arcsin(s) as it is, or pi/2 - 2 arcsin(s)."""
    size = abs(x)
    s, low = _arcsine_of_part(size)
    half, half_low = parts(PI / 2, x.format, 2)
    y, error = ordered_total(x.number(half), -2 * s)
    return copysign(where(size <= 0.5, s + low, y + (error + (half_low - 2 * low))), x)


def arccos(x: Real) -> Real:
    """pi/2 - arcsin(x), or 2 arcsin(s), or pi - 2 arcsin(s)."""
    size = abs(x)
    s, low = _arcsine_of_part(size)
    (half, half_low), (turn, turn_low) = parts(PI / 2, x.format, 2), parts(PI, x.format, 2)
    middle, middle_error = ordered_total(x.number(half), -copysign(s, x))
    far, far_error = ordered_total(x.number(turn), -2 * s)
    y = where(x > 0, 2 * (s + low), far + (far_error + (turn_low - 2 * low)))
    y = where(size <= 0.5, middle + (middle_error + (half_low - copysign(low, x))), y)
    return where(size > 1, x.number(np.nan), y)
