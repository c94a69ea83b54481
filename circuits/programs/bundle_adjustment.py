"""How far points in space are from where a camera sees them: Rodrigues' rotation, projection and lens distortion."""

import numpy as np

import pcneuro as pcn


def rotate(points, vector):
    theta = np.linalg.norm(vector)
    axis = vector / theta
    return (
        np.cos(theta) * points
        + np.sin(theta) * np.cross(axis, points)
        + (1 - np.cos(theta)) * np.outer(points @ axis, axis)
    )


def bundle_adjustment(points, rotation, translation, intrinsics, seen):
    p = rotate(points, rotation) + translation
    p = -p[:, :2] / p[:, 2, np.newaxis]
    focal, k1, k2 = intrinsics
    n = np.sum(p**2, axis=1)
    projected = p * (focal * (1 + k1 * n + k2 * n**2))[:, np.newaxis]
    return (projected - seen).ravel()


def sample(seed: int = 1) -> dict:
    """Where four points were seen."""
    return {"seen": np.random.default_rng(seed).normal(size=(4, 2))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output are the residuals."""
    theta = {
        "points": pcn.Parameter(np.random.default_rng(seed).normal(size=(4, 3))),
        "rotation": pcn.Parameter([0.2, -0.4, 0.3]),
        "translation": pcn.Parameter([0.1, 0.2, -5.0]),
        "intrinsics": pcn.Parameter([1.5, 0.1, -0.02]),
    }
    return pcn.build_circuit(pcn.trace(bundle_adjustment, seen=pcn.Input((4, 2)), **theta))
