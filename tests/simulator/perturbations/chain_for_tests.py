"""A chain of three vertices that perturbations are tried on, with its data."""

import numpy as np
import pytest

import pcneuro as pcn

RNG = np.random.default_rng(11)
W1, W2, W3 = RNG.normal(size=(5, 4)) / 2, RNG.normal(size=(4, 4)) / 2, RNG.normal(size=(4, 3)) / 2
X, Y = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 3))
DATA = {"inputs": {"x": X}, "targets": {"y": Y}}
RECORD = [pcn.Record("h"), pcn.Record("g", "error"), pcn.Record("y", "prediction")]

every_engine = pytest.mark.parametrize("engine", [pcn.Kernel(threads=1), pcn.Reference()], ids=["kernel", "reference"])
every_dynamics = pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)


def of(x):
    return x


def graph_of(to_g=of, to_y=of):
    """x to h to g to y, of which the last two read what these functions make of the vertex before."""

    def net(x, W1, W2, W3):
        h = pcn.vertex(np.tanh(x @ W1), "h")
        g = pcn.vertex(np.tanh(to_g(h) @ W2), "g")
        return pcn.vertex(to_y(g) @ W3, "y")

    parameters = {name: pcn.Parameter(w) for name, w in (("W1", W1), ("W2", W2), ("W3", W3))}
    return pcn.trace(net, x=pcn.Input((5,)), **parameters)


CIRCUIT = pcn.build_circuit(graph_of(), precision={"g": 2.0})
FORWARD, BACK = ("h.value", "g.error"), ("g.error", "h.value")
