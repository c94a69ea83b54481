"""A network with batch normalisation; the whole batch is one sample of the program."""

import numpy as np

import pcneuro as pcn


def batch_norm(X, W1, gamma, beta, W2):
    h = X @ W1
    mean, std = np.mean(h, axis=0), np.std(h, axis=0, ddof=1)
    h = np.maximum(0, gamma * (h - mean) / std + beta)
    return h @ W2


def sample(seed: int = 1) -> dict:
    """A batch."""
    return {"X": np.random.default_rng(seed).normal(size=(5, 3))}


def make(hidden: int = 4, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output has a row a row of the batch."""
    rng = np.random.default_rng(seed)
    shapes = {"W1": (3, hidden), "gamma": (hidden,), "beta": (hidden,), "W2": (hidden, 2)}
    theta = {name: pcn.Parameter(rng.normal(size=shape)) for name, shape in shapes.items()}
    return pcn.build_circuit(pcn.trace(batch_norm, X=pcn.Input((5, 3)), **theta))
