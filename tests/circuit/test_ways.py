"""Projections of large circuits: what lies on the ways through a dendrite; and all costs what a circuit has in size."""

from __future__ import annotations

import sys
from itertools import combinations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit.projections import Dendrites, projections
from tests.circuits_for_tests import mlp, random_dag


def between(graph, sources, source, child):
    """Connections on the ways from a source to a vertex, by going through all of them."""
    found = set()

    def reaches(name):
        below = False
        for k, operand in enumerate(graph.nodes[name].operands):
            if operand == source or (operand not in sources and reaches(operand)):
                found.add((name, k))
                below = True
        return below

    reaches(child)
    return found


def linear(graph, sources, child, weights):
    """Whether a vertex' prediction is linear in parameters, from the leaves on, where errors come back."""
    depends = set(weights)
    inside, stack = {child}, [child]
    while stack:
        node = graph.nodes[stack.pop()]
        for k, operand in enumerate(node.operands):
            if node.operator.passes_back(k) and operand not in sources and operand not in inside:
                inside.add(operand)
                stack.append(operand)
    for name, node in graph.nodes.items():
        back = [k for k in range(len(node.operands)) if node.operator.passes_back(k)]
        reached = [k for k in back if node.operands[k] in depends and node.operands[k] not in sources]
        if name in inside and reached:
            depends.add(name)
            products = (node.operator.description.multiplies(j, k) for j, k in combinations(reached, 2))
            if not all(node.operator.linear_in(k) for k in reached) or any(products):
                return False
    return True


@pytest.fixture
def mlp_without():
    return pcn.passes.apply(pcn.build_circuit(mlp((4, 3, 2))), pcn.passes.NoDerivative())


@pytest.mark.parametrize("vertices", ["auto", "all", "marked"])
@pytest.mark.parametrize("seed", range(12))
def test_projections_are_those_of_all_ways_one_by_one(seed, vertices):
    check_projections(pcn.build_circuit(random_dag(seed), vertices=vertices))


@pytest.mark.parametrize(
    "given", [pcn.passes.NoDerivative(), pcn.passes.LearnedFeedback(), pcn.passes.Dale()], ids=repr
)
@pytest.mark.parametrize("seed", range(3))
def test_ways_on_which_no_error_comes_back_teach_nothing(seed, given):
    check_projections(pcn.passes.apply(pcn.build_circuit(random_dag(seed)), given))


def test_without_derivatives_each_layer_is_hebbian(mlp_without):
    assert [p.hebbian for p in projections(mlp_without)] == [True, True]


def check_projections(circuit):
    graph, dendrites = circuit.graph, Dendrites(circuit)
    found = {(p.parent, p.child): p for p in projections(circuit)}
    pairs = [(s, v) for v in circuit.vertices for s in dendrites.sources if between(graph, dendrites.sources, s, v)]
    assert set(found) == set(pairs)
    for (parent, child), projection in found.items():
        weights, contracted, others, joined = set(), [], [], False
        for name, k in between(graph, dendrites.sources, parent, child):
            node = graph.nodes[name]
            joined = joined or (node.operator.description.copied is not None and len(node.operands) > 1)
            multiplying = [
                o
                for j, o in enumerate(node.operands)
                if dendrites.is_weight(o) and node.operator.description.multiplies(j, k)
            ]
            weights |= {p for o in multiplying for p in dendrites.carried(o)}
            count = node.operator.connections(k, *(graph.nodes[o].shape for o in node.operands))
            (contracted if node.operator.description.contracts(bool(multiplying)) else others).append(count)
        assert set(projection.parameters) == weights
        every = sum(contracted) if contracted else max(others)
        # Of an array that others are joined into, a part (tests/circuit/test_populations.py has numbers).
        assert projection.synapses == every or (joined and projection.synapses < every)
        assert projection.hebbian == (bool(weights) and linear(graph, dendrites.sources, child, weights))


def one_weight(n):
    graph = pcn.trace(
        lambda x, w: sum(np.tanh(w * x[i]) for i in range(n)), x=pcn.Input((n,)), w=pcn.Parameter(0.7), check=False
    )
    return pcn.build_circuit(graph)


def a_weight_each(n):
    leaves = {f"w{i}": pcn.Parameter(0.1) for i in range(n)}
    graph = pcn.trace(
        lambda x, **ws: sum(w * np.sin(x[i]) for i, w in enumerate(ws.values())),
        x=pcn.Input((n,)),
        check=False,
        **leaves,
    )
    return pcn.build_circuit(graph)


def diamonds(n):
    def function(x, w):
        hidden = [pcn.vertex(np.tanh(w * x[i]), f"h{i}") for i in range(n)]
        return sum(h * np.tanh(h) for h in hidden)

    return pcn.build_circuit(pcn.trace(function, x=pcn.Input((n,)), w=pcn.Parameter(0.7), check=False))


def chain(n):
    def function(x, w):
        for _ in range(n):
            x = np.tanh(w * x)
        return x

    return pcn.build_circuit(pcn.trace(function, x=pcn.Input((3,)), w=pcn.Parameter(0.7), check=False))


ASKED = {
    "print": str,
    "nx": lambda circuit: circuit.nx,
    "equations": lambda circuit: circuit.equations(),
    "synapses": lambda circuit: list(circuit.synapses()),
    "delays": lambda circuit: circuit.with_delays(1.0),
    "simulator": pcn.Simulator,
}


def lines_run(function):
    """How many lines of the package a call runs."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        count += event == "line"
        return trace if "pcneuro" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.halved
@pytest.mark.parametrize("make", [one_weight, a_weight_each, diamonds, chain], ids=lambda make: make.__name__)
@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_what_is_asked_of_a_circuit_costs_in_proportion_to_its_size(make, asked):
    asked(make(10))
    small, large = (make(n) for n in (60, 120))
    assert lines_run(lambda: asked(large)) < 2.2 * lines_run(lambda: asked(small))
