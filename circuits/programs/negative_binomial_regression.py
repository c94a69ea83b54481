"""The log likelihood of a negative binomial regression of counts that scatter more than Poisson's."""

import numpy as np
from scipy.special import gammaln

import pcneuro as pcn

COUNTS = np.array([0, 3, 1, 7, 2, 0, 12])


def negative_binomial_regression(X, w, log_r):
    mu, r = np.exp(X @ w), np.exp(log_r)
    return np.sum(
        gammaln(COUNTS + r)
        - gammaln(r)
        - gammaln(COUNTS + 1)
        + r * np.log(r / (r + mu))
        + COUNTS * np.log(mu / (r + mu))
    )


def sample(seed: int = 1) -> dict:
    """Features."""
    return {"X": np.random.default_rng(seed).normal(size=(7, 3))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the log likelihood."""
    theta = {"w": pcn.Parameter(np.random.default_rng(seed).normal(size=3)), "log_r": pcn.Parameter(0.3)}
    return pcn.build_circuit(pcn.trace(negative_binomial_regression, X=pcn.Input((7, 3)), **theta))
