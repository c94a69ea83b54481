"""A quantum walk on a circle: amplitudes as real and imaginary parts, and a coin that is learned."""

import numpy as np

import pcneuro as pcn


def quantum_walk(theta, phi, sites=5, steps=4):
    up, down = np.zeros((2, sites)), np.zeros((2, sites))
    up[0, sites // 2] = down[1, sites // 2] = np.sqrt(0.5)
    c, s = np.cos(theta), np.sin(theta)
    for _ in range(steps):
        up, down = c * up + s * down, s * up - c * down
        # The upper component gets a phase.
        up = np.array([np.cos(phi) * up[0] - np.sin(phi) * up[1], np.sin(phi) * up[0] + np.cos(phi) * up[1]])
        up, down = np.roll(up, 1, axis=1), np.roll(down, -1, axis=1)
    return (up**2 + down**2).sum(axis=0)


def make() -> pcn.Circuit:
    """A circuit whose output is the probability of each site."""
    return pcn.build_circuit(pcn.trace(quantum_walk, theta=pcn.Parameter(0.7), phi=pcn.Parameter(0.3)))
