"""Functions of single numbers in float64, which kernels call lane by lane: what is no straight line of instructions.

Remainders as NumPy has them, angles, and the special functions of probability and statistics. Sources are named where
the formulas are.
"""

from __future__ import annotations

import math

import numpy as np

from pcneuro.kernels.compiling import inner

_SQRT_HALF = math.sqrt(0.5)
_SQRT_2 = math.sqrt(2.0)
_EPS = 2.0**-52
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_SQRT_2PI = math.sqrt(2 * math.pi)

_HIGHEST = 170.0
"""Order whose factorial is the largest that is a number."""
_ASYMPTOTIC = 10.0
"""Argument from which on the asymptotic series of digamma and of sums of powers have all digits."""
_LEFT = -20.0
"""Below this the tail of the normal distribution is its asymptotic series."""

# B_2k / (2k), of digamma (Abramowitz & Stegun 1964, 6.3.18), and B_2k / (2k)!, of Euler and Maclaurin's sum
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160)
_BERNOULLI = (
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
    -3617 / 10670622842880000,
    43867 / 5109094217170944000,
)
# 1, -1, 3, -15, ...: the tail of the normal distribution (Abramowitz & Stegun 1964, 26.2.12)
_TAIL = (1.0, -1.0, 3.0, -15.0, 105.0, -945.0, 10395.0, -135135.0, 2027025.0, -34459425.0)

# Quantiles of the normal distribution (Wichura 1988, algorithm AS 241, PPND16)
_CENTRE = (
    3.3871328727963666080e0,
    1.3314166789178437745e2,
    1.9715909503065514427e3,
    1.3731693765509461125e4,
    4.5921953931549871457e4,
    6.7265770927008700853e4,
    3.3430575583588128105e4,
    2.5090809287301226727e3,
)
_CENTRE_BELOW = (
    1.0,
    4.2313330701600911252e1,
    6.8718700749205790830e2,
    5.3941960214247511077e3,
    2.1213794301586595867e4,
    3.9307895800092710610e4,
    2.8729085735721942674e4,
    5.2264952788528545610e3,
)
_NEAR = (
    1.42343711074968357734e0,
    4.63033784615654529590e0,
    5.76949722146069140550e0,
    3.64784832476320460504e0,
    1.27045825245236838258e0,
    2.41780725177450611770e-1,
    2.27238449892691845833e-2,
    7.74545014278341407640e-4,
)
_NEAR_BELOW = (
    1.0,
    2.05319162663775882187e0,
    1.67638483018380384940e0,
    6.89767334985100004550e-1,
    1.48103976427480074590e-1,
    1.51986665636164571966e-2,
    5.47593808499534494600e-4,
    1.05075007164441684324e-9,
)
_FAR = (
    6.65790464350110377720e0,
    5.46378491116411436990e0,
    1.78482653991729133580e0,
    2.96560571828504891230e-1,
    2.65321895265761230930e-2,
    1.24266094738807843860e-3,
    2.71155556874348757815e-5,
    2.01033439929228813265e-7,
)
_FAR_BELOW = (
    1.0,
    5.99832206555887937690e-1,
    1.36929880922735805310e-1,
    1.48753612908506148525e-2,
    7.86869131145613259100e-4,
    1.84631831751005468180e-5,
    1.42151175831644588870e-7,
    2.04426310338993978564e-15,
)


@inner(cache=False)
def polynomial(x, coefficients):  # type: ignore[no-untyped-def]
    """c_0 + c_1 x + c_2 x^2 + ..."""
    value = 0.0
    for k in range(len(coefficients) - 1, -1, -1):
        value = value * x + coefficients[k]
    return value


# Remainders and angles


@inner(cache=False)
def fmod(x, y):  # type: ignore[no-untyped-def]
    """The remainder of x by y that has the sign of x, exactly."""
    return np.fmod(x, y) if y != 0.0 else np.nan


@inner(cache=False)
def remainder(x, y):  # type: ignore[no-untyped-def]
    """The remainder of x by y that has the sign of y, as Python has it."""
    if y == 0.0:
        return np.nan
    rest = np.fmod(x, y)
    if rest == 0.0:
        return math.copysign(0.0, y)
    return rest + y if (y < 0.0) != (rest < 0.0) else rest


