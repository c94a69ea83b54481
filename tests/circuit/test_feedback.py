"""The backward graph: what is listed, once for a graph, and that each of the three walks comes to the same."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit.feedback import (
    AbstractVisitor,
    Pull,
    Station,
    feedback,
    joined_feedback,
    pull_back,
    value_feedback,
)
from pcneuro.circuit.units import AbstractUnitWalk, SlopePull, UnitGraph, UnitPull, UnitStation, UnitWalk
from pcneuro.graph.forward import forward_pass
from tests.circuits_for_tests import data_for, mlp, random_dag

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_stations_stand_last_to_first_with_all_pulls(seed):
    graph = random_dag(seed)
    way, position = feedback(graph), {name: i for i, name in enumerate(graph.nodes)}
    order = [position[station.name] for station in way.stations]
    assert order == sorted(order, reverse=True)
    leaving = [(pull.node.name, pull.k, pull.operand) for station in way.stations for pull in station.pulls]
    nodes = {name: node for name, node in graph.nodes.items() if not node.is_leaf and name in way.active}
    wanted = {(n, k, o) for n, node in nodes.items() for k, o in enumerate(node.operands) if o in way.active}
    assert len(leaving) == len(wanted)
    assert set(leaving) == wanted
    arriving = {(p.node.name, p.k, p.operand) for s in way.stations if s.name in way.active for p in s.arriving}
    assert arriving == wanted


def test_what_is_asked_decides_where_errors_go():
    graph = mlp((3, 4, 2))
    vertices = ("h1", "out")
    assert feedback(graph, vertices).active == {*vertices, *graph.parameters} | {
        name for name, node in graph.nodes.items() if not node.is_leaf
    }
    assert not value_feedback(graph, vertices).active.intersection(graph.parameters)
    assert "h1" in value_feedback(graph, vertices).active
    assert "x" not in feedback(graph).active
    assert "x" in feedback(graph, (*vertices, "x")).active


def test_a_list_is_made_once_and_goes_with_its_graph():
    graph = mlp((3, 4, 2))
    assert feedback(graph, ["h1", "out"]) is feedback(graph, ("out", "h1"))
    assert feedback(graph) is not joined_feedback(graph)
    gone = weakref.ref(graph)
    del graph
    gc.collect()
    assert gone() is None


def recurrent(x, U, W):
    h = np.tanh(x[0] @ U)
    for t in (1, 2):
        h = np.tanh(x[t] @ U + h @ W)
    return h


def test_times_of_shared_weights_are_joined_into_one_product():
    rng = np.random.default_rng(0)
    graph = pcn.trace(
        recurrent,
        x=pcn.Input((3, 4)),
        U=pcn.Parameter(rng.normal(size=(4, 4))),
        W=pcn.Parameter(rng.normal(size=(4, 4))),
    )
    joined = {station.name: station.arriving for station in joined_feedback(graph).stations}
    apart = {station.name: station.arriving for station in feedback(graph).stations}
    assert [len(pull.nodes) for pull in joined["U"]] == [3]
    assert [len(pull.nodes) for pull in apart["U"]] == [1, 1, 1]
    inputs, _ = data_for(graph, 5)
    values = forward_pass(graph, inputs)
    (out,) = graph.outputs.values()
    seeds = {out.name: rng.normal(size=(5, 4))}
    one, other = (pull_back(way, seeds, values, values) for way in (joined_feedback(graph), feedback(graph)))
    for name in graph.parameters:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-12)


def test_a_seed_goes_back_instead_of_what_arrives():
    """A vertex sends its own error, and what comes back to it is its feedback."""
    graph = mlp((3, 4, 2))
    inputs, _ = data_for(graph, 5)
    values, rng = forward_pass(graph, inputs), np.random.default_rng(0)
    errors = {"out": rng.normal(size=(5, 2)), "h1": rng.normal(size=(5, 4))}
    back = pull_back(feedback(graph, ("h1", "out")), errors, values, values)
    W1, W2 = (graph.parameters[name].source.value for name in ("W1", "W2"))
    np.testing.assert_allclose(back["h1"], errors["out"] @ W2.T, rtol=1e-12)
    slope = 1 - np.tanh(inputs["x"] @ W1 + graph.parameters["b1"].source.value) ** 2
    np.testing.assert_allclose(back["b1"][0], (errors["h1"] * slope).sum(axis=0), rtol=1e-12)


class Jacobian(AbstractVisitor[Station, np.ndarray]):
    """Matrices (outputs, units), one row of a walk each: what a visitor writes down is what the walk computes."""

    def __init__(self, values: dict, output: str, size: int) -> None:
        self.values, self.output = values, output
        self.by_node: dict[str, np.ndarray] = {output: np.eye(size)}

    def arrive(self, station: Station) -> np.ndarray | None:
        return None if station.node.is_leaf else self.by_node.get(station.name)

    def pull(self, station: Station, pull: Pull, leaving: np.ndarray) -> None:
        node = station.node
        operands = [np.broadcast_to(self.values[o], (len(leaving), *self.values[o].shape[1:])) for o in node.operands]
        output = np.broadcast_to(self.values[node.name], (len(leaving), *node.shape))
        part = node.operator.vjp(pull.k, leaving.reshape(len(leaving), *node.shape), output, *operands)
        before = self.by_node.get(pull.operand, 0.0)
        self.by_node[pull.operand] = before + part.reshape(len(leaving), -1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_visitor_is_led_the_same_way(seed):
    graph = random_dag(seed)
    inputs, _ = data_for(graph, 1)
    values = forward_pass(graph, inputs)
    out = graph.outputs["a"]
    visitor = Jacobian(values, out.name, out.size)
    visitor.visit(feedback(graph).stations)
    error = np.random.default_rng(seed).normal(size=(1, out.size))
    back = pull_back(feedback(graph), {out.name: error}, values, values)
    for name in graph.parameters:
        if name in back:
            expected = (error @ visitor.by_node[name]).ravel()
            np.testing.assert_allclose(back[name].ravel(), expected, rtol=1e-10, atol=1e-12)


class Rows(AbstractUnitWalk):
    """Several errors at once, and what was delivered where."""

    def __init__(self, units: UnitGraph, activity: list, errors: dict) -> None:
        super().__init__(units.feedback, len(next(iter(errors.values()))))
        self.activity, self.errors = activity, errors
        self.delivered: list[tuple[int, str | None]] = []

    def error(self, vertex: str, adjoint: np.ndarray) -> np.ndarray:
        return self.errors[vertex]

    def slope(self, pull: SlopePull) -> np.ndarray:
        return pull.function.evaluated(pull.derivative, self.activity, out=self.activity[pull.number])

    def deliver(self, pull: UnitPull, back: np.ndarray) -> None:
        self.delivered.append(pull.place)
        super().deliver(pull, back)


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_of_a_walk_are_walks_of_their_own(seed):
    circuit = pcn.build_circuit(random_dag(seed), vertices="all" if seed % 2 else "marked")
    units, rng = UnitGraph(circuit), np.random.default_rng(seed)
    inputs, _ = data_for(circuit.graph, 1)
    activity = units.forward({name: a[0] for name, a in inputs.items()}, {})
    errors = {name: rng.normal(size=(3, circuit.graph.nodes[name].size)) for name in units.predictions}
    walk = Rows(units, activity, errors)
    adjoints = walk.walk()
    assert walk.delivered == [pull.place for station in units.feedback for pull in station.pulls]
    for row in range(3):
        single = UnitWalk(units.feedback, activity, {name: e[row] for name, e in errors.items()}).walk()
        for number, adjoint in enumerate(single):
            np.testing.assert_array_equal(adjoints[number][row], adjoint[0])


def test_units_stand_last_to_first_and_errors_begin_at_vertices():
    units = UnitGraph(pcn.build_circuit(mlp((3, 4, 2))), plastic=("W1", "W2", "b1", "b2"))
    stations: tuple[UnitStation, ...] = units.feedback
    assert [station.number for station in stations] == list(reversed(range(len(units.populations))))
    assert {s.population.name: s.prediction for s in stations if s.prediction is not None} == units.predictions
    learned = {pull.learned for s in stations for pull in s.pulls if not isinstance(pull, SlopePull)}
    assert learned == {units.parameters["W1"], units.parameters["W2"]}
