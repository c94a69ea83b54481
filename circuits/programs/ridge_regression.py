"""Ridge regression in closed form, and its error on points that were left out, as a function of penalty and gains."""

import numpy as np

import pcneuro as pcn


def ridge_regression(X, y, log_penalty, gains):
    X = X * gains
    train, test = slice(None, -3), slice(-3, None)
    rows = np.concatenate([X[train], np.exp(0.5 * log_penalty) * np.eye(X.shape[1])])
    w, *_ = np.linalg.lstsq(rows, np.concatenate([y[train], np.zeros(X.shape[1])]), rcond=None)
    return np.mean((y[test] - X[test] @ w) ** 2)


def sample(seed: int = 1) -> dict:
    """Features and values."""
    rng = np.random.default_rng(seed)
    return {"X": rng.normal(size=(9, 3)), "y": rng.normal(size=9)}


def make() -> pcn.Circuit:
    """A circuit whose output is the error."""
    theta = {"log_penalty": pcn.Parameter(-1.0), "gains": pcn.Parameter([1.0, 0.7, 1.4])}
    return pcn.build_circuit(pcn.trace(ridge_regression, X=pcn.Input((9, 3)), y=pcn.Input((9,)), **theta))
