"""The log density of points under affine coupling layers (Dinh, Sohl-Dickstein & Bengio 2017)."""

import numpy as np

import pcneuro as pcn


def coupling(x, mask, layer):
    masked = x * mask
    hidden = np.tanh(masked @ layer["W"] + layer["b"])
    scale = np.tanh(hidden @ layer["S"]) * (1 - mask)
    shift = (hidden @ layer["T"]) * (1 - mask)
    return masked + (1 - mask) * (x * np.exp(scale) + shift), scale.sum(axis=-1)


def real_nvp(x, layers):
    log_determinant = 0
    for i, layer in enumerate(layers):
        mask = (np.arange(x.shape[-1]) + i) % 2
        x, change = coupling(x, mask, layer)
        log_determinant = log_determinant + change
    return -0.5 * (x**2).sum(axis=-1) - 0.5 * x.shape[-1] * np.log(2 * np.pi) + log_determinant


def sample(seed: int = 1) -> dict:
    """Points."""
    return {"x": np.random.default_rng(seed).normal(size=(3, 4))}


def make(hidden: int = 4, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the log density of each point."""
    rng = np.random.default_rng(seed)
    shapes = {"W": (4, hidden), "b": (hidden,), "S": (hidden, 4), "T": (hidden, 4)}
    layers = [{name: 0.5 * rng.normal(size=shape) for name, shape in shapes.items()} for _ in range(3)]
    return pcn.build_circuit(pcn.trace(real_nvp, x=pcn.Input((3, 4)), layers=pcn.Parameters(layers)))
