"""What primitives are on arrays where NumPy has no function for them: by SciPy, in other ways than kernels go."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

_EXPREL_SLOPE = [k / math.factorial(k + 1) for k in range(1, 22)]
"""Coefficients of Taylor's series of the derivative of (e^x - 1)/x."""


def special(name: str) -> Callable[..., Any]:
    """The function of scipy.special, which is imported at its first call."""

    def function(*operands: Any) -> Any:
        from scipy import special

        return getattr(special, name)(*operands)

    return function


def in_double(name: str) -> Callable[..., Any]:
    """The function of scipy.special of one array, computed in float64: what it leaves is not to overflow float32."""
    function = special(name)

    def of_wide(x: Any) -> Any:
        with np.errstate(over="ignore"):
            return function(np.asarray(x, np.float64)).astype(np.result_type(x))

    return of_wide


def multiply_or_zero(x: Any, y: Any) -> Any:
    """x y, and 0 where x is."""
    out = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y)), np.result_type(x, y))
    return np.multiply(x, y, out=out, where=np.not_equal(x, 0))


def sinc_slope(x: Any) -> Any:
    """The derivative of sinc, by the spherical Bessel function j_1."""
    from scipy.special import spherical_jn

    angle = np.pi * np.asarray(x, np.float64)
    slope = -np.pi * np.sign(angle) * spherical_jn(1, abs(angle))
    return np.where(np.isfinite(angle), slope, np.nan).astype(np.result_type(x))


def sinc(x: Any) -> Any:
    """sin(pi x)/(pi x), in float64: at whole numbers nothing is left of it but the rounding of pi x."""
    return np.sinc(np.asarray(x, np.float64)).astype(np.result_type(x))


def exprel_slope(x: Any) -> Any:
    """The derivative of exprel, (1 + e^x (x - 1))/x^2; near 0 by Taylor's series."""
    wide = np.asarray(x, np.float64)
    series = np.polynomial.polynomial.polyval(np.clip(wide, -1.0, 1.0), _EXPREL_SLOPE)
    far = np.exp(wide) * (1 - 1 / wide) / wide + 1 / wide**2
    return np.where(abs(wide) < 1.0, series, far).astype(np.result_type(x))


def log_ndtr_slope(x: Any) -> Any:
    """The derivative of log_ndtr, by the scaled complementary error function."""
    from scipy.special import erfcx

    return 0.7978845608028654 / erfcx(-0.7071067811865476 * x)


def exceeds(x: Any, y: Any) -> Any:
    """1 where x is larger, or y is NaN, 1/2 between equals, else 0."""
    exceeding = np.where(np.isnan(y), 1.0, np.where(x == y, 0.5, np.where(x > y, 1.0, 0.0)))
    return exceeding.astype(np.result_type(x, y))


def polygamma(x: Any, y: Any) -> Any:
    """The derivative of digamma of order x at y; NaN where x is none of 0 to 170, or y minus infinity."""
    from scipy.special import polygamma as of_scipy

    order, wide = np.asarray(x, np.float64), np.asarray(y, np.float64)
    defined = (np.floor(order) == order) & (order >= 0) & (order <= 170) & (wide != -np.inf)
    with np.errstate(invalid="ignore"):
        return np.where(defined, of_scipy(np.where(defined, order, 0), wide), np.nan).astype(np.result_type(x, y))
