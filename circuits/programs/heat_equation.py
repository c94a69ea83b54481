"""Heat in a plate with a hot and a cold wall: the heat equation by explicit steps, in an array that is written to."""

import numpy as np

import pcneuro as pcn


def heat_equation(conductivity, heating):
    T = np.zeros((5, 6))
    T[:, 0] = 1.0
    for _ in range(5):
        laplacian = T[:-2, 1:-1] + T[2:, 1:-1] + T[1:-1, :-2] + T[1:-1, 2:] - 4 * T[1:-1, 1:-1]
        new = T.copy()
        new[1:-1, 1:-1] += 0.2 * conductivity * laplacian + heating
        new[0], new[-1] = new[1], new[-2]
        T = new
    return T


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the temperature; conductivity and heating are fields."""
    rng = np.random.default_rng(seed)
    leaves = {name: pcn.Parameter(rng.uniform(0.1, 1, (3, 4))) for name in ("conductivity", "heating")}
    return pcn.build_circuit(pcn.trace(heat_equation, **leaves))
