"""Particles in a double well with given noise, and how many of them, softly counted, came to the right-hand side."""

import numpy as np

import pcneuro as pcn


def langevin(noise, barrier, temperature, dt=0.05):
    x = -np.ones(noise.shape[1])
    for step in noise:
        force = -4 * barrier * x * (x**2 - 1)
        x = x + dt * force + np.sqrt(2 * temperature * dt) * step
    crossed = 1 / (1 + np.exp(-4 * x))
    return {"mean": np.average(x), "spread": np.cov(x), "crossed": crossed.mean()}


def sample(seed: int = 1) -> dict:
    """Normal noise of six steps for four particles."""
    return {"noise": np.random.default_rng(seed).normal(size=(6, 4))}


def make() -> pcn.Circuit:
    """A circuit whose outputs are the mean and variance of the places, and the share on the right."""
    theta = {"barrier": pcn.Parameter(1.1), "temperature": pcn.Parameter(0.6)}
    return pcn.build_circuit(pcn.trace(langevin, noise=pcn.Input((6, 4)), **theta))
