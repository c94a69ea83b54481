"""A sensor that is calibrated by a table: readings between its knots by ``np.interp``, temperature by a polynomial."""

import numpy as np

import pcneuro as pcn

KNOTS = np.array([0.0, 0.3, 0.5, 1.0])


def calibration(raw, temperature, values, drift):
    reading = np.interp(raw, KNOTS, values)
    corrected = reading + np.polyval(drift, temperature)
    return np.trapezoid(corrected, dx=0.1) / np.ptp(KNOTS)


def sample(seed: int = 1) -> dict:
    """Raw values and temperatures."""
    rng = np.random.default_rng(seed)
    return {"raw": rng.uniform(0.05, 0.95, 6), "temperature": rng.normal(size=6)}


def make() -> pcn.Circuit:
    """A circuit whose output is the mean reading."""
    theta = {"values": pcn.Parameter([0.0, 1.0, 1.4, 3.0]), "drift": pcn.Parameter([0.02, -0.1, 0.3])}
    data = {name: pcn.Input((6,)) for name in ("raw", "temperature")}
    return pcn.build_circuit(pcn.trace(calibration, **data, **theta))
