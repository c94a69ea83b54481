"""Survival curves: hazards of each period, products of what is left, the likelihood of deaths and the censored."""

import numpy as np

import pcneuro as pcn

TIMES = np.array([0, 2, 3, 1, 3])
DIED = np.array([True, True, False, True, True])


def survival(X, w, baseline):
    hazard = 1 / (1 + np.exp(-(X @ w)[:, None] - baseline))
    survived = np.cumprod(1 - hazard, axis=1)
    before = np.concatenate([np.ones((len(X), 1)), survived[:, :-1]], axis=1)
    people = np.arange(len(X))
    likelihood = np.where(DIED, (hazard * before)[people, TIMES], survived[people, TIMES])
    return np.log(likelihood).sum()


def sample(seed: int = 1) -> dict:
    """What is known of five people."""
    return {"X": np.random.default_rng(seed).normal(size=(5, 2))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the log likelihood."""
    rng = np.random.default_rng(seed)
    theta = {"w": pcn.Parameter(rng.normal(size=2)), "baseline": pcn.Parameter(rng.normal(size=4) - 1)}
    return pcn.build_circuit(pcn.trace(survival, X=pcn.Input((5, 2)), **theta))
