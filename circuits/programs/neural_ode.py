"""A neural ordinary differential equation, solved by the Runge-Kutta method of fourth order (Chen et al. 2018)."""

import numpy as np

import pcneuro as pcn


def rk4(f, y, t, h, *args):
    k1 = f(y, t, *args)
    k2 = f(y + h / 2 * k1, t + h / 2, *args)
    k3 = f(y + h / 2 * k2, t + h / 2, *args)
    k4 = f(y + h * k3, t + h, *args)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def field(y, t, W1, b1, W2, b2):
    return np.tanh(np.append(y, t) @ W1 + b1) @ W2 + b2


def neural_ode(y0, W1, b1, W2, b2):
    times = np.linspace(0, 1, 5)
    ys = [y0]
    for t0, t1 in zip(times[:-1], times[1:]):
        ys.append(rk4(field, ys[-1], t0, t1 - t0, W1, b1, W2, b2))
    return np.array(ys)


def sample(seed: int = 1) -> dict:
    """A state to start from."""
    return {"y0": np.random.default_rng(seed).normal(size=2)}


def make(hidden: int = 4, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the trajectory, (5, 2)."""
    rng = np.random.default_rng(seed)
    shapes = {"W1": (3, hidden), "b1": (hidden,), "W2": (hidden, 2), "b2": (2,)}
    theta = {name: pcn.Parameter(0.5 * rng.normal(size=shape)) for name, shape in shapes.items()}
    return pcn.build_circuit(pcn.trace(neural_ode, y0=pcn.Input((2,)), **theta))
