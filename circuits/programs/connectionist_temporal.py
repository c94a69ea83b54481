"""Connectionist temporal classification (Graves et al. 2006): how likely labels are, by the forward pass."""

import numpy as np
from scipy.special import log_softmax, logsumexp

import pcneuro as pcn

LABEL = [1, 2]
BLANK = 0


def connectionist_temporal(logits):
    log_p = log_softmax(logits, axis=-1)
    extended = [BLANK]
    for symbol in LABEL:
        extended += [symbol, BLANK]
    n = len(extended)
    alpha = [log_p[0, extended[0]], log_p[0, extended[1]]] + [-np.inf] * (n - 2)
    for t in range(1, len(logits)):
        new = []
        for s in range(n):
            ways = [alpha[s]]
            if s > 0:
                ways.append(alpha[s - 1])
            if s > 1 and extended[s] != BLANK and extended[s] != extended[s - 2]:
                ways.append(alpha[s - 2])
            new.append(logsumexp(np.array(ways)) + log_p[t, extended[s]])
        alpha = new
    return -np.logaddexp(alpha[-1], alpha[-2])


def make(steps: int = 5, symbols: int = 3, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the loss, and whose parameters are the logits of each step."""
    logits = np.random.default_rng(seed).normal(size=(steps, symbols))
    return pcn.build_circuit(pcn.trace(connectionist_temporal, logits=pcn.Parameter(logits)))
