"""An orbit by Kepler's equation, with a fixed number of Newton's steps, and its radial velocities."""

import numpy as np

import pcneuro as pcn


def kepler_orbit(period, eccentricity, periapsis, amplitude):
    times = np.linspace(0.1, 3, 6)
    mean_anomaly = 2 * np.pi * times / period
    E = mean_anomaly + eccentricity * np.sin(mean_anomaly)
    for _ in range(5):
        E -= (E - eccentricity * np.sin(E) - mean_anomaly) / (1 - eccentricity * np.cos(E))
    true_anomaly = 2 * np.arctan2(np.sqrt(1 + eccentricity) * np.sin(E / 2), np.sqrt(1 - eccentricity) * np.cos(E / 2))
    return amplitude * (np.cos(true_anomaly + periapsis) + eccentricity * np.cos(periapsis))


def make() -> pcn.Circuit:
    """A circuit whose output are six radial velocities."""
    values = {"period": 2.3, "eccentricity": 0.4, "periapsis": 0.8, "amplitude": 12.0}
    return pcn.build_circuit(pcn.trace(kepler_orbit, **{name: pcn.Parameter(value) for name, value in values.items()}))
