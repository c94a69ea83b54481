"""Regression of a quantile by the pinball loss (Koenker & Bassett 1978), for three quantiles at once."""

import numpy as np

import pcneuro as pcn


def quantile_regression(X, y, W, b):
    levels = np.array([0.1, 0.5, 0.9])
    residual = y[:, None] - (X @ W + b)
    return np.mean(np.where(residual >= 0, levels * residual, (levels - 1) * residual))


def sample(seed: int = 1) -> dict:
    """Features and values."""
    rng = np.random.default_rng(seed)
    return {"X": rng.normal(size=(9, 2)), "y": rng.normal(size=9)}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the loss."""
    rng = np.random.default_rng(seed)
    theta = {"W": pcn.Parameter(rng.normal(size=(2, 3))), "b": pcn.Parameter([-1.0, 0.0, 1.0])}
    return pcn.build_circuit(pcn.trace(quantile_regression, X=pcn.Input((9, 2)), y=pcn.Input((9,)), **theta))
