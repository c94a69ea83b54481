"""What axons send: as counted in runs by events, and as assumed."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import DataError, ParameterError, UnknownNameError
from pcneuro.mapping.activity import assumed, traffic_in_steps, traffic_of
from pcneuro.mapping.axons import FEEDBACK, PREDICTION
from pcneuro.mapping.of_circuit import axons_of
from tests.circuits_for_tests import data_for, mlp
from tests.mapping.networks_for_tests import axons_of_lists

THRESHOLD = 0.02


def run(circuit, mode=None, batch=3, duration=20.0, **settings):
    inputs, targets = data_for(circuit.graph, batch)
    engine = pcn.EventDriven(THRESHOLD, mode or pcn.TimeBinned())
    sim = pcn.Simulator(circuit, engine=engine, **settings)
    return sim.run(duration, inputs=inputs, targets=targets, events=pcn.RecordEvents())


@pytest.fixture(scope="module")
def circuit():
    return pcn.build_circuit(mlp((4, 5, 6, 3)))


def test_error_neurons_send_what_was_recorded(circuit):
    """With one axon each, and derivatives that are not 0, an axon carries its neuron's events: the mean of samples."""
    result, axons = run(circuit), axons_of(circuit)
    traffic = traffic_of(axons, result)
    per_unit = pcn.events_per_unit(result.events, circuit)
    expected = np.zeros(axons.neurons)
    for name, counts in per_unit.items():
        begin = axons.begins[name]
        expected[begin : begin + counts[0].size] = counts.reshape(len(counts), -1).mean(axis=0)
    np.testing.assert_allclose(traffic.sends, expected[axons.neuron] * (axons.kind == FEEDBACK), rtol=1e-15)
    assert (traffic.steps, traffic.samples) == (20, 3)
    step, axon = traffic.raster
    assert (np.diff(step) >= 0).all()
    assert step.size == axon.size == int(result.activity["events"].sel(batch=0).sum())


def test_a_raster_is_the_run_step_by_step(circuit):
    axons, result = axons_of(circuit), run(circuit, batch=1, duration=8.0)
    inputs, targets = data_for(circuit.graph, 1)
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(THRESHOLD))
    whole, stepped = traffic_of(axons, result), traffic_in_steps(axons, sim, 8.0, inputs=inputs, targets=targets)
    for a, b in zip(whole.raster, stepped.raster, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(whole.sends, stepped.sends)
    with pytest.raises(ParameterError, match="the simulator is at 8 ms"):
        traffic_in_steps(axons, sim, 8.0)
    exact = pcn.Simulator(circuit, engine=pcn.EventDriven(THRESHOLD, pcn.Exact()))
    with pytest.raises(ParameterError, match="has no events in steps"):
        traffic_in_steps(axons, exact, 8.0, inputs=inputs, targets=targets)


def test_exact_times_have_no_steps(circuit):
    traffic = traffic_of(axons_of(circuit), run(circuit, pcn.Exact()))
    assert np.isnan(traffic.steps)
    assert traffic.raster is None
    assert traffic.sends.sum() > 0


def test_plasticity_is_a_packet_of_each_value_neuron_that_is_not_silent(circuit):
    inputs, targets = data_for(circuit.graph, 2)
    inputs["x"][0, 1] = 0.0
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(THRESHOLD))
    axons = axons_of(circuit)
    traffic = traffic_of(axons, sim.run(2.0, inputs=inputs, targets=targets))
    expected = (axons.kind == PREDICTION).astype(float)
    expected[axons.neuron == axons.begins["x.value"] + 1] = 0.5
    np.testing.assert_array_equal(traffic.plasticity, expected)


def test_inputs_off_the_chip_leave_all_else_as_it_is(circuit):
    result = run(circuit, dynamics=pcn.Strict())
    on, off = (traffic_of(axons_of(circuit, inputs=inputs), result).sends for inputs in (True, False))
    np.testing.assert_array_equal(on[4:], off)


def test_results_that_do_not_fit_are_told(circuit):
    axons = axons_of(circuit)
    other = pcn.build_circuit(mlp((4, 7, 6, 3)))
    with pytest.raises(DataError, match=r"of another circuit than the axons.* has 7 units there, and 5 here"):
        traffic_of(axons, run(other))
    inputs, targets = data_for(circuit.graph, 1)
    with pytest.raises(DataError, match=r"has no events: run the circuit with engine=pcn\.EventDriven"):
        traffic_of(axons, pcn.Simulator(circuit).run(1.0, inputs=inputs, targets=targets))
    with pytest.raises(ParameterError, match="result is None"):
        traffic_of(axons, None)
    with pytest.raises(DataError, match="these axons are of no circuit"):
        traffic_of(axons_of_lists([[1]], {"a.value": 2}, neuron=[0]), run(circuit))


def test_rates_are_by_step_or_by_second():
    axons = axons_of_lists([[1], [0], [0]], {"a.value": 1, "b.error": 1}, neuron=[0, 1, 1])
    np.testing.assert_array_equal(assumed(axons, 0.5, steps=10).sends, [5.0, 5.0, 5.0])
    np.testing.assert_array_equal(assumed(axons, {"b.error": 20.0}, steps=100, dt=0.5).sends, [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(assumed(axons, 0.5, steps=10).plasticity, [1.0, 1.0, 1.0])
    with pytest.raises(UnknownNameError, match=r"population 'c\.error'"):
        assumed(axons, {"c.error": 1.0}, steps=1)
    with pytest.raises(ParameterError, match=r"rate of 'a\.value' is -1"):
        assumed(axons, -1.0, steps=1)
    with pytest.raises(ParameterError, match="steps is nan"):
        assumed(axons, 1.0, steps=float("nan"))


def test_events_of_other_weights_of_zero_are_refused():
    """Where a result does not say of which circuit it is, its counts do."""
    circuits = [chain_of(weights) for weights in (np.ones((5, 4)), np.eye(5, 4))]
    data = {"inputs": {"x": np.ones((2, 3))}, "targets": {"out": np.ones((2, 4))}}
    result = pcn.Simulator(circuits[0], engine=pcn.EventDriven(0.01)).run(20.0, **data)
    counted = result.stats["Effective_MACs"]
    traffic = traffic_of(axons_of(circuits[0]), result)
    assert traffic.samples * (traffic.sends @ axons_of(circuits[0]).fan_out) == pytest.approx(counted, rel=1e-12)
    del result.axons.attrs["circuit"]
    with pytest.raises(DataError, match=f"^the run counted {counted:,} effective operations.*other weights of 0"):
        traffic_of(axons_of(circuits[1]), result)


def chain_of(weights):
    """Two layers, the second with these weights."""

    def layers(x, first, second):
        return pcn.vertex(pcn.vertex(x @ first, "h") @ second, "out")

    first = pcn.Parameter(np.ones((3, 5)))
    return pcn.build_circuit(pcn.trace(layers, x=pcn.Input((3,)), first=first, second=pcn.Parameter(weights)))


def test_more_events_than_can_be_counted_are_refused():
    axons = axons_of(chain_of(np.ones((5, 4))))
    with pytest.raises(ParameterError, match=r"^a rate of 1e\+300 in 1e\+10 steps is inf events of each axon of"):
        assumed(axons, 1e300, steps=1e10)
