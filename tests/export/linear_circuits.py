"""A circuit of linear layers, and what it is given, for targets that only sum."""

from __future__ import annotations

import numpy as np

import pcneuro as pcn
from tests.circuits_for_tests import data_for


def given(graph: pcn.Graph, batch: int = 1, scale: float = 1.0) -> dict:
    """Random inputs and targets, as a run is given them."""
    inputs, goals = data_for(graph, batch, scale=scale)
    return {"inputs": inputs, "targets": goals}


def linear(first=lambda a: a) -> pcn.Graph:
    """Input of 3 units, three layers with biases and a skip connection; ``first`` behind the first one."""
    rng = np.random.default_rng(1)

    def network(x, W1, b, W2, W3):
        h1 = pcn.vertex(first(x @ W1 - b), "h1")
        h2 = pcn.vertex(2.0 * (h1 @ W2) + np.mean(h1) - h1[:1] / 3.0 + b, "h2")
        return {"out": h2 @ W3 + 0.5 * h1[:2]}

    shapes = {"W1": (3, 4), "b": (4,), "W2": (4, 4), "W3": (4, 2)}
    leaves = {name: pcn.Parameter(0.5 * rng.normal(size=shape)) for name, shape in shapes.items()}
    return pcn.trace(network, x=pcn.Input((3,)), **leaves)


def per_unit(graph: pcn.Graph, **settings) -> pcn.Circuit:
    """Time constants and precisions that differ from unit to unit."""
    tau = {"h1": np.array([5.0, 10.0, 12.0, 20.0]), "h2": 8.0}
    precision = {"h1": np.array([0.5, 1.0, 1.5, 2.0]), "out": np.array([0.8, 1.2])}
    return pcn.build_circuit(graph, tau=tau, precision=precision, **settings)
