"""The Wiener filter that best predicts a signal from its past, by its normal equations (a Toeplitz matrix)."""

import numpy as np

import pcneuro as pcn


def wiener_filter(x, log_noise, taps=3):
    n = len(x)
    autocorrelation = np.correlate(x, x, mode="full")[n - 1 :] / n
    lags = np.abs(np.arange(taps)[:, None] - np.arange(taps)[None, :])
    R = autocorrelation[lags] + np.exp(log_noise) * np.eye(taps)
    w = np.linalg.solve(R, autocorrelation[1 : taps + 1])
    predicted = np.convolve(x, w)[: n - 1]
    return {"filter": w, "error": np.mean((x[1:] - predicted) ** 2)}


def make(length: int = 9, seed: int = 0) -> pcn.Circuit:
    """A circuit whose outputs are the filter and the error of its predictions."""
    x = np.cumsum(np.random.default_rng(seed).normal(size=length))
    return pcn.build_circuit(pcn.trace(wiener_filter, x=pcn.Parameter(x), log_noise=pcn.Parameter(-2.0)))
