"""The energy of a cluster of atoms: Lennard-Jones' potential, a pair of atoms once."""

import numpy as np

import pcneuro as pcn


def lennard_jones(positions, epsilon, sigma):
    i, j = np.triu_indices(len(positions), k=1)
    r = np.linalg.norm(positions[i] - positions[j], axis=1)
    sr6 = (sigma / r) ** 6
    return 4 * epsilon * (sr6**2 - sr6).sum()


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the energy, so that the gradient of the positions is minus the forces."""
    grid = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]], dtype=float)
    positions = 1.2 * grid + 0.1 * np.random.default_rng(seed).normal(size=grid.shape)
    leaves = {"positions": pcn.Parameter(positions), "epsilon": pcn.Parameter(0.8), "sigma": pcn.Parameter(1.05)}
    return pcn.build_circuit(pcn.trace(lennard_jones, **leaves))
