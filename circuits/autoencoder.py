"""A generative model of images: causes z, with a Gaussian prior, predict what the senses are clamped to.

    z ~ N(0, 1)        h = tanh(z W1 + b1)        x ~ N(h W2 + b2, 1/precision)

It runs from the top down, so what it is shown is its leaf. Under strict dynamics the free causes settle where the
variational free energy is least: encoding is inference, with no encoder (Rao & Ballard 1999; Friston 2005; any vertex
of the circuits of Millidge, Tschantz & Buckley 2020 may be clamped or free).
"""

from collections.abc import Sequence

import numpy as np

import pcneuro as pcn


def autoencoder(
    sizes: Sequence[int] = (10, 48, 64), precision: float = 1.0, seed: int = 0, tau: float = 10.0
) -> pcn.Circuit:
    """A circuit of the latent root z, the vertices h1, h2, ..., and out; ``sizes`` are those of z and all layers.

    Give it what it is to encode as ``targets={"out": images}``, with ``pcn.Strict()``, and read ``values["z"]``.
    ``precision`` is that of the images given their causes; all others are 1. Weights are drawn from a normal
    distribution with variance 1/inputs, biases are zero; ``tau`` is in ms.
    """
    layers = range(1, len(sizes))

    def forward(z, **theta):
        for i in layers:
            z = z @ theta[f"W{i}"] + theta[f"b{i}"]
            z = pcn.vertex(np.tanh(z), f"h{i}") if i < len(sizes) - 1 else pcn.vertex(z, "out")
        return z

    generator = np.random.default_rng(seed)
    theta = {}
    for i in layers:
        theta[f"W{i}"] = pcn.Parameter(generator.normal(0, sizes[i - 1] ** -0.5, (sizes[i - 1], sizes[i])))
        theta[f"b{i}"] = pcn.Parameter(np.zeros(sizes[i]))
    graph = pcn.trace(forward, z=pcn.Latent((sizes[0],), prior=0.0), **theta)
    return pcn.build_circuit(graph, tau=tau, precision={"out": precision})
