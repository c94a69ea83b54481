"""The importance of pages by power iteration (Brin & Page 1998), as a function of the weights of the links."""

import numpy as np

import pcneuro as pcn

LINKS = np.array([[0, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0]])


def pagerank(weights, damping):
    n = len(LINKS)
    M = LINKS * np.exp(weights)
    M = (M / M.sum(axis=1)[:, None]).T
    rank = np.full(n, 1 / n)
    for _ in range(5):
        rank = damping * M @ rank + (1 - damping) / n
    return rank / np.linalg.norm(rank, ord=1)


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the rank of four pages."""
    weights = np.random.default_rng(seed).normal(size=(4, 4))
    return pcn.build_circuit(pcn.trace(pagerank, weights=pcn.Parameter(weights), damping=pcn.Parameter(0.85)))
