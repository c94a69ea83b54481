"""A classifier whose loss counts the hard examples more (Lin et al. 2017), with classes as index arrays."""

import numpy as np
from scipy.special import softmax

import pcneuro as pcn

LABELS = np.array([2, 0, 1, 1, 2])


def focal_loss(X, W, b, gamma):
    p = softmax(X @ W + b, axis=1)
    one_hot = np.eye(W.shape[1])[LABELS]
    p_true = np.clip((p * one_hot).sum(axis=1), 1e-12, 1.0)
    return np.mean(-((1 - p_true) ** gamma) * np.log(p_true))


def sample(seed: int = 1) -> dict:
    """Features."""
    return {"X": np.random.default_rng(seed).normal(size=(5, 3))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the loss."""
    rng = np.random.default_rng(seed)
    theta = {
        "W": pcn.Parameter(rng.normal(size=(3, 3))),
        "b": pcn.Parameter(rng.normal(size=3)),
        "gamma": pcn.Parameter(2.0),
    }
    return pcn.build_circuit(pcn.trace(focal_loss, X=pcn.Input((5, 3)), **theta))
