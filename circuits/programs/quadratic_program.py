"""A quadratic program with equality constraints: the smallest variance of a portfolio, by its KKT system."""

import numpy as np

import pcneuro as pcn


def quadratic_program(L, returns, target):
    n = len(returns)
    S = L @ L.T + 0.1 * np.eye(n)
    A = np.stack([np.ones(n), returns])
    KKT = np.block([[S, A.T], [A, np.zeros((2, 2))]])
    rhs = np.concatenate([np.zeros(n), np.ones(1), [target]])
    x = np.linalg.solve(KKT, rhs)[:n]
    return {"weights": x, "variance": x @ S @ x}


def make(assets: int = 4, seed: int = 0) -> pcn.Circuit:
    """A circuit whose outputs are the portfolio and its variance."""
    rng = np.random.default_rng(seed)
    leaves = {
        "L": pcn.Parameter(rng.normal(size=(assets, assets))),
        "returns": pcn.Parameter(rng.uniform(0, 1, assets)),
        "target": pcn.Parameter(0.5),
    }
    return pcn.build_circuit(pcn.trace(quadratic_program, **leaves))
