"""A circuit of two layers, for tests of what changes with time."""

import numpy as np

import pcneuro as pcn

RNG = np.random.default_rng(3)
WEIGHTS = {"W1": RNG.normal(size=(5, 4)), "W2": RNG.normal(size=(4, 3))}


def net(x, W1, W2):
    h = pcn.vertex(np.tanh(x @ W1), "h")
    return pcn.vertex(h @ W2, "y")


def two_layers():
    graph = pcn.trace(net, x=pcn.Input((5,)), **{name: pcn.Parameter(w) for name, w in WEIGHTS.items()})
    return pcn.build_circuit(graph, precision={"h": 2.0})
