"""The log density of points under planar normalising flows (Rezende & Mohamed 2015)."""

import numpy as np

import pcneuro as pcn


def planar_flow(z, u, w, b):
    log_density = -0.5 * np.sum(z**2, axis=1) - np.log(2 * np.pi)
    for k in range(len(b)):
        # u is moved to where the flow can be inverted.
        inner = w[k] @ u[k]
        u_hat = u[k] + (np.log1p(np.exp(inner)) - 1 - inner) * w[k] / (w[k] @ w[k])
        activation = np.tanh(z @ w[k] + b[k])
        psi = (1 - activation**2)[:, None] * w[k]
        log_density -= np.log(np.abs(1 + psi @ u_hat))
        z = z + np.outer(activation, u_hat)
    return {"z": z, "log_density": log_density}


def sample(seed: int = 1) -> dict:
    """Points before the flow."""
    return {"z": np.random.default_rng(seed).normal(size=(4, 2))}


def make(flows: int = 3, seed: int = 0) -> pcn.Circuit:
    """A circuit whose outputs are the points behind the flow, and their log densities."""
    rng = np.random.default_rng(seed)
    theta = {name: pcn.Parameter(rng.normal(size=(flows, 2))) for name in "uw"}
    theta["b"] = pcn.Parameter(rng.normal(size=flows))
    return pcn.build_circuit(pcn.trace(planar_flow, z=pcn.Input((4, 2)), **theta))
