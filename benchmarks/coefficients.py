"""Where the numbers in pcneuro/kernels/transcendental/coefficients.py come from: minimax polynomials by Remez exchange.

    python benchmarks/coefficients.py [--only tanh]

For every function it prints the polynomials for float32 and float64 and the largest weighted error of each, before and
after its coefficients are rounded to that type. The weight turns the polynomial's error into the relative error of the
function that it is for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mpmath import mp, mpf

mp.dps = 60
Real = Callable[[mpf], mpf]


@dataclass(frozen=True)
class Fit:
    """A polynomial for ``f`` on [low, high], error weighted by ``weight``; number of coefficients for each type."""

    f: Real
    weight: Real
    low: mpf
    high: mpf
    terms: tuple[int, int]


def remez(fit: Fit, terms: int, rounds: int = 12) -> list[mpf]:
    """Coefficients, from the constant on, of the polynomial with the least largest weighted error."""
    middle, half = (fit.high + fit.low) / 2, (fit.high - fit.low) / 2
    points = [middle - half * mp.cos(mp.pi * (2 * i + 1) / (2 * terms + 2)) for i in range(terms + 1)]
    grid = [middle - half * mp.cos(mp.pi * (i + mpf("0.5")) / (20 * terms)) for i in range(20 * terms)]
    values = [(fit.f(x), fit.weight(x)) for x in grid]
    coefficients: list[mpf] = []
    for _ in range(rounds):
        rows = [[*(x**j for j in range(terms)), (-1) ** i / fit.weight(x)] for i, x in enumerate(points)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([fit.f(x) for x in points]))
        coefficients = [solution[j] for j in range(terms)]
        errors = [w * (mp.polyval(coefficients[::-1], x) - y) for x, (y, w) in zip(grid, values, strict=True)]
        # The largest error between two changes of sign, one for each stretch of the same sign.
        extrema: list[int] = []
        for i, e in enumerate(errors):
            if extrema and (errors[extrema[-1]] > 0) == (e > 0):
                if abs(e) > abs(errors[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        while len(extrema) > terms + 1:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        if len(extrema) < terms + 1:
            break
        points = [grid[i] for i in extrema]
    return coefficients


def rounded(fit: Fit, terms: int, dtype: type[np.floating]) -> list[mpf]:
    """Coefficients in ``dtype``: one is rounded after the other from the constant on, and the rest is fitted anew."""
    known: list[mpf] = []
    for j in range(terms):

        def rest(x: mpf, j: int = j, known: tuple[mpf, ...] = tuple(known)) -> mpf:
            return (fit.f(x) - mp.polyval(list(known[::-1]) or [mpf(0)], x)) / x**j

        partial = Fit(rest, lambda x, j=j: fit.weight(x) * x**j, fit.low, fit.high, fit.terms)
        first = remez(partial, terms - j, rounds=6)[0]
        known.append(mpf(float(dtype(float(first)))))
    return known


def error(fit: Fit, coefficients: list[mpf]) -> float:
    """Largest weighted error."""
    grid = [fit.low + (fit.high - fit.low) * mpf(i) / 1000 for i in range(1, 1001)]
    return float(max(abs(fit.weight(x) * (mp.polyval(coefficients[::-1], x) - fit.f(x))) for x in grid))


def _series(f: Real, z: mpf) -> mpf:
    with mp.extradps(60):
        return f(mp.sqrt(z))


QUARTER = mp.pi / 4 * mpf("1.005")
HALF_LN2 = mp.ln(2) / 2 * mpf("1.005")
S_LOG = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mpf("1.001")
TINY = mpf(2) ** -60

FITS = {
    "SINH": Fit(
        lambda z: _series(lambda r: (mp.sinh(r) - r) / r**3, z), lambda z: z * mp.sqrt(z), TINY, HALF_LN2**2, (2, 6)
    ),
    "COSH": Fit(
        lambda z: _series(lambda r: (mp.cosh(r) - 1 - r * r / 2) / r**4, z), lambda z: z * z, TINY, HALF_LN2**2, (2, 5)
    ),
    "TANH": Fit(lambda z: _series(lambda x: (mp.tanh(x) - x) / x**3, z), lambda z: z, TINY, mpf("0.563") ** 2, (5, 11)),
    "LOG": Fit(lambda z: _series(lambda s: (2 * mp.atanh(s) - 2 * s) / s**3, z), lambda z: z, TINY, S_LOG, (3, 7)),
    "LOG5": Fit(
        lambda z: _series(lambda s: (2 * mp.atanh(s) - 2 * s - 2 * s**3 / 3) / s**5, z),
        lambda z: z * z,
        TINY,
        S_LOG,
        (3, 8),
    ),
    "SIN": Fit(lambda z: _series(lambda r: (mp.sin(r) - r) / r**3, z), lambda z: z, TINY, QUARTER**2, (3, 6)),
    "COS": Fit(
        lambda z: _series(lambda r: (mp.cos(r) - 1 + r * r / 2) / r**4, z), lambda z: z * z, TINY, QUARTER**2, (3, 6)
    ),
    "ARCTAN": Fit(
        lambda z: _series(lambda t: (mp.atan(t) - t) / t**3, z),
        lambda z: z,
        TINY,
        (mp.tan(mp.pi / 8) * mpf("1.001")) ** 2,
        (5, 11),
    ),
    "ARCSIN": Fit(lambda z: _series(lambda t: (mp.asin(t) - t) / t**3, z), lambda z: z, TINY, mpf("0.2501"), (5, 13)),
    "CBRT": Fit(lambda m: mp.cbrt(m), lambda m: mpf(1), mpf("0.999"), mpf("2.001"), (4, 4)),
}
# erf: x + x P(x^2) below ERF_SPLIT; above it 1 - exp(-x^2) Q(u), u = (x - 2)/(x + 2), where erfc(x) = exp(-x^2) Q(u).
ERF_SPLIT = mpf("0.921875")


def _u(u: mpf) -> mpf:
    """x of u."""
    return 2 * (1 + u) / (1 - u)


def _erf_fits() -> dict[str, Fit]:
    low, split = TINY, ERF_SPLIT
    u = [(x - 2) / (x + 2) for x in (split * mpf("0.999"), mpf("6.01"))]
    return {
        "ERF": Fit(lambda z: _series(lambda x: mp.erf(x) / x - 1, z), lambda z: mpf(1), low, split**2, (7, 12)),
        "ERFC": Fit(
            lambda u: mp.exp(_u(u) ** 2) * mp.erfc(_u(u)), lambda u: mp.exp(-(_u(u) ** 2)), u[0], u[1], (6, 13)
        ),
    }


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="name of one function")
    options = parser.parse_args()
    for name, fit in (FITS | _erf_fits()).items():
        if options.only.upper() not in ("", name):
            continue
        for dtype, terms in zip((np.float32, np.float64), fit.terms, strict=True):
            exact = remez(fit, terms)
            plain = [mpf(float(dtype(float(c)))) for c in exact]
            usable = min(plain, rounded(fit, terms, dtype), key=lambda c, fit=fit: error(fit, c))
            errors = f"2^{np.log2(error(fit, exact)):.1f}, rounded 2^{np.log2(error(fit, usable)):.1f}"
            numbers = ", ".join(str(dtype(float(c))) if dtype is np.float32 else repr(float(c)) for c in usable)
            print(f"{name} {dtype.__name__} {errors}: ({numbers})", flush=True)


if __name__ == "__main__":
    main()
