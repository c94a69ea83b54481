"""A string that is held at both ends: the wave equation by leapfrog, with the speed of sound as a field."""

import numpy as np

import pcneuro as pcn


def wave_equation(start, speed):
    dt, dx = 0.02, 0.1
    before = now = start
    seismogram = []
    for _ in range(6):
        laplacian = np.zeros_like(now)
        laplacian[1:-1] = (now[2:] - 2 * now[1:-1] + now[:-2]) / dx**2
        before, now = now, 2 * now - before + dt**2 * speed**2 * laplacian
        seismogram.append(now[3])
    return np.array(seismogram)


def make(points: int = 8, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the motion at one point."""
    rng = np.random.default_rng(seed)
    leaves = {"start": pcn.Parameter(rng.normal(size=points)), "speed": pcn.Parameter(rng.uniform(1, 2, points))}
    return pcn.build_circuit(pcn.trace(wave_equation, **leaves))
