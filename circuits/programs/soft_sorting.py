"""Differentiable sorting: a soft permutation matrix (Prillo & Eisenschlos 2020) beside the exact order."""

import numpy as np

import pcneuro as pcn


def soft_sorting(scores, log_temperature):
    ordered = np.sort(scores)[::-1]
    distance = -np.abs(ordered[:, None] - scores[None, :]) / np.exp(log_temperature)
    P = np.exp(distance - distance.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    return {"soft": P @ scores, "gap": ordered[0] - ordered[1]}


def make(items: int = 5, seed: int = 0) -> pcn.Circuit:
    """A circuit whose outputs are the scores in soft order, and how far the best is ahead."""
    scores = np.random.default_rng(seed).normal(size=items)
    return pcn.build_circuit(pcn.trace(soft_sorting, scores=pcn.Parameter(scores), log_temperature=pcn.Parameter(-1.0)))
