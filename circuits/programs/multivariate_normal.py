"""Discriminant analysis: class means and full covariances from triangular factors, and the logits of each class."""

import numpy as np

import pcneuro as pcn


def log_density(x, mean, factor):
    L = np.tril(factor, -1) + np.diag(np.exp(np.diag(factor)))
    S = L @ L.T
    d = x - mean
    sign, logdet = np.linalg.slogdet(S)
    return -0.5 * (d @ np.linalg.inv(S) @ d + logdet + len(mean) * np.log(2 * np.pi))


def multivariate_normal(x, means, factors, prior):
    scores = np.array([log_density(x, m, f) for m, f in zip(means, factors)])
    return scores + prior - np.log(np.sum(np.exp(prior)))


def sample(seed: int = 1) -> dict:
    """A point."""
    return {"x": np.random.default_rng(seed).normal(size=3)}


def make(classes: int = 2, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output has a score for each class."""
    rng = np.random.default_rng(seed)
    theta = {
        "means": pcn.Parameter(rng.normal(size=(classes, 3))),
        "factors": pcn.Parameter(0.5 * rng.normal(size=(classes, 3, 3))),
        "prior": pcn.Parameter(rng.normal(size=classes)),
    }
    return pcn.build_circuit(pcn.trace(multivariate_normal, x=pcn.Input((3,)), **theta))
