"""Bodies that attract each other, with softened distances, by the velocity Verlet method."""

import numpy as np

import pcneuro as pcn


def acceleration(x, mass, softening=0.1):
    d = x[np.newaxis, :, :] - x[:, np.newaxis, :]
    inverse_cube = ((d**2).sum(axis=-1) + softening**2) ** -1.5
    return (d * inverse_cube[..., np.newaxis] * mass[np.newaxis, :, np.newaxis]).sum(axis=1)


def n_body(x, v, mass):
    dt = 0.05
    a = acceleration(x, mass)
    for _ in range(3):
        v = v + a * dt / 2
        x = x + v * dt
        a = acceleration(x, mass)
        v = v + a * dt / 2
    energy = 0.5 * (mass * (v**2).sum(axis=1)).sum()
    return {"x": x, "kinetic": energy}


def make(bodies: int = 4, seed: int = 0) -> pcn.Circuit:
    """A circuit whose outputs are the positions and the kinetic energy after three steps."""
    rng = np.random.default_rng(seed)
    leaves = {
        "x": pcn.Parameter(rng.normal(size=(bodies, 3))),
        "v": pcn.Parameter(rng.normal(size=(bodies, 3))),
        "mass": pcn.Parameter(rng.uniform(0.5, 1.5, bodies)),
    }
    return pcn.build_circuit(pcn.trace(n_body, **leaves))
