"""Two views of each image shall look alike, and different images not: the loss of SimCLR (Chen et al. 2020)."""

import numpy as np

import pcneuro as pcn


def contrastive_loss(first, second, W, temperature):
    z = np.concatenate([first, second]) @ W
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    n = len(z)
    similarity = z @ z.T / temperature
    similarity[np.arange(n), np.arange(n)] = -np.inf
    partner = (np.arange(n) + n // 2) % n
    logits = similarity - similarity.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(n), partner])


def sample(seed: int = 1) -> dict:
    """Two views of three images."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(3, 4))
    return {"first": first, "second": first + 0.3 * rng.normal(size=(3, 4))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the loss."""
    theta = {"W": pcn.Parameter(np.random.default_rng(seed).normal(size=(4, 3))), "temperature": pcn.Parameter(0.5)}
    views = {name: pcn.Input((3, 4)) for name in ("first", "second")}
    return pcn.build_circuit(pcn.trace(contrastive_loss, **views, **theta))
