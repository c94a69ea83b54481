"""A generalised linear model of a spike train: stimulus, spike history, Poisson's likelihood (Pillow 2008)."""

import numpy as np

import pcneuro as pcn

SPIKES = np.array([0, 1, 0, 0, 2, 1, 0, 0, 1, 0])


def poisson_glm(stimulus, filter, history, bias):
    drive = np.convolve(stimulus, filter)[: len(SPIKES)]
    past = np.zeros(len(SPIKES))
    for t in range(1, len(SPIKES)):
        for lag in range(1, min(t, len(history)) + 1):
            past[t] += history[lag - 1] * SPIKES[t - lag]
    log_rate = drive + past + bias
    return np.sum(SPIKES * log_rate - np.exp(log_rate))


def sample(seed: int = 1) -> dict:
    """A stimulus."""
    return {"stimulus": np.random.default_rng(seed).normal(size=10)}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the log likelihood."""
    rng = np.random.default_rng(seed)
    theta = {
        "filter": pcn.Parameter(rng.normal(size=3)),
        "history": pcn.Parameter([-1.0, -0.3]),
        "bias": pcn.Parameter(-0.5),
    }
    return pcn.build_circuit(pcn.trace(poisson_glm, stimulus=pcn.Input((10,)), **theta))
