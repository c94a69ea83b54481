"""A line that outliers do not pull: Huber's loss (1964), with residuals scaled by their median deviation."""

import numpy as np

import pcneuro as pcn


def huber_regression(x, y, slope, intercept, delta=1.0):
    residual = y - (slope * x + intercept)
    scale = 1.4826 * np.median(np.abs(residual - np.median(residual)))
    r = residual / scale
    small = np.abs(r) <= delta
    return np.sum(np.where(small, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta))) + len(x) * np.log(scale)


def sample(seed: int = 1) -> dict:
    """Points, one of them far off."""
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=7), rng.normal(size=7)
    noise[3] += 8
    return {"x": x, "y": x + noise}


def make() -> pcn.Circuit:
    """A circuit whose output is the objective."""
    theta = {"slope": pcn.Parameter(0.7), "intercept": pcn.Parameter(0.2)}
    return pcn.build_circuit(pcn.trace(huber_regression, x=pcn.Input((7,)), y=pcn.Input((7,)), **theta))
