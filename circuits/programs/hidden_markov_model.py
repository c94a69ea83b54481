"""The log likelihood of a sequence under a hidden Markov model: the forward algorithm in logarithms (Rabiner 1989)."""

import numpy as np
from scipy.special import logsumexp

import pcneuro as pcn

OBSERVED = [0, 2, 1, 1, 0, 2, 2]


def log_softmax(x):
    return x - logsumexp(x, axis=-1, keepdims=True)


def hidden_markov_model(start, transition, emission):
    log_A, log_B = log_softmax(transition), log_softmax(emission)
    log_alpha = log_softmax(start) + log_B[:, OBSERVED[0]]
    for symbol in OBSERVED[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, symbol]
    return logsumexp(log_alpha)


def make(states: int = 3, symbols: int = 3, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the log likelihood; start, transitions and emissions are logits."""
    rng = np.random.default_rng(seed)
    logits = {"start": (states,), "transition": (states, states), "emission": (states, symbols)}
    leaves = {name: pcn.Parameter(rng.normal(size=shape)) for name, shape in logits.items()}
    return pcn.build_circuit(pcn.trace(hidden_markov_model, **leaves))
