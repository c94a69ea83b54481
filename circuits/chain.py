"""A chain of scalar vertices, v_i = tanh(w_i v_(i-1)): the graph of Figure 1 of Millidge, Tschantz & Buckley (2020)."""

import numpy as np

import pcneuro as pcn


def chain(length: int = 3, weight: float = 1.2, tau: float = 10.0) -> pcn.Circuit:
    """A circuit of ``length`` vertices v1, v2, ..., one behind the other, from the input x to the output.

    Each has a weight of its own, w1, w2, ..., which all start at ``weight``. ``tau`` is in ms.
    """

    def forward(x, **weights):
        v = x
        for i in range(1, length + 1):
            v = pcn.vertex(np.tanh(weights[f"w{i}"] * v), f"v{i}")
        return {"out": v}

    weights = {f"w{i}": pcn.Parameter(weight) for i in range(1, length + 1)}
    return pcn.build_circuit(pcn.trace(forward, x=pcn.Input(()), **weights), tau=tau)
