"""A unit graph with other parameters against one that is made anew of them."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from pcneuro.circuit.units import Source, SynapticSum, UnitGraph
from pcneuro.circuit.units.reweighting import reweighted
from pcneuro.errors import ParameterError
from pcneuro.ops.base import Weights
from tests.circuits_for_tests import mlp, random_dag


def joined() -> pcn.Circuit:
    """Weights that are products of others, and rows of a concatenation, which name no parameter that they are of."""

    def function(x, W, U, b):
        h = pcn.vertex(np.tanh(x @ (W @ U)) * b, "h")
        return pcn.vertex(np.concatenate([h[:2], b[:1]]) @ U.T, "out")

    rng = np.random.default_rng(1)
    shapes = {"W": (4, 2), "U": (2, 3), "b": (3,)}
    return pcn.build_circuit(
        pcn.trace(function, x=pcn.Input((4,)), **{n: pcn.Parameter(rng.normal(size=s)) for n, s in shapes.items()})
    )


CIRCUITS = {
    "mlp": lambda: pcn.build_circuit(mlp((3, 4, 3, 2))),
    "dag": lambda: pcn.build_circuit(random_dag(3), vertices="all"),
    "cnn": lambda: cnn(channels=1, size=8, kernel=3, features=(2, 3), hidden=(6, 5)),
    "lstm": lambda: lstm(length=2, vocabulary=4, hidden=3),
    "joined": joined,
}


def weights_of(units: UnitGraph) -> list[Weights]:
    weights = []
    for population in units.populations:
        if isinstance(population, SynapticSum):
            weights.append(population.weights)
        elif not isinstance(population, Source):
            weights += [x for x in population.operands.values() if isinstance(x, Weights)]
    return weights


@pytest.mark.parametrize("name", CIRCUITS)
@pytest.mark.parametrize("all_are", [False, True])
def test_weights_are_those_of_a_unit_graph_made_anew(name, all_are):
    circuit = CIRCUITS[name]()
    plastic = circuit.graph.parameters if all_are else ()
    units = UnitGraph(circuit, plastic=plastic)
    before = [w.values.copy() for w in weights_of(units)]
    rng = np.random.default_rng(0)
    other = circuit.with_parameters({n: rng.normal(size=a.shape) for n, a in circuit.parameters.items()})
    actual, wanted = reweighted(units, other), UnitGraph(other, plastic=plastic)
    assert len(actual.populations) == len(wanted.populations)
    for ours, theirs in zip(weights_of(actual), weights_of(wanted), strict=True):
        np.testing.assert_array_equal(ours.values, theirs.values)
        assert (ours.parameter, ours.learned, ours.origin) == (theirs.parameter, theirs.learned, theirs.origin)
    for ours, was in zip(weights_of(units), before, strict=True):
        np.testing.assert_array_equal(ours.values, was)


def test_what_connects_is_not_listed_again():
    circuit = CIRCUITS["mlp"]()
    units = UnitGraph(circuit)
    actual = reweighted(units, circuit.with_parameters({n: a + 1.0 for n, a in circuit.parameters.items()}))
    pairs = [(a, b) for a, b in zip(units.populations, actual.populations, strict=True) if isinstance(a, SynapticSum)]
    assert pairs
    for before, after in pairs:
        assert after.pairs is before.pairs
    assert actual.feedback is not units.feedback


def test_weights_that_are_not_finite_are_refused():
    """Parameters are checked where they are given; what is computed from them may overflow."""
    circuit = joined()
    units = UnitGraph(circuit)
    large = {name: np.full(circuit.parameters[name].shape, 1e200) for name in ("W", "U")}
    with pytest.raises(ParameterError, match="finite"):
        reweighted(units, circuit.with_parameters(large))
