"""A classifier: layers of tanh units, and logits that are compared with the target by softmax cross-entropy."""

from collections.abc import Sequence

import numpy as np

import pcneuro as pcn


def mlp(sizes: Sequence[int] = (64, 48, 32, 10), seed: int = 0, tau: float = 10.0) -> pcn.Circuit:
    """A circuit of the vertices h1, h2, ... and out, behind the input x; ``sizes`` are those of x and all layers.

    Weights are drawn from a normal distribution with variance 1/inputs, biases are zero; ``tau`` is in ms.
    """
    layers = range(1, len(sizes))

    def forward(x, **theta):
        for i in layers:
            x = x @ theta[f"W{i}"] + theta[f"b{i}"]
            x = pcn.vertex(np.tanh(x), f"h{i}") if i < len(sizes) - 1 else pcn.vertex(x, "out")
        return x

    generator = np.random.default_rng(seed)
    theta = {}
    for i in layers:
        theta[f"W{i}"] = pcn.Parameter(generator.normal(0, sizes[i - 1] ** -0.5, (sizes[i - 1], sizes[i])))
        theta[f"b{i}"] = pcn.Parameter(np.zeros(sizes[i]))
    graph = pcn.trace(forward, x=pcn.Input((sizes[0],)), **theta)
    return pcn.build_circuit(graph, tau=tau, energies={"out": pcn.SoftmaxCrossEntropy()})
