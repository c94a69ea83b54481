"""A fluid solver: smoke carried about by a flow that is made free of divergence (Stam 1999), on a periodic grid."""

import numpy as np

import pcneuro as pcn


def project(vx, vy, iterations=3):
    """Velocities without divergence, by Jacobi's iterations."""
    p = np.zeros(vx.shape)
    divergence = -0.5 * (np.roll(vx, -1, axis=1) - np.roll(vx, 1, axis=1) + np.roll(vy, -1, axis=0) - np.roll(vy, 1, 0))
    for _ in range(iterations):
        neighbours = np.roll(p, 1, axis=1) + np.roll(p, -1, axis=1) + np.roll(p, 1, axis=0) + np.roll(p, -1, axis=0)
        p = (divergence + neighbours) / 4
    vx -= 0.5 * (np.roll(p, -1, axis=1) - np.roll(p, 1, axis=1))
    vy -= 0.5 * (np.roll(p, -1, axis=0) - np.roll(p, 1, axis=0))
    return vx, vy


def advect(f, vx, vy):
    """One upwind step."""
    dx = np.where(vx > 0, f - np.roll(f, 1, axis=1), np.roll(f, -1, axis=1) - f)
    dy = np.where(vy > 0, f - np.roll(f, 1, axis=0), np.roll(f, -1, axis=0) - f)
    return f - 0.1 * (vx * dx + vy * dy)


def fluid(vx, vy, smoke):
    for _ in range(2):
        vx, vy = advect(vx, vx, vy), advect(vy, vx, vy)
        vx, vy = project(vx, vy)
        smoke = advect(smoke, vx, vy)
    return smoke


def make(size: int = 5, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the smoke after two steps, and whose parameters are flow and smoke at the start."""
    rng = np.random.default_rng(seed)
    leaves = {name: pcn.Parameter(rng.normal(size=(size, size))) for name in ("vx", "vy", "smoke")}
    return pcn.build_circuit(pcn.trace(fluid, **leaves))
