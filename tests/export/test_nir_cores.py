"""Cores of a chip as metadata of the nodes of NIR."""

from __future__ import annotations

import nir as library
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.export import nir
from tests.circuits_for_tests import data_for, mlp


def round_trip(tmp_path, circuit: pcn.Circuit, **settings):
    nir.write(circuit, tmp_path / "circuit.nir", overwrite=True, **settings)
    return library.read(tmp_path / "circuit.nir")


def test_nodes_say_on_which_core_their_neurons_are(tmp_path):
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    inputs, targets = data_for(circuit.graph, 1)
    cores = {"x.value": np.zeros(5, dtype=int), "h1.error": np.arange(7) // 2, "out.error": np.array([4, 4, 5])}
    graph = round_trip(tmp_path, circuit, inputs=inputs, targets=targets, cores=cores, chip="loihi")
    assert graph.metadata["chip"] == "loihi"
    noted = {name: node.metadata["core"].tolist() for name, node in graph.nodes.items() if "core" in node.metadata}
    assert noted == {"h1_error": [0, 0, 1, 1, 2, 2, 3], "out_error": [4, 4, 5]}
    assert {name for name, node in graph.nodes.items() if node.metadata.get("chip") == "loihi"} == set(noted)
    plain = round_trip(tmp_path, circuit, inputs=inputs, targets=targets)
    assert set(plain.nodes) == set(graph.nodes)
    assert "chip" not in plain.metadata


def test_cores_that_do_not_fit_are_refused():
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    inputs, targets = data_for(circuit.graph, 1)
    for cores, chip, said in (
        ({"h1.error": np.arange(7)}, "", "chip is ''"),
        (None, "loihi", "chip is 'loihi'"),
        ({"h9.error": np.arange(7)}, "loihi", "population in cores 'h9.error'"),
        ({"h1.error": np.arange(6)}, "loihi", "cores of 'h1.error' are 6"),
        ({"h1.error": np.full(7, -1)}, "loihi", "give the numbers of cores"),
    ):
        with pytest.raises(pcn.PcneuroError, match=said):
            nir.graph(circuit, inputs=inputs, targets=targets, cores=cores, chip=chip)
