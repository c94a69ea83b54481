"""Exponentials and hyperbolic functions.

All of them take x = k ln(2) + r, with a whole k and |r| <= ln(2)/2, in two steps (Cody & Waite 1980), and two
polynomials: exp(+-r) = cosh(r) +- sinh(r). What would cancel is added as an exact sum and its error.
"""

from __future__ import annotations

from dataclasses import dataclass

from pcneuro.kernels.transcendental.coefficients import COSH, SINH, TANH
from pcneuro.kernels.transcendental.constants import INV_LN2, LN2, parts
from pcneuro.kernels.vectors import (
    Real,
    Whole,
    as_real,
    copysign,
    muladd,
    nearest,
    ordered_total,
    power_of_two,
    product,
    total,
    where,
)

# sinh and cosh keep this many powers of 2 away from the largest number, so that exact products do not overflow.
ROOM = 32


@dataclass(frozen=True)
class Reduced:
    """x = k ln(2) + r + c, with a correction c of less than a digit of r; cosh(r) = 1 + cosh, sinh(r) = r + sinh."""

    k: Whole
    r: Real
    c: Real
    cosh: Real
    sinh: Real

    @property
    def rest(self) -> Real:
        """exp(r + c) - 1 - r."""
        return self.cosh + (self.sinh + self.c)


def _with_polynomials(k: Whole, r: Real, c: Real) -> Reduced:
    z = r * r
    return Reduced(k, r, c, z * muladd(z, COSH(z), 0.5), r * z * SINH(z))


def reduced(x: Real, low: Real | None = None) -> Reduced:
    """x, or x + low, for |x| of at most some 1000."""
    single = x.format.single
    first, second = parts(LN2, x.format, 2, short=8 if single else 11)
    real, k = nearest(x * parts(INV_LN2, x.format, 1)[0])
    # Exact: the product since the constant is short, the difference since both are close to each other.
    high, less = x - real * first, real * second
    r = high - less
    c = (high - r) - less
    if low is not None:
        r, c = total(r, c + low)
    return _with_polynomials(k, r, c)


def scaled(x: Real, k: Whole) -> Real:
    """x 2^k, also where 2^k is no number of its own: in two steps, of which one rounds."""
    half = k >> 1
    return x * power_of_two(half) * power_of_two(k - half)


def exp_of(x: Real, low: Real | None = None) -> Real:
    """exp(x + low), where x is within what ``exp_clamped`` leaves."""
    e = reduced(x, low)
    return scaled(1 + (e.r + e.rest), e.k)


def exp_clamped(x: Real) -> Real:
    """x within the numbers whose exponential is neither 0 nor infinite, and a little beyond."""
    return x.clamped(-104.0, 89.0) if x.format.single else x.clamped(-746.0, 710.0)


def exp(x: Real) -> Real:
    """e^x."""
    return exp_of(exp_clamped(x))


def exp2(x: Real) -> Real:
    """2^x."""
    x = x.clamped(-151.0, 129.0) if x.format.single else x.clamped(-1076.0, 1025.0)
    real, k = nearest(x)
    first, second = parts(LN2, x.format, 2)
    r, c = product(x - real, first)
    e = _with_polynomials(k, r, c + (x - real) * second)
    return scaled(1 + (e.r + e.rest), e.k)


def expm1(x: Real) -> Real:
    """e^x - 1 = 2 (2^(k-1) exp(r) - 1/2), of which the halves keep the largest numbers finite."""
    single = x.format.single
    e = reduced(x.clamped(-18.0, 89.0) if single else x.clamped(-38.0, 710.0))
    scale = power_of_two(e.k - 1)
    base, base_error = total(scale, -0.5)
    high, low = total(base, scale * e.r)
    y = 2 * (high + (low + (base_error + scale * e.rest)))
    return where(abs(x) < 2.0 ** (-25 if single else -54), x, y)


def plain_exp(x: Real) -> Real:
    """exp(x) to a unit in the last place or so, where it is far from 0 and infinity."""
    first, second = parts(LN2, x.format, 2, short=8 if x.format.single else 11)
    real, k = nearest(x * parts(INV_LN2, x.format, 1)[0])
    e = _with_polynomials(k, muladd(real, -second, muladd(real, -first, x)), x.number(-0.0))
    return power_of_two(k) * (1 + (e.r + e.rest))


def tanh(x: Real) -> Real:
    """x + x^3 P(x^2) near zero, else 1 - 2/(exp(2|x|) + 1)."""
    size = abs(x).clamped(0.0, 9.1 if x.format.single else 19.2)
    exponential = plain_exp(2 * size)
    z = size * size
    near = muladd(size * z, TANH(z), size)
    return copysign(where(size < 0.5625, near, 1 - 2 / (exponential + 1)), x)


def sigmoid(x: Real) -> Real:
    """1/(1 + exp(-x)), as exp(x)/(1 + exp(x)) where x is negative, so that the exponential does not overflow."""
    e = exp(-abs(x))
    above = where(x < 0, e, x.number(1))
    below, below_error = ordered_total(x.number(1), e)
    inverse = 1 / below
    q = above * inverse
    p, error = product(q, below)
    return q + (((above - p) - error) - q * below_error) * inverse


def _halves(x: Real) -> tuple[Reduced, Real, Real]:
    """For sinh and cosh: x reduced, 2^(k-1) and 2^(-k-1), both divided by 2^ROOM."""
    e = reduced(x.clamped(-90.0, 90.0) if x.format.single else x.clamped(-711.0, 711.0))
    # Beyond these, one of them is nothing beside the other.
    most = 60.0 if x.format.single else 500.0
    real = as_real(e.k)
    small = nearest(real.clamped(-most, most))[1]
    positive, negative = real >= 0, real < 0
    up = where(negative, power_of_two(small - (ROOM + 1)), power_of_two(e.k - (ROOM + 1)))
    down = where(positive, power_of_two(small * -1 - (ROOM + 1)), power_of_two(e.k * -1 - (ROOM + 1)))
    return e, up, down


def sinh(x: Real) -> Real:
    """(a - b) cosh(r) + (a + b) sinh(r), with a = 2^(k-1) and b = 2^(-k-1)."""
    e, a, b = _halves(x)
    difference, error = total(a, -b)
    both = a + b
    p, p_error = product(both, e.r)
    high, low = total(difference, p)
    rest = muladd(difference, e.cosh + e.r * e.c, both * (e.sinh + e.c))
    y = 2.0**ROOM * (high + (low + (p_error + error + rest)))
    return where(abs(x) < 2.0 ** (-13 if x.format.single else -27), x, y)


def cosh(x: Real) -> Real:
    """(a + b) cosh(r) + (a - b) sinh(r), with a and b as in sinh."""
    e, a, b = _halves(x)
    difference = a - b
    both, error = total(a, b)
    p, p_error = product(difference, e.r)
    high, low = ordered_total(both, p)
    rest = muladd(both, e.cosh + e.r * e.c, difference * (e.sinh + e.c))
    return 2.0**ROOM * (high + (low + (p_error + error + rest)))


def exp_product(x: Real, high: Real, low: Real) -> Real:
    """exp(x (high + low)), without the product's rounding; x times high is not beyond the type's range."""
    p, error = product(x, high)
    most = 200.0 if x.format.single else 2000.0
    rest = where(abs(p) < most, muladd(x, low, error), x.number(0))
    return exp_of(exp_clamped(p), rest)
