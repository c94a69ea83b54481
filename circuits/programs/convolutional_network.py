"""A small convolutional network: windows by ``sliding_window_view``, pooling by ``reshape`` and ``max``."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import pcneuro as pcn


def conv2d(x, W):
    windows = sliding_window_view(x, W.shape[2:], axis=(1, 2))
    return np.einsum("chwij,fcij->fhw", windows, W)


def max_pool(x, k=2):
    channels, height, width = x.shape
    return x.reshape(channels, height // k, k, width // k, k).max(axis=(2, 4))


def convolutional_network(image, W, bias, V):
    h = conv2d(image, W) + bias[:, None, None]
    h = h * (h > 0)
    return max_pool(h).ravel() @ V


def sample(seed: int = 1) -> dict:
    """An image of one channel."""
    return {"image": np.random.default_rng(seed).normal(size=(1, 6, 6))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the logits of three classes."""
    rng = np.random.default_rng(seed)
    theta = {
        "W": pcn.Parameter(rng.normal(size=(2, 1, 3, 3))),
        "bias": pcn.Parameter(0.1 * rng.normal(size=2)),
        "V": pcn.Parameter(rng.normal(size=(8, 3))),
    }
    return pcn.build_circuit(pcn.trace(convolutional_network, image=pcn.Input((1, 6, 6)), **theta))
