"""Predators and prey (Lotka 1925; Volterra 1926) by Heun's method."""

import numpy as np

import pcneuro as pcn


def growth(state, alpha, beta, gamma, delta):
    prey, predators = state
    return np.array([prey * (alpha - beta * predators), predators * (delta * prey - gamma)])


def lotka_volterra(state, rates, dt=0.1):
    history = np.empty((6, 2))
    history[0] = state
    for i in range(1, 6):
        k1 = growth(history[i - 1], *rates)
        k2 = growth(history[i - 1] + dt * k1, *rates)
        history[i] = history[i - 1] + dt / 2 * (k1 + k2)
    return history


def make() -> pcn.Circuit:
    """A circuit whose output is the history of both populations."""
    leaves = {"state": pcn.Parameter([1.0, 0.6]), "rates": pcn.Parameter([1.1, 0.9, 0.8, 0.6])}
    return pcn.build_circuit(pcn.trace(lotka_volterra, **leaves))
