"""The reflectance of a stack of thin films by complex transfer matrices (Born & Wolf, section 1.6)."""

import numpy as np

import pcneuro as pcn

WAVELENGTHS = np.linspace(0.45, 0.7, 4)


def optical_layers(thickness, index):
    reflectances = []
    for wavelength in WAVELENGTHS:
        M = np.eye(2, dtype=complex)
        for d, n in zip(thickness, index):
            delta = 2 * np.pi * n * d / wavelength
            M = M @ np.array([[np.cos(delta), 1j * np.sin(delta) / n], [1j * n * np.sin(delta), np.cos(delta)]])
        B, C = M @ np.array([1.0, 1.52])
        reflectances.append(np.abs((B - C) / (B + C)) ** 2)
    return np.array(reflectances)


def make() -> pcn.Circuit:
    """A circuit whose output is the reflectance at four wavelengths (micrometres)."""
    leaves = {"thickness": pcn.Parameter([0.1, 0.08, 0.12]), "index": pcn.Parameter([1.38, 2.1, 1.46])}
    return pcn.build_circuit(pcn.trace(optical_layers, **leaves))
