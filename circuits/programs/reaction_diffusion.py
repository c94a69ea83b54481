"""Patterns of two chemicals (Gray & Scott 1983), written in place."""

import numpy as np

import pcneuro as pcn


def laplacian(Z):
    return Z[:-2, 1:-1] + Z[1:-1, :-2] - 4 * Z[1:-1, 1:-1] + Z[1:-1, 2:] + Z[2:, 1:-1]


def reaction_diffusion(seed, feed, kill):
    U, V = np.ones((6, 6)), np.zeros((6, 6))
    U[2:4, 2:4], V[2:4, 2:4] = 0.5, seed
    u, v = U[1:-1, 1:-1], V[1:-1, 1:-1]
    for _ in range(3):
        Lu, Lv = laplacian(U), laplacian(V)
        uvv = u * v**2
        u += 0.16 * Lu - uvv + feed * (1 - u)
        v += 0.08 * Lv + uvv - (feed + kill) * v
    return np.stack([U, V])


def make() -> pcn.Circuit:
    """A circuit whose output are both concentrations after three steps."""
    leaves = {
        "seed": pcn.Parameter([[0.25, 0.3], [0.2, 0.35]]),
        "feed": pcn.Parameter(0.035),
        "kill": pcn.Parameter(0.06),
    }
    return pcn.build_circuit(pcn.trace(reaction_diffusion, **leaves))
