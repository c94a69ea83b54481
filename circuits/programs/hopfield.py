"""A modern Hopfield network: patterns recalled by steps of attention (Ramsauer et al. 2021), and its energy."""

import numpy as np
from scipy.special import logsumexp, softmax

import pcneuro as pcn


def hopfield(patterns, query, beta):
    state = query
    for _ in range(3):
        state = softmax(beta * patterns @ state) @ patterns
    energy = -logsumexp(beta * patterns @ state) / beta + 0.5 * state @ state
    return {"recalled": state, "energy": energy}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose outputs are the pattern that is recalled, and its energy."""
    rng = np.random.default_rng(seed)
    leaves = {
        "patterns": pcn.Parameter(rng.normal(size=(4, 5))),
        "query": pcn.Parameter(rng.normal(size=5)),
        "beta": pcn.Parameter(0.6),
    }
    return pcn.build_circuit(pcn.trace(hopfield, **leaves))
