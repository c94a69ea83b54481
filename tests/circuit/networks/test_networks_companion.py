"""What ``Circuit.nx`` is becomes the circuit again, in memory and through GraphML, and runs the same bit for bit."""

from __future__ import annotations

import importlib
import io
import json
import pickle
from pathlib import Path

import networkx
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit.companion import COMPANION
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import CircuitFileError, GraphError, ParameterError
from tests.circuits.small import MAKERS, small
from tests.circuits_for_tests import mlp, random_dag


def same(a: pcn.Circuit, b: pcn.Circuit) -> bool:
    """Whether two circuits are the same, parameters included, to the last bit."""
    values = a.parameters, b.parameters
    equal = all(np.array_equal(values[0][name], values[1][name]) for name in values[0].keys() | values[1].keys())
    return fingerprint(a) == fingerprint(b) and equal


def through_graphml(circuit: pcn.Circuit, folder: Path) -> pcn.Circuit:
    circuit.write_graphml(folder / "circuit.graphml")
    return pcn.from_networkx(networkx.read_graphml(folder / "circuit.graphml"))


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_every_circuit_runs_bit_for_bit(name, tmp_path):
    made = small(name)
    assert same(pcn.from_networkx(made.circuit.nx), made.circuit)
    back = through_graphml(made.circuit, tmp_path)
    assert same(back, made.circuit)
    results = [
        pcn.Simulator(circuit, integrator=pcn.Euler(1.0)).run(
            20.0, inputs=made.inputs, targets=made.targets, clamp=made.latents
        )
        for circuit in (made.circuit, back)
    ]
    for vertex, values in results[0].values.items():
        np.testing.assert_array_equal(values, results[1].values[vertex])
    for parameter, gradient in results[0].gradients.items():
        np.testing.assert_array_equal(gradient, results[1].gradients[parameter])


EXPERIMENTS = ["alpha_oscillation", "attention", "bogacz_tutorial", "dendritic", "kalman", "oddball", "pc_graph"]
EXPERIMENTS += ["prediction_error_neurons", "prospective_configuration", "rao_ballard", "sampling"]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_circuits_of_experiments_come_back_whole(name, tmp_path):
    """With their noise, rules, cycles and delays."""
    circuit = getattr(importlib.import_module(f"circuits.{name}"), name)()
    assert same(pcn.from_networkx(circuit.nx), circuit)
    assert same(through_graphml(circuit, tmp_path), circuit)


@pytest.mark.parametrize("seed", range(10))
def test_random_circuits_with_everything_come_back(seed, tmp_path):
    rng = np.random.default_rng(seed)
    graph = random_dag(seed)
    vertices = pcn.build_circuit(graph).vertices
    settings = {
        "tau": {v: float(rng.uniform(5.0, 20.0)) for v in vertices},
        "delays": float(rng.uniform(1.0, 5.0)),
        "noise": pcn.WhiteNoise(0.1),
        "plasticity": pcn.Hebbian(tau=100.0, decay=0.1),
    }
    circuit = pcn.build_circuit(graph, **settings)
    assert same(through_graphml(circuit, tmp_path), circuit)


def test_it_is_a_plain_networkx_graph_still():
    graph = pcn.build_circuit(mlp((4, 3, 5, 2)), delays=pcn.UniformDelay(1.0, 5.0)).nx
    assert type(graph) is networkx.MultiDiGraph
    assert networkx.shortest_path_length(graph, "x.value", "out.error") > 0
    assert type(networkx.DiGraph(graph)) is networkx.DiGraph
    assert networkx.strongly_connected_components(graph)
    json.dumps(networkx.node_link_data(graph))
    assert graph.subgraph(["x.value", "h1.error"]).number_of_edges() == 1
    for copy in (
        graph.copy(),
        pickle.loads(pickle.dumps(graph)),
        graph.subgraph(graph.nodes),
        networkx.MultiDiGraph(graph),
    ):
        assert same(pcn.from_networkx(copy), pcn.from_networkx(graph))


