"""A residual block with layer normalisation, written by hand with means and standard deviations."""

import numpy as np

import pcneuro as pcn


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def layer_norm(x, gamma, beta, W1, W2, eps=1e-5):
    normalised = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    return x + gelu((gamma * normalised + beta) @ W1) @ W2


def sample(seed: int = 1) -> dict:
    """Two rows."""
    return {"x": np.random.default_rng(seed).normal(size=(2, 4))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output has the shape of the input."""
    rng = np.random.default_rng(seed)
    shapes = {"gamma": (4,), "beta": (4,), "W1": (4, 6), "W2": (6, 4)}
    theta = {name: pcn.Parameter(rng.normal(size=shape)) for name, shape in shapes.items()}
    return pcn.build_circuit(pcn.trace(layer_norm, x=pcn.Input((2, 4)), **theta))
