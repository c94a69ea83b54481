"""The free energy of an Ising model in mean-field theory, after some steps to its fixed point."""

import numpy as np

import pcneuro as pcn


def ising_mean_field(J, field, beta):
    J = (J + J.T) / 2
    np.fill_diagonal(J, 0)
    m = np.zeros(len(field))
    for _ in range(6):
        m = 0.5 * m + 0.5 * np.tanh(beta * (J @ m + field))
    p = (1 + m) / 2
    entropy = -np.sum(p * np.log(p) + (1 - p) * np.log(1 - p))
    energy = -0.5 * np.einsum("i,ij,j->", m, J, m) - field @ m
    return energy - entropy / beta


def make(spins: int = 5, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the free energy."""
    rng = np.random.default_rng(seed)
    leaves = {
        "J": pcn.Parameter(0.3 * rng.normal(size=(spins, spins))),
        "field": pcn.Parameter(rng.normal(size=spins)),
        "beta": pcn.Parameter(0.8),
    }
    return pcn.build_circuit(pcn.trace(ising_mean_field, **leaves))
