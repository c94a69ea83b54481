"""A recursive digital filter of second order, in direct form, that writes its output one sample after the other."""

import numpy as np

import pcneuro as pcn


def iir_filter(x, b, a):
    y = np.zeros(len(x))
    for n in range(len(x)):
        for k in range(len(b)):
            if n - k >= 0:
                y[n] += b[k] * x[n - k]
        for k in range(1, len(a) + 1):
            if n - k >= 0:
                y[n] -= a[k - 1] * y[n - k]
    return y


def sample(seed: int = 1) -> dict:
    """A signal."""
    return {"x": np.random.default_rng(seed).normal(size=7)}


def make(length: int = 7) -> pcn.Circuit:
    """A circuit whose output is the filtered signal."""
    theta = {"b": pcn.Parameter([0.4, 0.3, 0.1]), "a": pcn.Parameter([-0.5, 0.2])}
    return pcn.build_circuit(pcn.trace(iir_filter, x=pcn.Input((length,)), **theta))
