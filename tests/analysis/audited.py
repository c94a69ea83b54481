"""A small circuit to be audited, and what is to come out of an audit that passes."""

from __future__ import annotations

import numpy as np

import pcneuro as pcn

W1, W2 = (np.random.default_rng(k).normal(size=shape) for k, shape in enumerate(((4, 5), (5, 3))))


def two_layers(**settings):
    def function(x, W1, W2):
        h = pcn.vertex(np.tanh(x @ W1), "h")
        return pcn.vertex(h @ W2, "y")

    graph = pcn.trace(function, x=pcn.Input((4,)), W1=pcn.Parameter(W1), W2=pcn.Parameter(W2))
    return pcn.build_circuit(graph, **settings)


def passes(audit):
    """All interventions came out as they have to, and there were some of each update."""
    assert all(row.interventions.made for row in audit.rows)
    assert audit.certified, audit
    return audit.local
