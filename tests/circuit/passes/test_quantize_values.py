"""Values in messages of few bits: gradients and steps written by hand, every engine, backprop, Brian2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes
from pcneuro.ops.messages import Message
from tests.circuit.passes import circuits_for_passes
from tests.circuits_for_tests import mlp

RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(3, 6)), RNG.normal(size=(3, 4))
W1, W2, W3 = RNG.normal(size=(6, 5)) / 2, RNG.normal(size=(5, 5)) / 2, RNG.normal(size=(5, 4)) / 2
TAU, DT = 10.0, 0.5
GIVEN = {"inputs": {"x": X}, "targets": {"out": Y}}
ENGINES = [pcn.Kernel(), pcn.Reference(), pcn.EventDriven(0.0)]


@pytest.fixture(scope="module")
def circuit() -> pcn.Circuit:
    return circuits_for_passes.three_layers(W1, W2, W3, TAU)


@pytest.fixture(scope="module")
def two_layers() -> pcn.Circuit:
    return circuits_for_passes.two_layers(W1, W3, TAU)


def nearest(number, bits, scale):
    quantum = scale / 2 ** (bits - 1)
    return np.clip(np.rint(number / quantum), -(2 ** (bits - 1)), 2 ** (bits - 1)) * quantum


def run(circuit, engine, dynamics=None, duration=20.0, **settings):
    dynamics = dynamics or pcn.FixedPrediction()
    return pcn.Simulator(circuit, engine=engine, dynamics=dynamics, integrator=pcn.Euler(DT), **settings).run(
        duration, **GIVEN
    )


@pytest.mark.parametrize("engine", ENGINES, ids=repr)
@pytest.mark.parametrize(("bits", "scale"), [(1, 0.7), (3, 0.4), (8, 1.0)])
def test_gradients_of_two_layers_written_out(two_layers, engine, bits, scale):
    made = passes.apply(two_layers, passes.QuantizeValues(bits, {"h": scale}))
    h = np.tanh(X @ W1)
    sent = nearest(h, bits, scale)
    error = Y - sent @ W3
    result = run(made, engine, duration=600.0)
    np.testing.assert_allclose(result.errors["out"], error, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.gradients["W3"], -sent.T @ error, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.gradients["W1"], -X.T @ (error @ W3.T * (1 - h**2)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES, ids=repr)
def test_steps_of_strict_dynamics_written_out(two_layers, engine):
    made = passes.apply(two_layers, passes.QuantizeValues(4, 1.0))
    h = begun = np.tanh(X @ W1)
    for _ in range(40):
        error = Y - nearest(h, 4, 1.0) @ W3
        h = h + DT / TAU * (error @ W3.T - (h - begun))
    error = Y - nearest(h, 4, 1.0) @ W3
    result = run(made, engine, pcn.Strict())
    np.testing.assert_allclose(result.values["h"], h, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.gradients["W3"], -nearest(h, 4, 1.0).T @ error, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
@pytest.mark.parametrize("delay", [0.0, 2.0])
def test_engines_agree_with_values_and_errors_rounded(circuit, dynamics, delay):
    made = passes.apply(circuit, [passes.QuantizeValues(5, 1.0), passes.QuantizeErrors(6, 8.0)]).with_delays(delay)
    results = [run(made, engine, dynamics) for engine in ENGINES]
    for result in (results[0], results[2]):
        for name in ("h1", "h2", "out"):
            np.testing.assert_allclose(result.errors[name], results[1].errors[name], rtol=0, atol=1e-11)
        for name in ("W1", "W2", "W3"):
            np.testing.assert_allclose(result.gradients[name], results[1].gradients[name], rtol=0, atol=1e-11)


def test_backprop_and_the_exact_solution_have_it_too(circuit):
    made = passes.apply(circuit, passes.QuantizeValues(3, 1.0))
    solved = run(made, pcn.Kernel(), duration=1000.0, schedule=pcn.FastForward())
    assert pcn.compare(solved, pcn.backprop(made, **GIVEN)).worst < 1e-12
    assert pcn.compare(solved, pcn.backprop(circuit, **GIVEN)).worst > 1e-2


def test_inputs_are_sent_rounded_where_they_are_named(two_layers):
    made = passes.apply(two_layers, passes.QuantizeValues(3, {"x": 2.0}))
    result = run(made, pcn.Kernel(), duration=1.0)
    np.testing.assert_allclose(result.errors["out"], Y - np.tanh(nearest(X, 3, 2.0) @ W1) @ W3, rtol=0, atol=1e-13)


@pytest.mark.parametrize("delay", [0.0, 2.0])
def test_what_closes_a_cycle_is_sent_rounded(delay):
    """tau dv/dt = -v + tanh(x + Q(v) U), where no error comes back by the cycle."""
    graph = pcn.trace(
        lambda x, v_past, U: pcn.vertex(np.tanh(x + v_past @ U), "v"),
        x=pcn.Input((5,)),
        v_past=pcn.Recurrent("v", (5,), delay=delay, feedback=False),
        U=pcn.Parameter(W2),
    )
    made = passes.apply(pcn.build_circuit(graph, tau=TAU), passes.QuantizeValues(3, 1.0))
    x, states = X[:, :5], [np.zeros((3, 5))]
    for number in range(40):
        past = states[max(number - round(delay / DT), 0)]
        states.append(states[-1] + DT / TAU * (np.tanh(x + nearest(past, 3, 1.0) @ W2) - states[-1]))
    for engine in (pcn.Kernel(), pcn.Reference()):
        simulator = pcn.Simulator(made, engine=engine, dynamics=pcn.Strict(), integrator=pcn.Euler(DT))
        result = simulator.run(20.0, inputs={"x": x}, initial={"v": np.zeros((3, 5))})
        np.testing.assert_allclose(result.values["v"], states[-1], rtol=0, atol=1e-12)


def test_synapses_and_projections_stay(circuit, tmp_path: Path):
    made = passes.apply(circuit, passes.QuantizeValues(3, 1.0))
    assert str(made) == str(circuit)
    made.save(tmp_path / "circuit")
    one, other = (run(each, pcn.Kernel()) for each in (made, pcn.load_circuit(tmp_path / "circuit")))
    np.testing.assert_array_equal(one.errors["h1"], other.errors["h1"])
    again = passes.apply(made, passes.QuantizeValues(3, 1.0))
    np.testing.assert_array_equal(run(again, pcn.Kernel()).errors["h1"], one.errors["h1"])


def test_what_is_no_vertex_or_has_no_scale_is_refused(circuit):
    with pytest.raises(pcn.PcneuroError, match="vertex of QuantizeValues 'h3'"):
        passes.apply(circuit, passes.QuantizeValues(3, {"h3": 1.0}))
    with pytest.raises(pcn.PcneuroError, match="'h2' has no scale"):
        passes.apply(circuit, passes.QuantizeValues(3, {"h1": 1.0}, ["h2"]))
    with pytest.raises(pcn.PcneuroError, match="bits of QuantizeValues"):
        passes.QuantizeValues(0, 1.0)


def test_a_message_is_the_nearest_multiple_and_passes_errors_on():
    operator = Message(0.5, 2)
    x = np.array([[-3.0, -0.75, -0.25, 0.0, 0.3, 0.75, 1.2, np.nan]])
    np.testing.assert_array_equal(operator.forward(x), [[-1.0, -1.0, 0.0, 0.0, 0.5, 1.0, 1.0, np.nan]])
    np.testing.assert_array_equal(operator.vjp(0, 2 * x, operator.forward(x), x), 2 * x)
    assert not operator.linear_in(0)


@pytest.mark.parametrize("bits", [2, 4])
def test_axons_send_changes_of_messages_and_neurons_those_of_values(bits):
    """Under strict dynamics: of the changes of v that are recorded, those that change Q(v) leave along the axon."""
    scale, quantum = 1.0, 2.0 ** (1 - bits)
    rng = np.random.default_rng(4)
    data = {"inputs": {"x": rng.normal(size=(1, 12))}, "targets": {"out": rng.normal(size=(1, 4))}}
    circuit = passes.apply(pcn.build_circuit(mlp((12, 8, 4))), passes.QuantizeValues(bits, scale))
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=pcn.EventDriven(0.01))
    begun = sim.run(0.0, **data).values["h1"].ravel()
    result = sim.run(40.0, events=pcn.RecordEvents())
    events, names = result.events, [str(name) for name in result.events["population_name"].values]
    of_h1 = events["population"].values == names.index("h1.value")
    sends = np.zeros(begun.size)
    for unit in range(begun.size):
        changes = events["change"].values[of_h1 & (events["unit"].values == unit)]
        levels = np.clip(np.rint(np.cumsum([begun[unit], *changes]) / quantum), -(2 ** (bits - 1)), 2 ** (bits - 1))
        sends[unit] = np.count_nonzero(np.diff(levels))
    axons = pcn.mapping.axons_of(circuit)
    traffic = pcn.mapping.traffic_of(axons, result)
    counted = np.bincount(axons.neuron, traffic.sends, axons.neurons)
    first = axons.begins["h1.value"]
    np.testing.assert_array_equal(counted[first : first + begun.size], sends)
    assert 0 < sends.sum() < of_h1.sum()
