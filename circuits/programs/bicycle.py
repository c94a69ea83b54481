"""The kinematic model of a car that steers (bicycle model), and the cost of the way that it takes."""

import numpy as np

import pcneuro as pcn


def bicycle(steering, speed, wheelbase, dt=0.2):
    x = y = heading = 0.0
    cost = 0.0
    for delta, v in zip(steering, speed):
        beta = np.arctan(0.5 * np.tan(delta))
        x += dt * v * np.cos(heading + beta)
        y += dt * v * np.sin(heading + beta)
        heading += dt * v * np.cos(beta) * np.tan(delta) / wheelbase
        cost += (y - 1) ** 2 + 0.1 * delta**2
    return {"pose": np.array([x, y, heading]), "cost": cost}


def make(steps: int = 5) -> pcn.Circuit:
    """A circuit whose outputs are the pose at the end and the cost."""
    leaves = {
        "steering": pcn.Parameter(np.linspace(0.3, -0.2, steps)),
        "speed": pcn.Parameter(np.linspace(1, 2, steps)),
        "wheelbase": pcn.Parameter(2.5),
    }
    return pcn.build_circuit(pcn.trace(bicycle, **leaves))
