"""How far two sequences are apart when time may be stretched: soft dynamic time warping (Cuturi & Blondel 2017)."""

import numpy as np

import pcneuro as pcn

FAR = 1e10


def soft_minimum(a, b, c, gamma):
    values = np.array([a, b, c]) / -gamma
    top = np.max(values)
    return -gamma * (np.log(np.sum(np.exp(values - top))) + top)


def soft_time_warping(x, y, gamma):
    cost = (x[:, None] - y[None, :]) ** 2
    n, m = cost.shape
    R = np.full((n + 1, m + 1), FAR)
    R[0, 0] = 0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            R[i, j] = cost[i - 1, j - 1] + soft_minimum(R[i - 1, j], R[i, j - 1], R[i - 1, j - 1], gamma)
    return R[n, m]


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the distance."""
    rng = np.random.default_rng(seed)
    leaves = {
        "x": pcn.Parameter(rng.normal(size=4)),
        "y": pcn.Parameter(rng.normal(size=3)),
        "gamma": pcn.Parameter(0.5),
    }
    return pcn.build_circuit(pcn.trace(soft_time_warping, **leaves))
