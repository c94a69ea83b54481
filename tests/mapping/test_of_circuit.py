"""Axons of circuits: events times fan-out are what the engine counts, and synapses are those that the circuit lists."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit.units import UnitGraph
from pcneuro.errors import CapacityError, DataError, ParameterError, UnknownNameError
from pcneuro.mapping.activity import traffic_of
from pcneuro.mapping.axons import FEEDBACK, PREDICTION, Axons
from pcneuro.mapping.of_circuit import axons_of
from tests.circuits.small import MAKERS, small
from tests.circuits.test_programs import NAMES, program
from tests.circuits_for_tests import data_for, mlp, random_dag
from tests.cycles_for_tests import network
from tests.engines.events.event_runs import modes_of_both

FIXED, STRICT = pcn.FixedPrediction(), pcn.Strict()
both = pytest.mark.parametrize("dynamics", [FIXED, STRICT], ids=repr)
THRESHOLD = 0.05


def check_counts(axons: Axons, result: pcn.Result, zeros: bool = False) -> None:
    """Events times fan-out, and packets of plasticity times synapses that learn, are those of ``result.stats``.

    With weights that are ``zeros``, which learn, too, only the engine counts them for plasticity.
    """
    traffic = traffic_of(axons, result)
    sends, plasticity = (np.rint(numbers * traffic.samples) for numbers in (traffic.sends, traffic.plasticity))
    kinds = result.stats["by_kind"]
    for kind, name in ((PREDICTION, "prediction"), (FEEDBACK, "feedback")):
        here = axons.kind == kind
        assert float((sends * axons.fan_out)[here].sum()) == kinds[name]["Effective_MACs"]
    assert float((sends * axons.fan_out).sum()) == result.stats["Effective_MACs"]
    learning = np.add.reduceat(np.append(axons.learns, 0), axons.first[:-1]) if axons.neuron.size else np.zeros(0)
    updates, counted = float((plasticity * learning).sum()), kinds["plasticity"]["Effective_MACs"]
    assert updates <= counted if zeros else updates == counted


@both
@pytest.mark.parametrize("name", sorted(MAKERS))
def test_circuits_of_all_kinds_are_counted_as_the_engine_counts(name, dynamics):
    made = small(name)
    sim = pcn.Simulator(made.circuit, dynamics=dynamics, engine=pcn.EventDriven(THRESHOLD))
    data = {"inputs": made.inputs, "targets": made.targets, "clamp": made.latents}
    axons = axons_of(made.circuit, clamped=[*made.circuit.graph.outputs, *made.latents])
    zeros = not all(array.all() for array in made.circuit.parameters.values())
    check_counts(axons, sim.run(8.0, **data), zeros)
    other = {k: {n: a[::-1] for n, a in arrays.items()} for k, arrays in data.items()}
    check_counts(axons, sim.run(4.0, **other), zeros)


IN_SHORT = ("bezier", "gated_recurrent_unit", "masked_attention", "soft_sorting")
"""Programs whose dendrites are in others', have products, or sort."""


# What is sent is counted alike also where steps of 1 ms are too long for a program.
@pytest.mark.filterwarnings("ignore:diverged:pcneuro.errors.PcneuroWarning")
@both
@pytest.mark.parametrize("name", [n if n in IN_SHORT else pytest.param(n, marks=pytest.mark.long) for n in NAMES])
def test_programs_are_counted_as_the_engine_counts(name, dynamics):
    made = program(name)
    try:
        axons = axons_of(made.circuit)
    except ParameterError:
        with pytest.raises(ParameterError, match="has no equivalent in single units"):
            UnitGraph(made.circuit)
        return
    sim = pcn.Simulator(made.circuit, dynamics=dynamics, engine=pcn.EventDriven(THRESHOLD))
    check_counts(axons, sim.run(3.0, inputs=made.inputs, targets=made.targets), zeros=True)


@modes_of_both
@pytest.mark.parametrize("seed", range(6))
def test_random_graphs_in_all_modes(seed, mode, dynamics):
    circuit = pcn.build_circuit(random_dag(seed), vertices="all" if seed % 2 else "auto")
    sim, axons = pcn.Simulator(circuit, dynamics=dynamics, engine=pcn.EventDriven(THRESHOLD, mode)), axons_of(circuit)
    for run in range(2):
        inputs, targets = data_for(circuit.graph, 2, run, 0.4)
        check_counts(axons, sim.run(6.0, inputs=inputs, targets=targets))


