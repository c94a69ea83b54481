"""When an error crosses its threshold, against SciPy's root of its closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from pcneuro.kernels.events.exact import crossing_of_lines
from pcneuro.kernels.events.rows import crossing

NOW = 3.0
LATEST = 1e4
CASES = 150
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def away_at(time, error, received, slope, sent, sent_slope, rate):
    """How far an error is from what was sent, ``time`` ms later: the dynamics tau dx/dt = f - e, solved."""
    if rate == 0:
        return error - sent + (slope - sent_slope) * time
    decay = -np.expm1(-rate * time)
    return error - sent + (received - error) * decay + slope * (time - decay / rate) - sent_slope * time


def expected(threshold, *line):
    """The first time at which it is ``threshold`` away: brackets on a fine grid, then a root; infinite if none."""
    if away_at(0, *line) != 0 and abs(away_at(0, *line)) >= threshold:
        return NOW
    grid = np.concatenate([[0], np.geomspace(1e-6, LATEST, 10_000)])
    outside = np.flatnonzero(abs(away_at(grid, *line)) >= threshold)
    if not outside.size:
        return np.inf
    low, high = grid[outside[0] - 1], grid[outside[0]]
    return NOW + brentq(lambda t: abs(away_at(t, *line)) - threshold, low, high, xtol=1e-14)


def close(got, wanted, dtype):
    if np.isinf(wanted):
        assert got > NOW + 0.99 * LATEST
    else:
        # In float32 differences of operands are rounded, by which a crossing moves.
        assert got == pytest.approx(wanted, rel=1e-9 if dtype is np.float64 else 3e-3)


@DTYPES
def test_of_values_that_hold(dtype):
    rng = np.random.default_rng(0)
    never = 0
    for _ in range(CASES):
        error, received, sent = rng.normal(0, 1, 3).astype(dtype)
        error = sent + dtype(rng.uniform(-0.2, 0.2)) if rng.random() < 0.8 else error
        rate, threshold = dtype(rng.uniform(0.02, 2)), dtype(rng.uniform(0.2, 0.9))
        got = crossing(error, received, sent, rate, threshold, NOW)
        wanted = expected(threshold, *map(float, (error, received, 0, sent, 0, rate)))
        never += np.isinf(wanted)
        close(got, wanted, dtype)
    assert 10 < never < CASES - 25


@DTYPES
@pytest.mark.parametrize("leaky", [True, False], ids=["leaky", "not leaky"])
def test_of_lines(dtype, leaky):
    rng = np.random.default_rng(1)
    turned = 0
    for _ in range(CASES):
        received, sent, slope, sent_slope = rng.normal(0, [1, 1, 0.3, 0.3]).astype(dtype)
        error = sent + dtype(rng.uniform(-0.2, 0.2))
        rate, threshold = dtype(rng.uniform(0.02, 2) if leaky else 0), dtype(rng.uniform(0.2, 0.6))
        line = (error, received, slope, sent, sent_slope, rate)
        got = crossing_of_lines(*line, threshold, NOW)
        close(got, expected(threshold, *map(float, line)), dtype)
        turned += np.sign(slope - sent_slope) != np.sign(
            away_at(1e-6, *map(float, line)) - away_at(0, *map(float, line))
        )
    assert turned > 20 or not leaky


@DTYPES
def test_what_is_there_already_is_due_now(dtype):
    one, half = dtype(1), dtype(0.5)
    assert crossing(one, -one, dtype(0), one, half, NOW) == NOW
    assert crossing_of_lines(one, -one, half, dtype(0), half, one, half, NOW) == NOW
    # Also of a neuron that does not move, and of one that is where it goes to.
    assert crossing(one, -one, dtype(0), dtype(0), half, NOW) == NOW
    assert crossing(one, one, dtype(0), one, half, NOW) == NOW


@DTYPES
def test_what_stays_is_never_due(dtype):
    one, zero = dtype(1), dtype(0)
    assert crossing(one, one, one, one, dtype(0.1), NOW) == np.inf
    assert crossing(one, zero, one, zero, dtype(0.1), NOW) == np.inf
    assert crossing_of_lines(one, one, zero, one, zero, one, dtype(0.1), NOW) == np.inf
    assert crossing_of_lines(one, one, zero, one, zero, zero, dtype(0.1), NOW) == np.inf
    assert not crossing(dtype(np.nan), one, zero, one, dtype(0.1), NOW) <= NOW + LATEST


@pytest.mark.parametrize(
    ("dtype", "exponent"), [(np.float32, -70), (np.float32, 70), (np.float64, -600), (np.float64, 600)]
)
def test_the_unit_of_errors_does_not_matter(dtype, exponent):
    """Scaled by a power of two, of which products of two are no numbers any more, all is due at the same time."""
    rng = np.random.default_rng(2)
    for _ in range(CASES):
        error, received, slope, sent, sent_slope = rng.normal(0, [0.1, 1, 0.3, 0.1, 0.3]).astype(dtype)
        rate, threshold = dtype(rng.choice([0.0, 0.1, 1.0])), dtype(rng.uniform(0.2, 0.6))
        large = [np.ldexp(x, exponent) for x in (error, received, slope, sent, sent_slope, threshold)]
        assert crossing(large[0], large[1], large[3], rate, large[5], NOW) == crossing(
            error, received, sent, rate, threshold, NOW
        )
        assert crossing_of_lines(*large[:5], rate, large[5], NOW) == crossing_of_lines(
            error, received, slope, sent, sent_slope, rate, threshold, NOW
        )
