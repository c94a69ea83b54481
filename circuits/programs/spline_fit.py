"""A cubic spline through a few knots: B-splines by the recursion of Cox and de Boor, with a penalty for roughness."""

import numpy as np

import pcneuro as pcn

KNOTS = np.array([0, 0, 0, 0, 0.4, 0.7, 1, 1, 1, 1.0])


def basis(x, i, degree):
    if degree == 0:
        return np.where((KNOTS[i] <= x) & (x < KNOTS[i + 1]), 1.0, 0.0)
    result = np.zeros_like(x)
    left, right = KNOTS[i + degree] - KNOTS[i], KNOTS[i + degree + 1] - KNOTS[i + 1]
    if left > 0:
        result += (x - KNOTS[i]) / left * basis(x, i, degree - 1)
    if right > 0:
        result += (KNOTS[i + degree + 1] - x) / right * basis(x, i + 1, degree - 1)
    return result


def spline_fit(x, y, coefficients, log_penalty):
    B = np.stack([basis(x, i, 3) for i in range(len(coefficients))], axis=1)
    residual = y - B @ coefficients
    roughness = np.diff(coefficients, n=2)
    return residual @ residual + np.exp(log_penalty) * np.sum(roughness**2)


def sample(seed: int = 1) -> dict:
    """Points between 0 and 1, and values there."""
    rng = np.random.default_rng(seed)
    return {"x": rng.uniform(0, 1, 8), "y": rng.normal(size=8)}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the penalised sum of squares."""
    theta = {
        "coefficients": pcn.Parameter(np.random.default_rng(seed).normal(size=6)),
        "log_penalty": pcn.Parameter(-1),
    }
    return pcn.build_circuit(pcn.trace(spline_fit, x=pcn.Input((8,)), y=pcn.Input((8,)), **theta))