@both
@pytest.mark.parametrize("engine", [pcn.EventDriven(THRESHOLD), pcn.EventDriven(THRESHOLD, pcn.Exact())], ids=repr)
def test_streams_with_delays(engine, dynamics):
    graph = mlp((4, 5, 6, 3))
    circuit = pcn.build_circuit(graph, delays=pcn.UniformDelay(1.0, 4.0, seed=1))
    x, y = np.random.default_rng(0).normal(size=(6, 2, 4)), np.ones((2, 3))
    sim = pcn.Simulator(circuit, dynamics=dynamics, engine=engine)
    for _ in range(2):
        check_counts(axons_of(circuit), sim.run(6.0, inputs={"x": pcn.TimedArray(x, 2.0)}, targets={"out": y}))


def test_cycles_at_thresholds_of_zero():
    circuit = network(np.random.default_rng(0), delay=1.0)
    data = dict(zip(("inputs", "targets"), data_for(circuit.graph, 2), strict=True))
    sim = pcn.Simulator(circuit, dynamics=STRICT, integrator=pcn.Euler(1.0), engine=pcn.EventDriven(0.0))
    check_counts(axons_of(circuit), sim.run(6.0, **data))


@both
def test_snapshots_and_clamps_that_change_are_counted_on(dynamics, tmp_path):
    circuit = pcn.build_circuit(mlp((4, 5, 6, 3)))
    inputs, targets = data_for(circuit.graph, 2)
    sims = [pcn.Simulator(circuit, dynamics=dynamics, engine=pcn.EventDriven(THRESHOLD)) for _ in range(2)]
    sims[0].run(4.0, inputs=inputs, targets=targets)
    free = sims[0].run(4.0, inputs=inputs, targets={})
    check_counts(axons_of(circuit, clamped=[]), free)
    sims[0].store(tmp_path / "state")
    sims[1].restore(tmp_path / "state")
    ends = [sim.run(4.0, inputs={"x": 2 * inputs["x"]}, targets={}) for sim in sims]
    assert ends[0].axons.equals(ends[1].axons)
    check_counts(axons_of(circuit, clamped=[]), ends[1])


def synapses_of(circuit: pcn.Circuit) -> dict[tuple[str, str], int]:
    """Input or vertex, and vertex -> synapses of weights other than 0, as ``circuit.synapses`` lists them."""
    counts: dict[tuple[str, str], int] = {}
    for block in circuit.synapses():
        ends = block.source, block.child
        counts[ends] = counts.get(ends, 0) + int(np.count_nonzero(block.weight))
    return counts


@pytest.mark.parametrize("name", ["mlp", "cnn", "chain", "rnn"])
def test_synapses_are_those_that_the_circuit_lists(name):
    circuit = small(name).circuit
    axons = axons_of(circuit)
    kind = np.repeat(axons.kind, axons.fan_out)
    source, target = np.repeat(axons.population[axons.neuron], axons.fan_out), axons.population[axons.target]

    def counted(kind_of: int, parents: np.ndarray, children: np.ndarray) -> dict[tuple[str, str], int]:
        pairs = np.stack([parents, children], axis=1)[kind == kind_of]
        found, counts = np.unique(pairs, axis=0, return_counts=True)
        vertex = [population.rpartition(".")[0] for population in axons.populations]
        # What a clamped output is compared with, a softmax, is no synapse of a prediction.
        return {
            (vertex[p], vertex[c]): int(n) for (p, c), n in zip(found, counts, strict=True) if vertex[p] != vertex[c]
        }

    listed = synapses_of(circuit)
    assert counted(PREDICTION, source, target) == listed
    back = {(p, c): n for (p, c), n in listed.items() if p in circuit.vertices}
    assert counted(FEEDBACK, target, source) == back


