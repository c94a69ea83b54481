"""The list of all synapses: they make the predictions, are as many as the graph counts, and take their delays' time."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from scipy import sparse

import pcneuro as pcn
from circuits.rnn import rnn
from pcneuro.circuit.synapses import edge_of
from pcneuro.errors import ParameterError, ShapeError
from tests.circuits_for_tests import mlp, random_dag

GENERATOR = np.random.default_rng(5)


def weights(*shape):
    return pcn.Parameter(GENERATOR.normal(size=shape))


def dense():
    leaves = {"x": pcn.Input((2, 3)), "u": weights(3, 4), "w": weights(4, 2)}
    return pcn.build_circuit(pcn.trace(lambda x, u, w: {"y": pcn.vertex(x @ u, "h") @ w}, **leaves))


def convolution():
    def function(x, k):
        return {"y": pcn.ops.conv2d(pcn.vertex(2.0 * x, "h"), k, stride=2, padding=1, groups=2)}

    return pcn.build_circuit(pcn.trace(function, x=pcn.Input((4, 6, 5)), k=weights(6, 2, 3, 3)), vertices="marked")


def sparse_product():
    matrix = sparse.random(6, 5, 0.4, random_state=2)
    return pcn.build_circuit(
        pcn.trace(lambda x, s: {"y": pcn.vertex(x @ s, "h") @ s.T}, x=pcn.Input((6,)), s=pcn.Parameter(matrix))
    )


def sliced():
    """Reads rows of its input from the last to the first, transposed, as recurrent networks do."""

    def function(x, w):
        h = pcn.vertex(x[::-1].T @ w, "h")
        return {"y": h[1] @ w[:2]}

    return pcn.build_circuit(pcn.trace(function, x=pcn.Input((3, 4)), w=weights(3, 2)), vertices="marked")


def gains():
    def function(x, g):
        return {"y": g * pcn.vertex(x - 0.0, "h") - 3.0 * x}

    return pcn.build_circuit(pcn.trace(function, x=pcn.Input((4,)), g=weights(4)), vertices="marked")


LINEAR = {f.__name__: f for f in (dense, convolution, sparse_product, sliced)}


def sums(circuit, values, block):
    """Weight times activity before each synapse, summed by child and node, from the list of synapses alone."""
    totals = {}
    for some in circuit.synapses(block):
        assert len(some) <= block
        size = circuit.graph.nodes[some.node].size
        total = totals.setdefault((some.child, some.node), np.zeros(size))
        if some.source in values:
            total += np.bincount(some.post, some.weight * values[some.source].ravel()[some.pre], size)
    return totals


@pytest.mark.parametrize("block", [3, 1000])
@pytest.mark.parametrize("name", LINEAR)
def test_their_sums_are_the_predictions_of_a_linear_circuit(name, block):
    circuit = LINEAR[name]()
    x = GENERATOR.normal(size=circuit.graph.inputs["x"].shape)
    values = pcn.backprop(circuit, {"x": x}, {n: np.zeros(o.shape) for n, o in circuit.graph.outputs.items()}).values
    values = {n: v[0] for n, v in values.items()} | {"x": x}
    totals = sums(circuit, values, block)
    for vertex in ("h", "y"):
        if (vertex, vertex) in totals and vertex in circuit.vertices:
            np.testing.assert_allclose(totals[vertex, vertex], values[vertex].ravel(), rtol=1e-12, atol=1e-13)
    assert ("y", "y") in totals


@pytest.mark.parametrize("name", LINEAR)
def test_weights_are_entries_of_their_parameters(name):
    circuit = LINEAR[name]()
    named = Counter()
    for some in circuit.synapses(10):
        if some.parameter is not None:
            np.testing.assert_array_equal(some.weight, circuit.parameters[some.parameter].ravel()[some.index])
            named[some.parameter] += len(some)
        else:
            assert some.index is None
    assert named


def test_gains_are_synapses_one_to_one():
    circuit = gains()
    blocks = [b for b in circuit.synapses() if b.child == "y"]
    (gain,) = (b for b in blocks if b.parameter == "g")
    np.testing.assert_array_equal(gain.pre, gain.post)
    np.testing.assert_array_equal(gain.weight, circuit.parameters["g"])
    assert gain.source == "h"
    assert all((b.weight == 1.0).all() and b.parameter is None for b in blocks if b.source == "h" and b is not gain)


CIRCUITS = LINEAR | {"mlp": lambda: pcn.build_circuit(mlp((3, 4, 2))), "rnn": lambda: rnn(length=3, hidden=4)}


@pytest.mark.parametrize("name", CIRCUITS)
def test_they_are_as_many_as_the_graph_of_populations_counts(name):
    circuit = CIRCUITS[name]()
    counts = Counter()
    for some in circuit.synapses(7):
        counts[some.source, some.child] += len(some)
    edges = {(a, b): d["synapses"] for a, b, d in circuit.nx.edges(data=True) if d["kind"] == "prediction"}
    assert {(f"{a}.value", f"{b}.error"): n for (a, b), n in counts.items()} == edges


@pytest.mark.parametrize("name", ["dense", "convolution", "sparse_product", "gains"])
@pytest.mark.parametrize(
    "delay", [pcn.ConstantDelay(2.0), pcn.UniformDelay(1.0, 5.0, seed=3), pcn.LognormalDelay(2.0, 0.5)], ids=str
)
def test_their_delays_are_those_of_the_projections(name, delay):
    circuit = (LINEAR | {"gains": gains})[name]().with_delays(delay)
    forward, back = {}, {}
    for some in circuit.synapses(5):
        edge = some.source, some.child
        forward.setdefault(edge, []).append(some.delay)
        back.setdefault(edge, []).append(some.feedback_delay)
    for (parent, child), parts in forward.items():
        there = edge_of(parent, child, "prediction")
        expected = circuit.delays[there].of(sum(map(len, parts)), ">".join(there))
        np.testing.assert_array_equal(np.concatenate(parts), expected)
        if parent in circuit.graph.inputs:
            assert all(part is None for part in back[parent, child])
        else:
            again = edge_of(parent, child, "feedback")
            expected = circuit.delays[again].of(sum(map(len, parts)), ">".join(again))
            np.testing.assert_array_equal(np.concatenate(back[parent, child]), expected)


def test_delays_by_weight():
    circuit = dense()
    by_weight = GENERATOR.uniform(1.0, 2.0, circuit.parameters["w"].shape)
    slow = circuit.with_delays({("h.value", "y.error"): pcn.SynapticDelays(by_weight)})
    for some in slow.synapses(5):
        assert (some.feedback_delay is None) == (some.source == "x")
        expected = by_weight.ravel()[some.index] if some.parameter == "w" else np.zeros(len(some))
        np.testing.assert_array_equal(some.delay, expected)


def test_synapses_behind_a_slice_begin_at_its_value_neurons():
    circuit = sliced().with_delays(pcn.UniformDelay(1.0, 5.0))
    read = [some for some in circuit.synapses() if some.source == "h"]
    assert {int(n) for some in read for n in some.pre} == {2, 3}  # the second row of h, of shape (4, 2)
    by_unit = {}
    for some in read:
        for unit, delay in zip(some.pre, some.delay, strict=True):
            assert by_unit.setdefault(unit, delay) == delay


@pytest.mark.parametrize("seed", range(4))
def test_of_any_circuit_each_is_listed_once(seed):
    circuit = pcn.build_circuit(random_dag(seed))
    whole, parts = list(circuit.synapses()), list(circuit.synapses(2))
    assert sum(map(len, whole)) == sum(map(len, parts))
    for some in whole:
        if some.source in circuit.graph.nodes:
            assert some.pre.max() < circuit.graph.nodes[some.source].size
        assert some.weight.shape == some.pre.shape == some.post.shape == some.delay.shape


STEPS = {
    "squared": lambda h: h @ h * np.ones(2),
    "outer": lambda h: np.einsum("i,j->ij", h, h),
    "softmax": lambda h: pcn.ops.softmax(h),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_node_of_several_steps_has_no_synapses_to_itself(name):
    graph = pcn.trace(lambda x: {"y": STEPS[name](pcn.vertex(x + 0.0, "h"))}, x=pcn.Input((3,)))
    circuit = pcn.build_circuit(graph, vertices="marked")
    blocks = list(circuit.synapses())
    assert all(some.source != some.node for some in blocks)
    names = {name for some in blocks for name in (some.source, some.node)}
    assert any("." in name for name in names)
    assert {name.partition(".")[0] for name in names} <= set(circuit.graph.nodes)


def test_a_unit_that_is_read_three_times_has_three_synapses():
    def function(x):
        h = pcn.vertex(x + 0.0, "h")
        return {"y": np.tanh(h) * (2 * h) + h}

    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input((2,))), vertices="marked")
    read = [some for some in circuit.synapses() if some.source == "h"]
    assert sum(map(len, read)) == 6
    assert circuit.nx.edges["h.value", "y.error", "prediction"]["synapses"] == 2
    # Delays that fit are as many.
    slow = circuit.with_delays({("h.value", "y.error"): pcn.SynapticDelays(np.arange(1.0, 7.0))})
    delays = np.concatenate([some.delay for some in slow.synapses() if some.source == "h"])
    np.testing.assert_array_equal(delays, np.arange(1.0, 7.0))
    with pytest.raises(ShapeError, match="6"):
        circuit.with_delays({("h.value", "y.error"): pcn.SynapticDelays(np.ones(2))})


LARGE = {
    "dense": (lambda x, w: {"y": x @ w}, (1500,), (1500, 1500), 1500**2),
    "convolution": (lambda x, w: {"y": pcn.ops.conv2d(x, w)}, (4, 50, 50), (8, 4, 5, 5), 8 * 46**2 * 4 * 5**2),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_circuit_is_listed_in_little_memory(name):
    function, x, w, synapses = LARGE[name]
    graph = pcn.trace(function, x=pcn.Input(x), w=pcn.Parameter(np.ones(w)))
    tracemalloc.start()
    try:
        circuit = pcn.build_circuit(graph, delays=pcn.LognormalDelay(2.0, 0.5))
        count = sum(map(len, circuit.synapses(20_000)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == synapses
    # All at once would be five numbers of 8 bytes a synapse, 60 MB and more.
    assert peak < 10e6


@pytest.mark.parametrize("block", [0, -1, 1.5, True, "all"])
def test_a_block_that_is_none(block):
    with pytest.raises(ParameterError, match=r"block is .*; give a whole number of synapses"):
        dense().synapses(block)
