"""Deconvolution of a calcium trace: how far spikes behind an exponential kernel are from what was measured."""

import numpy as np

import pcneuro as pcn


def deconvolution(trace, spikes, log_decay, baseline):
    kernel = np.exp(-np.arange(5) * np.exp(log_decay))
    fit = np.convolve(spikes, kernel, mode="full")[: len(trace)] + baseline
    return 0.5 * np.sum((trace - fit) ** 2) + 0.1 * np.sum(np.abs(spikes))


def sample(seed: int = 1) -> dict:
    """A measured trace."""
    return {"trace": np.random.default_rng(seed).uniform(size=10)}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the objective, and whose gradients are those of spikes, decay and baseline."""
    rng = np.random.default_rng(seed)
    theta = {
        "spikes": pcn.Parameter(rng.uniform(0.1, 1, 10)),
        "log_decay": pcn.Parameter(-0.7),
        "baseline": pcn.Parameter(0.2),
    }
    return pcn.build_circuit(pcn.trace(deconvolution, trace=pcn.Input((10,)), **theta))