def test_neurons_units_and_delays_of_two_layers():
    """Written out: x (2) to h (3), h to out (1); one weight is 0."""
    W = np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 5.0]])

    def net(x, W, V):
        return pcn.vertex(pcn.vertex(np.tanh(x @ W), "h") @ V, "out")

    leaves = {"x": pcn.Input((2,)), "W": pcn.Parameter(W), "V": pcn.Parameter(np.ones((3, 1)))}
    delays = {("h.value", "out.error"): 2.0, ("out.error", "h.value"): 3.0}
    circuit = pcn.build_circuit(pcn.trace(net, **leaves), delays=delays)
    axons = axons_of(circuit)
    assert axons.populations == ("x.value", "h.value", "h.error", "out.value", "out.error")
    np.testing.assert_array_equal(axons.unit, [0, 1, 2, 3, 4, 2, 3, 4, 5, 5])
    np.testing.assert_array_equal(axons.neuron, [0, 1, 2, 3, 4, 9])
    np.testing.assert_array_equal(axons.kind, [PREDICTION] * 5 + [FEEDBACK])
    parts = [part.tolist() for part in np.split(axons.target, axons.first[1:-1])]
    assert parts == [[5, 6], [5, 6, 7], [9], [9], [9], [2, 3, 4]]
    np.testing.assert_array_equal(axons.delay, [0.0] * 5 + [2.0] * 3 + [3.0] * 3)
    assert axons.learns.all()
    free = axons_of(circuit, clamped=["h"], inputs=False)
    assert free.populations == ("h.value", "h.error", "out.value", "out.error")
    np.testing.assert_array_equal(free.neuron, [0, 1, 2])


def test_what_is_a_function_of_values_is_sent_from_there():
    """Of V tanh(h) the axons are those of h, to the dendrites that they enter."""

    rng = np.random.default_rng(0)
    graph = pcn.trace(
        lambda x, W, V: pcn.vertex(np.tanh(pcn.vertex(x @ W, "h")) @ V, "out"),
        x=pcn.Input((2,)),
        W=pcn.Parameter(rng.normal(size=(2, 4))),
        V=pcn.Parameter(rng.normal(size=(4, 3))),
    )
    axons = axons_of(pcn.build_circuit(graph))
    h, out = axons.begins["h.value"], axons.begins["out.error"]
    for unit in range(4):
        (axon,) = np.flatnonzero((axons.neuron == h + unit) & (axons.kind == PREDICTION))
        np.testing.assert_array_equal(axons.target[axons.first[axon] : axons.first[axon + 1]], out + np.arange(3))
    back = np.flatnonzero(axons.kind == FEEDBACK)
    np.testing.assert_array_equal(axons.neuron[back], out + np.arange(3))
    np.testing.assert_array_equal(axons.target[axons.first[back[0]] : axons.first[back[0] + 1]], h + np.arange(4))


def test_what_is_wrong_is_told():
    circuit = pcn.build_circuit(mlp((4, 5, 6, 3)))
    with pytest.raises(UnknownNameError, match="vertex to clamp 'h3'"):
        axons_of(circuit, clamped=["h3"])
    with pytest.raises(ParameterError, match="clamped is 'h1'; give a list"):
        axons_of(circuit, clamped="h1")
    with pytest.raises(ParameterError, match="clamped has a list in it; give a list of names"):
        axons_of(circuit, clamped=[["h1"]])
    with pytest.raises(ParameterError, match="circuit is None; needed is a Circuit object"):
        axons_of(None)
    inputs, targets = data_for(circuit.graph, 1)
    sim = pcn.Simulator(circuit, dynamics=STRICT, engine=pcn.EventDriven(0.01))
    with pytest.raises(DataError, match="to a vertex that the axons have clamped"):
        traffic_of(axons_of(circuit, clamped=["h2"]), sim.run(9.0, inputs=inputs, targets=targets))


def test_what_is_too_large_is_said_before_there_are_synapses():
    leaves = {"x": pcn.Input((64, 256, 256)), "K": pcn.Parameter(np.zeros((64, 64, 5, 5)))}
    circuit = pcn.build_circuit(pcn.trace(lambda x, K: pcn.ops.conv2d(x, K), **leaves))
    with pytest.raises(CapacityError, match=r"^[\d,]+ synapses would take about [\d.e+]+ GB to list for a chip"):
        axons_of(circuit)
