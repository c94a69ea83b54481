"""The attractor of Lorenz (1963) by Runge-Kutta steps that are written into a buffer of states."""

import numpy as np

import pcneuro as pcn


def lorenz(start, sigma, rho, beta, dt=0.01):
    def f(s):
        x, y, z = s
        return np.array([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])

    states = np.zeros((5, 3))
    states[0] = start
    for i in range(4):
        s = states[i]
        k1 = f(s)
        k2 = f(s + 0.5 * dt * k1)
        k3 = f(s + 0.5 * dt * k2)
        k4 = f(s + dt * k3)
        states[i + 1] = s + dt * (k1 + 2 * k2 + 2 * k3 + k4) / 6.0
    return states[1:]


def make() -> pcn.Circuit:
    """A circuit whose output are four states."""
    values = {"start": [1.0, 1.5, 20.0], "sigma": 10.0, "rho": 28.0, "beta": 8 / 3}
    return pcn.build_circuit(pcn.trace(lorenz, **{name: pcn.Parameter(value) for name, value in values.items()}))
