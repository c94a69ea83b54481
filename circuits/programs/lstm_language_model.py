"""A long short-term memory of two layers, whose parameters are a list of tuples; all gates in one product."""

import numpy as np

import pcneuro as pcn


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell(x, h, c, W, U, b):
    gates = x @ W + h @ U + b
    i, f, g, o = np.split(gates, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def lstm_language_model(x, layers, readout):
    for W, U, b in layers:
        h = c = np.zeros(U.shape[0])
        states = []
        for row in x:
            h, c = cell(row, h, c, W, U, b)
            states.append(h)
        x = np.stack(states)
    return x @ readout


def sample(seed: int = 1) -> dict:
    """One-hot characters."""
    return {"x": np.eye(3)[np.random.default_rng(seed).integers(3, size=3)]}


def make(length: int = 3, hidden: int = 3, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output has the logits of each step."""
    rng = np.random.default_rng(seed)
    layers = [
        (rng.normal(size=(width, 4 * hidden)), rng.normal(size=(hidden, 4 * hidden)), np.zeros(4 * hidden))
        for width in (3, hidden)
    ]
    leaves = {"layers": pcn.Parameters(layers), "readout": pcn.Parameter(rng.normal(size=(hidden, 3)))}
    return pcn.build_circuit(pcn.trace(lstm_language_model, x=pcn.Input((length, 3)), **leaves))
