"""Principal components by the eigenvalues of the covariance, and what a projection to the first two leaves."""

import numpy as np

import pcneuro as pcn


def principal_components(X, gains):
    X = (X - X.mean(axis=0)) * gains
    covariance = X.T @ X / (len(X) - 1)
    variances, directions = np.linalg.eigh(covariance)
    V = directions[:, ::-1][:, :2]
    residual = X - X @ V @ V.T
    return {"explained": variances[-2:].sum() / variances.sum(), "residual": residual}


def sample(seed: int = 1) -> dict:
    """Points."""
    return {"X": np.random.default_rng(seed).normal(size=(7, 4))}


def make() -> pcn.Circuit:
    """A circuit whose outputs are the explained variance and the residuals; features have gains."""
    gains = pcn.Parameter([2.0, 1.5, 0.7, 0.4])
    return pcn.build_circuit(pcn.trace(principal_components, X=pcn.Input((7, 4)), gains=gains))
