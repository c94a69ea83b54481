"""A double pendulum: equations of motion by its mass matrix, solved at every stage of a Runge-Kutta step."""

import numpy as np

import pcneuro as pcn

G = 9.81


def derivatives(state, lengths, masses):
    a1, a2, w1, w2 = state
    l1, l2 = lengths
    m1, m2 = masses
    delta = a1 - a2
    M = np.array([[(m1 + m2) * l1, m2 * l2 * np.cos(delta)], [l1 * np.cos(delta), l2]])
    f = np.array(
        [
            -m2 * l2 * w2**2 * np.sin(delta) - (m1 + m2) * G * np.sin(a1),
            l1 * w1**2 * np.sin(delta) - G * np.sin(a2),
        ]
    )
    return np.concatenate([[w1, w2], np.linalg.solve(M, f)])


def double_pendulum(state, lengths, masses, dt=0.02):
    for _ in range(3):
        k1 = derivatives(state, lengths, masses)
        k2 = derivatives(state + dt / 2 * k1, lengths, masses)
        k3 = derivatives(state + dt / 2 * k2, lengths, masses)
        k4 = derivatives(state + dt * k3, lengths, masses)
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state


def make() -> pcn.Circuit:
    """A circuit whose output is the state after three steps: two angles, two angular velocities."""
    leaves = {
        "state": pcn.Parameter([1.0, -0.5, 0.3, 0.8]),
        "lengths": pcn.Parameter([1.0, 0.7]),
        "masses": pcn.Parameter([1.2, 0.8]),
    }
    return pcn.build_circuit(pcn.trace(double_pendulum, **leaves))
