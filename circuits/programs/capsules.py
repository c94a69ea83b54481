"""Routing by agreement between capsules, and the margin loss of their lengths (Sabour, Frosst & Hinton 2017)."""

import numpy as np

import pcneuro as pcn


def squash(s):
    squared = np.sum(s**2, axis=-1, keepdims=True)
    return squared / (1 + squared) * s / np.sqrt(squared + 1e-9)


def capsules(u, W):
    u_hat = np.einsum("ijab,ia->ijb", W, squash(u))
    b = np.zeros(u_hat.shape[:2])
    for _ in range(3):
        c = np.exp(b) / np.exp(b).sum(axis=1, keepdims=True)
        v = squash((c[..., np.newaxis] * u_hat).sum(axis=0))
        b = b + np.einsum("ijb,jb->ij", u_hat, v)
    length = np.linalg.norm(v, axis=-1)
    target = np.array([1, 0])
    present, absent = np.maximum(0, 0.9 - length) ** 2, np.maximum(0, length - 0.1) ** 2
    return {"capsules": v, "loss": (target * present + 0.5 * (1 - target) * absent).sum()}


def sample(seed: int = 1) -> dict:
    """Capsules of the layer before."""
    return {"u": np.random.default_rng(seed).normal(size=(3, 2))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose outputs are two capsules and the loss."""
    W = np.random.default_rng(seed).normal(size=(3, 2, 2, 3))
    return pcn.build_circuit(pcn.trace(capsules, u=pcn.Input((3, 2)), W=pcn.Parameter(W)))
