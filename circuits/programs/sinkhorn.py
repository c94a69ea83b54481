"""Optimal transport with entropy, by Sinkhorn's iterations in logarithms (Cuturi 2013)."""

import numpy as np
from scipy.special import logsumexp

import pcneuro as pcn


def sinkhorn(x, y, log_weights, epsilon=0.5):
    C = np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=-1)
    log_a = log_weights - logsumexp(log_weights)
    log_b = -np.log(len(y)) * np.ones(len(y))
    f, g = np.zeros(len(x)), np.zeros(len(y))
    for _ in range(4):
        f = epsilon * (log_a - logsumexp((g[None, :] - C) / epsilon, axis=1))
        g = epsilon * (log_b - logsumexp((f[:, None] - C) / epsilon, axis=0))
    P = np.exp((f[:, None] + g[None, :] - C) / epsilon)
    return np.sum(P * C)


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the cost of transport between two clouds of points."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (4, 2), "y": (3, 2), "log_weights": (4,)}
    return pcn.build_circuit(
        pcn.trace(sinkhorn, **{name: pcn.Parameter(rng.normal(size=shape)) for name, shape in shapes.items()})
    )
