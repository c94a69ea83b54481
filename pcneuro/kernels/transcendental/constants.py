"""Mathematical constants as sums of floating-point numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from pcneuro.kernels.vectors import Format

# 80 digits
LN2 = Fraction("0.69314718055994530941723212145817656807550013436025525412068000949339362196969472")
LOG10_2 = Fraction("0.30102999566398119521373889472449302676818988146210854131042746112710818927442451")
PI = Fraction("3.1415926535897932384626433832795028841971693993751058209749445923078164062862090")
INV_LN2 = 1 / LN2
INV_LN10 = LOG10_2 / LN2


def parts(value: Fraction, format: Format, count: int, short: int = 0) -> tuple[float, ...]:
    """``count`` numbers of the format's type whose sum is the value.

    The first has ``short`` fewer binary digits than the type, so that it times an integer of ``short`` digits is exact.
    """
    numbers = []
    digits = format.digits + 1 - short
    for _ in range(count):
        exponent = math.frexp(float(value))[1]
        unit = Fraction(2) ** (exponent - digits)
        part = round(value / unit) * unit
        numbers.append(float(part))
        value -= part
        digits = format.digits + 1
    assert all(float(np.dtype(format.dtype).type(p)) == p for p in numbers)
    return tuple(numbers)
