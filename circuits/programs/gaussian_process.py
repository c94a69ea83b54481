"""The log marginal likelihood of a Gaussian process (Rasmussen & Williams 2006, equation 2.30)."""

import numpy as np

import pcneuro as pcn


def kernel(x1, x2, log_amplitude, log_scale):
    distance = (x1[:, None] - x2[None, :]) / np.exp(log_scale)
    return np.exp(2 * log_amplitude) * np.exp(-0.5 * distance**2)


def gaussian_process(x, y, log_amplitude, log_scale, log_noise):
    n = len(x)
    K = kernel(x, x, log_amplitude, log_scale) + np.exp(2 * log_noise) * np.eye(n)
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
    return -0.5 * y @ alpha - np.sum(np.log(np.diag(L))) - 0.5 * n * np.log(2 * np.pi)


def sample(seed: int = 0) -> dict:
    """Points, and noisy values of a sine there."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-2, 2, 6))
    return {"x": x, "y": np.sin(2 * x) + 0.1 * rng.normal(size=6)}


def make(points: int = 6) -> pcn.Circuit:
    """A circuit whose output is the likelihood; logarithms of amplitude, length and noise are its parameters."""
    hyper = {"log_amplitude": pcn.Parameter(0.1), "log_scale": pcn.Parameter(-0.2), "log_noise": pcn.Parameter(-1.0)}
    data = {"x": pcn.Input((points,)), "y": pcn.Input((points,))}
    return pcn.build_circuit(pcn.trace(gaussian_process, **data, **hyper))
