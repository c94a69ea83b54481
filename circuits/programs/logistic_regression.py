"""The penalised log likelihood of a logistic regression, with labels of minus one and one."""

import numpy as np

import pcneuro as pcn


def logistic_regression(X, y, w, b, log_penalty):
    margin = y * (X.dot(w) + b)
    return -np.mean(np.log1p(np.exp(-margin))) - np.exp(log_penalty) * w.dot(w)


def sample(seed: int = 1) -> dict:
    """Features and labels."""
    rng = np.random.default_rng(seed)
    return {"X": rng.normal(size=(7, 3)), "y": np.sign(rng.normal(size=7))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the objective."""
    rng = np.random.default_rng(seed)
    theta = {"w": pcn.Parameter(rng.normal(size=3)), "b": pcn.Parameter(0.1), "log_penalty": pcn.Parameter(-3.0)}
    return pcn.build_circuit(pcn.trace(logistic_regression, X=pcn.Input((7, 3)), y=pcn.Input((7,)), **theta))
