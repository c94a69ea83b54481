"""A cable of excitable cells (FitzHugh 1961; Nagumo et al. 1962) that are coupled by diffusion."""

import numpy as np

import pcneuro as pcn


def fitzhugh_nagumo(v, a, epsilon, diffusion, dt=0.1):
    w = np.zeros_like(v)
    for _ in range(5):
        padded = np.pad(v, 1, mode="edge")
        laplacian = padded[2:] - 2 * v + padded[:-2]
        dv = v * (1 - v) * (v - a) - w + diffusion * laplacian
        dw = epsilon * (v - w)
        v, w = v + dt * dv, w + dt * dw
    return np.vstack((v, w))


def make(cells: int = 7) -> pcn.Circuit:
    """A circuit whose output are potentials and recovery of all cells."""
    leaves = {
        "v": pcn.Parameter(np.exp(-np.arange(cells) / 2.0)),
        "a": pcn.Parameter(0.1),
        "epsilon": pcn.Parameter(0.05),
        "diffusion": pcn.Parameter(0.8),
    }
    return pcn.build_circuit(pcn.trace(fitzhugh_nagumo, **leaves))
