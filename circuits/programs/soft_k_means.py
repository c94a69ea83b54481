"""K-means with soft memberships: three steps of assigning points and moving centres."""

import numpy as np

import pcneuro as pcn


def soft_k_means(points, centres, stiffness):
    for _ in range(3):
        distance = ((points[:, None] - centres[None]) ** 2).sum(-1)
        membership = np.exp(-stiffness * (distance - distance.min(axis=1, keepdims=True)))
        membership /= membership.sum(axis=1, keepdims=True)
        centres = membership.T @ points / membership.sum(axis=0)[:, None]
    nearest = distance[np.arange(len(points)), np.argmin(distance, axis=1)]
    return {"centres": centres, "inertia": nearest.sum()}


def sample(seed: int = 1) -> dict:
    """Points in the plane."""
    return {"points": np.random.default_rng(seed).normal(size=(8, 2))}


def make(clusters: int = 3, seed: int = 0) -> pcn.Circuit:
    """A circuit whose outputs are the centres, and squared distances to the nearest of them before the last step."""
    centres = np.random.default_rng(seed).normal(size=(clusters, 2))
    theta = {"centres": pcn.Parameter(centres), "stiffness": pcn.Parameter(1.5)}
    return pcn.build_circuit(pcn.trace(soft_k_means, points=pcn.Input((8, 2)), **theta))