def test_graphml_without_weights_is_as_large_as_its_populations(tmp_path):
    circuit = pcn.build_circuit(mlp((4, 300, 300, 2)))
    circuit.write_graphml(tmp_path / "small.graphml", weights=False)
    circuit.write_graphml(tmp_path / "whole.graphml")
    sizes = [(tmp_path / f"{name}.graphml").stat().st_size for name in ("small", "whole")]
    assert sizes[0] < 20_000 < 700_000 < sizes[1]
    with pytest.raises(GraphError, match=r"what Circuit.nx is, without the circuit's weights"):
        pcn.from_networkx(networkx.read_graphml(tmp_path / "small.graphml"))


def test_arrays_are_as_good_as_tuples():
    graph = pcn.build_circuit(mlp((4, 3, 5, 2))).nx.copy()
    graph.nodes["h1.value"]["tau"] = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(pcn.from_networkx(graph).tau["h1"], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("through_a_file", [False, True])
def test_time_constants_and_precisions_are_the_users_to_change(through_a_file, tmp_path):
    circuit = pcn.build_circuit(mlp((4, 3, 5, 2)))
    graph = circuit.nx.copy()
    if through_a_file:
        circuit.write_graphml(tmp_path / "circuit.graphml")
        graph = networkx.read_graphml(tmp_path / "circuit.graphml")
    graph.nodes["h1.value"]["tau"] = 25.0
    graph.nodes["h2.error"]["precision"] = "1,2,3,4,5" if through_a_file else (1.0, 2.0, 3.0, 4.0, 5.0)
    graph.nodes["h2.error"]["error_tau"] = 3.0
    back = pcn.from_networkx(graph)
    assert (back.tau["h1"] == 25.0).all()
    assert (back.tau["h2"] == 10.0).all()
    np.testing.assert_array_equal(back.precision["h2"], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert (back.error_tau["h2"] == 3.0).all()
    assert (circuit.tau["h1"] == 10.0).all()


def test_other_changes_are_refused_by_name():
    circuit = pcn.build_circuit(mlp((4, 3, 5, 2)))
    for change, error, text in (
        (lambda g: g.remove_node("h2.error"), GraphError, "lacks the population 'h2.error'"),
        (lambda g: g.add_node("mine"), GraphError, "has, and its circuit has not, the population 'mine'"),
        (lambda g: g.remove_edge("h1.value", "h2.error"), GraphError, "edges 'h1.value' -> 'h2.error'"),
        (lambda g: g.edges["h1.value", "h2.error", "prediction"].update(delay=3.0), GraphError, "circuit.with_delays"),
        (lambda g: g.nodes["h1.value"].update(size=7), ParameterError, "size 7 of population 'h1.value'"),
        (lambda g: g.nodes["x.value"].update(tau=7.0), ParameterError, "tau 7.0 of population 'x.value'"),
        (lambda g: g.nodes["h1.value"].update(tau="fast"), ParameterError, "tau of population 'h1.value' is 'fast'"),
        (lambda g: g.nodes["h1.value"].update(tau=-1.0), ParameterError, "tau of vertex 'h1'"),
        (lambda g: g.nodes["h1.value"].update(mine=np.ones(3)), ParameterError, "mine '1.0,1.0,1.0' of population"),
        (lambda g: g.nodes["h1.value"].update(tau=np.ma.array(np.ones(3), mask=[0, 1, 0])), ParameterError, "tau of"),
    ):
        graph = circuit.nx.copy()
        change(graph)
        with pytest.raises(error, match=text):
            pcn.from_networkx(graph)
    with pytest.raises(ParameterError, match="dt and velocity"):
        pcn.from_networkx(circuit.nx, dt=1.0)


def test_a_damaged_companion_is_refused(tmp_path):
    circuit = pcn.build_circuit(mlp((4, 3, 5, 2)))
    circuit.write_graphml(tmp_path / "circuit.graphml")
    text = (tmp_path / "circuit.graphml").read_text()
    whole = networkx.read_graphml(io.BytesIO(text.encode())).graph[COMPANION]
    for wrong in ("", "????", whole[:-40], whole.replace("A", "B", 200), whole[:1000], 3):
        graph = networkx.read_graphml(io.BytesIO(text.encode()))
        graph.graph[COMPANION] = wrong
        with pytest.raises(CircuitFileError, match="attribute 'pcneuro_circuit' of the graph"):
            pcn.from_networkx(graph)
