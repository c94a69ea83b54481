"""Causal self-attention of several heads, with a mask of minus infinity and a softmax that does not overflow."""

import numpy as np

import pcneuro as pcn


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def masked_attention(x, Wq, Wk, Wv, Wo, heads=2):
    length, width = x.shape
    q, k, v = [(x @ W).reshape(length, heads, width // heads).transpose(1, 0, 2) for W in (Wq, Wk, Wv)]
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(width // heads)
    scores = np.where(np.tril(np.ones((length, length), dtype=bool)), scores, -np.inf)
    attended = softmax(scores) @ v
    return attended.transpose(1, 0, 2).reshape(length, width) @ Wo


def sample(seed: int = 1) -> dict:
    """Tokens."""
    return {"x": np.random.default_rng(seed).normal(size=(4, 4))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output has a row a token."""
    rng = np.random.default_rng(seed)
    theta = {name: pcn.Parameter(rng.normal(size=(4, 4))) for name in ("Wq", "Wk", "Wv", "Wo")}
    return pcn.build_circuit(pcn.trace(masked_attention, x=pcn.Input((4, 4)), **theta))