@inner(cache=False)
def floor_divide(x, y):  # type: ignore[no-untyped-def]
    """The whole number (x - remainder(x, y))/y, not the rounded quotient's floor."""
    if y == 0.0:
        return x / y
    rest = np.fmod(x, y)
    quotient = (x - rest) / y
    if rest != 0.0 and (y < 0.0) != (rest < 0.0):
        quotient -= 1.0
    if quotient == 0.0:
        return math.copysign(0.0, x / y)
    whole = np.floor(quotient)
    return whole + 1.0 if quotient - whole > 0.5 else whole


@inner(cache=False)
def arctan2(x, y):  # type: ignore[no-untyped-def]
    """The angle of the point (y, x), in NumPy's order of operands."""
    return math.atan2(x, y)


@inner(cache=False)
def sinc(x):  # type: ignore[no-untyped-def]
    """sin(pi x)/(pi x)."""
    angle = math.pi * x
    return 1.0 if angle == 0.0 else math.sin(angle) / angle


@inner(cache=False)
def sinc_slope(x):  # type: ignore[no-untyped-def]
    """The derivative of sinc; near 0, where its two terms cancel, by Taylor's series."""
    angle = math.pi * x
    if not abs(angle) < 1.0:
        return (math.cos(angle) - math.sin(angle) / angle) / x
    square, term, total, k = angle * angle, -angle / 3.0, 0.0, 1.0
    while abs(term) > _EPS * abs(total):
        total += term
        # (-1)^k 2k a^(2k-1)/(2k+1)!
        term *= -square / ((2.0 * k) * (2.0 * k + 3.0))
        k += 1.0
    return math.pi * total


@inner(cache=False)
def exprel(x):  # type: ignore[no-untyped-def]
    """(e^x - 1)/x."""
    if x == 0.0:
        return 1.0
    return math.expm1(x) / x if x < 700.0 else np.exp(x) / x if x < np.inf else x


@inner(cache=False)
def exprel_slope(x):  # type: ignore[no-untyped-def]
    """The derivative of exprel; near 0 by Taylor's series: sum of k x^(k-1)/(k+1)!."""
    if not abs(x) < 1.0:
        if x == -np.inf:
            return 0.0
        return (np.exp(x) - math.expm1(x) / x) / x if x < 700.0 else np.exp(x) * (1.0 - 1.0 / x) / x
    power, total, k = 0.5, 0.0, 1.0
    while abs(power) * k > _EPS * abs(total):
        total += k * power
        k += 1.0
        power *= x / (k + 1.0)
    return total


# The normal distribution


@inner(cache=False)
def logit(x):  # type: ignore[no-untyped-def]
    """log(x/(1 - x)); near 1/2, where that is 0, without cancellation."""
    if 0.3 < x < 0.65:
        s = 2.0 * (x - 0.5)
        return math.log1p(s) - math.log1p(-s)
    return np.log(x / (1.0 - x))


@inner(cache=False)
def erfc(x):  # type: ignore[no-untyped-def]
    """1 - erf(x), without cancellation."""
    return math.erfc(x)


@inner(cache=False)
def _quantile(centred, tail):  # type: ignore[no-untyped-def]
    """The normal quantile of p, given p - 1/2 and the smaller of p and 1 - p."""
    if abs(centred) <= 0.425:
        r = 0.180625 - centred * centred
        return centred * polynomial(r, _CENTRE) / polynomial(r, _CENTRE_BELOW)
    r = np.sqrt(-np.log(tail))
    if r <= 5.0:
        size = polynomial(r - 1.6, _NEAR) / polynomial(r - 1.6, _NEAR_BELOW)
    elif r < np.inf:
        size = polynomial(r - 5.0, _FAR) / polynomial(r - 5.0, _FAR_BELOW)
    else:
        size = r
    return math.copysign(size, centred)


@inner(cache=False)
def ndtri(x):  # type: ignore[no-untyped-def]
    """The number below which a normal one is with probability x."""
    if not 0.0 <= x <= 1.0:
        return np.nan
    return _quantile(x - 0.5, min(x, 1.0 - x))


@inner(cache=False)
def erfinv(x):  # type: ignore[no-untyped-def]
    """The number whose erf is x."""
    if not -1.0 <= x <= 1.0:
        return np.nan
    return _SQRT_HALF * _quantile(0.5 * x, 0.5 * (1.0 - abs(x)))


