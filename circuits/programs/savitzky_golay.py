"""Smoothing by polynomials that are fitted to sliding windows (Savitzky & Golay 1964)."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import pcneuro as pcn


def savitzky_golay(signal, gain, window=5, degree=2):
    half = window // 2
    design = np.vander(np.arange(-half, half + 1), degree + 1, increasing=True)
    weights = np.linalg.pinv(design)[0]
    padded = np.pad(signal, half, mode="reflect")
    smooth = sliding_window_view(padded, window) @ weights
    return signal + gain * (smooth - signal)


def make(length: int = 9, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the smoothed signal."""
    signal = np.random.default_rng(seed).normal(size=length)
    return pcn.build_circuit(pcn.trace(savitzky_golay, signal=pcn.Parameter(signal), gain=pcn.Parameter(0.8)))
