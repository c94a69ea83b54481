"""A circuit and data that are learned in no time."""

import numpy as np

import pcneuro as pcn
from pcneuro.learning import Examples


def classifier(hidden: int = 6) -> pcn.Circuit:
    def network(x, W1, b1, W2):
        h = pcn.vertex(np.tanh(x @ W1 + b1), "h")
        return pcn.vertex(h @ W2, "out")

    generator = np.random.default_rng(0)
    graph = pcn.trace(
        network,
        x=pcn.Input((4,)),
        W1=pcn.Parameter(generator.normal(size=(4, hidden)) / 2),
        b1=pcn.Parameter(np.zeros(hidden)),
        W2=pcn.Parameter(generator.normal(size=(hidden, 3)) / 2),
    )
    return pcn.build_circuit(graph, energies={"out": pcn.SoftmaxCrossEntropy()})


def clusters(samples: int = 90, seed: int = 3) -> Examples:
    labels = np.arange(samples) % 3
    centres = np.array([[2.0, 0, 0, 1], [0, 2, 1, 0], [-1, 0, 2, -1]])
    noise = 0.3 * np.random.default_rng(seed).normal(size=(samples, 4))
    return Examples({"x": centres[labels] + noise}, {"out": np.eye(3)[labels]})
