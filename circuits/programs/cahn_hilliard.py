"""Two liquids that part (Cahn & Hilliard 1958), on a periodic grid."""

import numpy as np

import pcneuro as pcn


def laplacian(f):
    return sum(np.roll(f, shift, axis) for shift in (-1, 1) for axis in (0, 1)) - 4 * f


def cahn_hilliard(c, width, mobility, dt=0.01):
    for _ in range(3):
        potential = c**3 - c - width**2 * laplacian(c)
        c = c + dt * mobility * laplacian(potential)
    gy, gx = np.gradient(c)
    energy = np.sum(0.25 * (c**2 - 1) ** 2 + 0.5 * width**2 * (gx**2 + gy**2))
    return {"c": c, "energy": energy}


def make(size: int = 5, seed: int = 0) -> pcn.Circuit:
    """A circuit whose outputs are the concentrations and the free energy after three steps."""
    c = 0.5 * np.random.default_rng(seed).normal(size=(size, size))
    leaves = {"c": pcn.Parameter(c), "width": pcn.Parameter(0.9), "mobility": pcn.Parameter(1.2)}
    return pcn.build_circuit(pcn.trace(cahn_hilliard, **leaves))