@inner(cache=False)
def log_ndtr(x):  # type: ignore[no-untyped-def]
    """The logarithm of the normal distribution function, also where that is no number."""
    if x > -1.0:
        return math.log1p(-0.5 * math.erfc(x * _SQRT_HALF))
    if x > _LEFT or x != x:
        return np.log(0.5 * math.erfc(-x * _SQRT_HALF))
    z = 1.0 / x
    return -0.5 * x * x - np.log(-x) - _LOG_SQRT_2PI + np.log(polynomial(z * z, _TAIL))


@inner(cache=False)
def log_ndtr_slope(x):  # type: ignore[no-untyped-def]
    """The derivative of log_ndtr: density over distribution function."""
    if x > _LEFT or x != x:
        return np.exp(-0.5 * x * x) / (_SQRT_2PI * 0.5 * math.erfc(-x * _SQRT_HALF))
    z = 1.0 / x
    return -x / polynomial(z * z, _TAIL)


@inner(cache=False)
def entr(x):  # type: ignore[no-untyped-def]
    """-x log(x), 0 at 0 and minus infinity below."""
    return -x * np.log(x) if x > 0.0 else -0.0 if x == 0.0 else x if x != x else -np.inf


@inner(cache=False)
def rel_entr(x, y):  # type: ignore[no-untyped-def]
    """x log(x/y), 0 where x is and y is not negative, infinite outside of that."""
    if x != x or y != y:
        return np.nan
    if x > 0.0 and y > 0.0:
        ratio = x / y
        # A quotient that leaves the type is that of the logarithms.
        return x * np.log(ratio) if 1e-290 < ratio < 1e290 else x * (np.log(x) - np.log(y))
    return 0.0 if x == 0.0 and y >= 0.0 else np.inf


# The gamma function


@inner(cache=False)
def gammaln(x):  # type: ignore[no-untyped-def]
    """The logarithm of the absolute value of the gamma function."""
    if x <= 0.0 and x == np.floor(x):
        return x if x == -np.inf else np.inf
    return math.lgamma(x)


@inner(cache=False)
def gamma(x):  # type: ignore[no-untyped-def]
    """The gamma function; NaN at negative whole numbers."""
    if x < 0.0 and x == np.floor(x):
        return np.nan
    return math.copysign(np.inf, x) if x == 0.0 else math.gamma(x)


@inner(cache=False)
def digamma(x):  # type: ignore[no-untyped-def]
    """The derivative of gammaln: upwards to where the asymptotic series has all digits; below 0 by reflection."""
    if x == 0.0:
        return math.copysign(np.inf, -x)
    value = 0.0
    if x < 0.0:
        if x == np.floor(x):
            return np.nan
        part = x - np.rint(x)
        value = -math.pi / math.tan(math.pi * part)
        x = 1.0 - x
    if x == np.inf or x != x:
        return x
    while x < _ASYMPTOTIC:
        value -= 1.0 / x
        x += 1.0
    z = 1.0 / (x * x)
    return value + np.log(x) - 0.5 / x - z * polynomial(z, _DIGAMMA)


@inner(cache=False)
def _sum_of_powers(s, q):  # type: ignore[no-untyped-def]
    """Hurwitz' zeta function, sum over k of (q + k)^-s, for s > 1 and q > 0, by Euler and Maclaurin's sum."""
    total = 0.0
    while q < _ASYMPTOTIC + s:
        term = q**-s
        total += term
        if term <= _EPS * total:
            return total
        q += 1.0
    power = q**-s
    total += power * q / (s - 1.0) + 0.5 * power
    factor = s * power / q
    for k in range(len(_BERNOULLI)):
        total += factor * _BERNOULLI[k]
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2) / (q * q)
    return total


@inner(cache=False)
def polygamma(x, y):  # type: ignore[no-untyped-def]
    """The derivative of digamma of order x, a whole number up to 170, at y; NaN for other orders."""
    if not 0.0 <= x <= _HIGHEST or x != np.floor(x) or y != y or y == -np.inf:
        return np.nan
    if x == 0.0:
        return digamma(y)
    s, odd = x + 1.0, x % 2.0 == 1.0
    if y == np.inf:
        total = 0.0
    elif y > 0.0:
        total = _sum_of_powers(s, y)
    elif y == np.floor(y):
        total = np.inf
    else:
        # Those of positive arguments, and those of negative ones: as many as there are, with their sign.
        negative = _sum_of_powers(s, np.ceil(y) - y) - _sum_of_powers(s, 1.0 - y)
        total = _sum_of_powers(s, y - np.floor(y)) + (negative if odd else -negative)
    value = math.gamma(s) * total
    return value if odd else -value
