"""A program that learns: steps of Adam on a line, as a function of the learning rate and of where they start."""

import numpy as np

import pcneuro as pcn


def gradient_descent(x, y, start, log_rate):
    w = start.copy()
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, 6):
        residual = w[0] * x + w[1] - y
        gradient = 2 * np.array([np.mean(residual * x), np.mean(residual)])
        m = 0.9 * m + 0.1 * gradient
        v = 0.99 * v + 0.01 * gradient**2
        w -= np.exp(log_rate) * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
    return {"weights": w, "loss": np.mean((w[0] * x + w[1] - y) ** 2)}


def sample(seed: int = 1) -> dict:
    """Points of a line, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=6)
    return {"x": x, "y": 2 * x - 1 + 0.1 * rng.normal(size=6)}


def make() -> pcn.Circuit:
    """A circuit whose outputs are weights and loss after five steps."""
    theta = {"start": pcn.Parameter([0.3, 0.2]), "log_rate": pcn.Parameter(-1.5)}
    return pcn.build_circuit(pcn.trace(gradient_descent, x=pcn.Input((6,)), y=pcn.Input((6,)), **theta))
