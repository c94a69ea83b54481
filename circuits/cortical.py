"""A classifier as the cortex might have it: error neurons in pairs, neurons that act with one sign, cells in layers."""

from collections.abc import Sequence

import numpy as np

import pcneuro as pcn


def cortical(
    sizes: Sequence[int] = (64, 20, 16, 10),
    seed: int = 0,
    tau: float = 10.0,
    interneurons: float = 5.0,
    scheme: str = "bastos_2012",
) -> pcn.Circuit:
    """The vertices h1, h2, ... and out of tanh units behind the input x, after three passes.

    ``SplitErrors``, ``Dale`` with interneurons of a time constant of their own (both in ms), and
    ``Laminar`` with the scheme of this name. ``sizes`` are those of x and all layers.
    """
    layers = range(1, len(sizes))

    def forward(x, **W):
        for i in layers:
            x = pcn.vertex(np.tanh(x @ W[f"W{i}"]), f"h{i}" if i < len(sizes) - 1 else "out")
        return x

    generator = np.random.default_rng(seed)
    weights = {
        f"W{i}": pcn.Parameter(generator.normal(0, sizes[i - 1] ** -0.5, (sizes[i - 1], sizes[i]))) for i in layers
    }
    circuit = pcn.build_circuit(pcn.trace(forward, x=pcn.Input((sizes[0],)), **weights), tau=tau)
    layered = pcn.passes.Laminar(pcn.passes.Scheme.named(scheme))
    return pcn.passes.apply(circuit, [pcn.passes.SplitErrors(), pcn.passes.Dale(interneurons), layered])
