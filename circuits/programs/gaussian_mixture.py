"""The log likelihood of points under a mixture of Gaussians with diagonal covariances."""

import numpy as np
from scipy.special import logsumexp

import pcneuro as pcn


def gaussian_mixture(points, logits, means, log_scales):
    log_weights = logits - logsumexp(logits)
    z = (points[:, None, :] - means) / np.exp(log_scales)
    log_density = -0.5 * np.sum(z**2, axis=-1) - np.sum(log_scales, axis=-1) - np.log(2 * np.pi)
    return np.sum(logsumexp(log_weights + log_density, axis=1))


def sample(seed: int = 1) -> dict:
    """Points in the plane."""
    return {"points": np.random.default_rng(seed).normal(size=(8, 2))}


def make(points: int = 8, components: int = 3, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the log likelihood of the points."""
    rng = np.random.default_rng(seed)
    theta = {
        "logits": pcn.Parameter(rng.normal(size=components)),
        "means": pcn.Parameter(rng.normal(size=(components, 2))),
        "log_scales": pcn.Parameter(0.3 * rng.normal(size=(components, 2))),
    }
    return pcn.build_circuit(pcn.trace(gaussian_mixture, points=pcn.Input((points, 2)), **theta))
