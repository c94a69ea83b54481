"""SONATA files, read back with libsonata."""

from __future__ import annotations

import libsonata
import numpy as np
import pytest

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from pcneuro.errors import OutputError, ParameterError
from pcneuro.export import sonata
from tests.circuits_for_tests import mlp, random_dag

CIRCUITS = {
    "mlp": lambda: pcn.build_circuit(mlp((5, 7, 6, 3))),
    "cnn": lambda: cnn(channels=1, size=8, kernel=3, features=(2, 3), hidden=(6, 5)),
    "lstm": lambda: lstm(length=2, vocabulary=4, hidden=3),
    "random": lambda: pcn.build_circuit(random_dag(3)),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_read_back(name, tmp_path):
    circuit, path = CIRCUITS[name](), tmp_path / "circuit.sonata.h5"
    wanted = sonata.write(circuit, path)
    nodes, edges = libsonata.NodeStorage(path), libsonata.EdgeStorage(path)
    assert nodes.population_names == set(wanted.nodes)
    for population, size in wanted.nodes.items():
        assert nodes.open_population(population).size == size
    assert edges.population_names == {e.name for e in wanted.edges}
    for expected in wanted.edges:
        actual = edges.open_population(expected.name)
        everything = actual.select_all()
        assert (actual.source, actual.target) == (expected.source, expected.target)
        assert expected.pre.max() < wanted.nodes[expected.source]
        assert expected.post.max() < wanted.nodes[expected.target]
        np.testing.assert_array_equal(actual.source_nodes(everything), expected.pre)
        np.testing.assert_array_equal(actual.target_nodes(everything), expected.post)
        np.testing.assert_array_equal(actual.get_attribute("syn_weight", everything), expected.weights)
        assert not actual.get_attribute("delay", everything).any()


def test_structure_is_the_circuits(tmp_path):
    """Every neuron of the circuit's graph is there, and what one layer weighs is its parameter, in both directions."""
    circuit = CIRCUITS["mlp"]()
    actual = sonata.structure(circuit)
    assert actual.nodes == {name: node["size"] for name, node in circuit.nx.nodes(data=True)}
    predictions = [e for e in actual.edges if e.kind == "prediction"]
    (forward,) = [e for e in predictions if (e.source, e.target) == ("h1.value", "h2.error")]
    (back,) = [e for e in actual.edges if e.kind == "feedback" and (e.source, e.target) == ("h2.error", "h1.value")]
    for edges, matrix in ((forward, circuit.parameters["W2"]), (back, circuit.parameters["W2"].T)):
        dense = np.zeros(matrix.shape)
        dense[edges.pre, edges.post] = edges.weights
        np.testing.assert_array_equal(dense, matrix)


def test_what_is_refused(tmp_path):
    path = tmp_path / "there.h5"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        sonata.write(CIRCUITS["mlp"](), path)
    assert path.read_text() == "mine"
    with pytest.raises(ParameterError, match="circuit is a Graph"):
        sonata.structure(mlp((2, 2)))
