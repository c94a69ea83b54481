"""What is at the edge of an event-driven run: large numbers, small thresholds, latents, snapshots that are refused."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from circuits.autoencoder import autoencoder
from pcneuro.errors import CircuitFileError, ParameterError
from tests.circuits_for_tests import chain, data_for, diverges, mlp, not_inferred, same
from tests.engines.events.event_runs import all_modes, away, both, by_events, data_of, modes


def softmaxes(x, W):
    h = pcn.vertex(pcn.ops.softmax((x @ W).reshape(2, 3)).reshape(-1), "h")
    return pcn.vertex(pcn.ops.log_softmax(1000.0 * h - 500.0), "out")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("delays", [0.0, 2.0])
def test_a_softmax_of_large_numbers_stays_within_range(dtype, delays):
    rng = np.random.default_rng(0)
    graph = pcn.trace(softmaxes, x=pcn.Input((4,)), W=pcn.Parameter(rng.normal(size=(4, 6))))
    circuit = pcn.build_circuit(graph, delays=delays)
    data = {"inputs": {"x": 300.0 * rng.normal(size=(2, 4))}, "targets": {"out": rng.normal(size=(2, 6))}}
    wanted = pcn.backprop(graph, **data)
    result = by_events(circuit, data, 400.0, 1e-4, pcn.TimeBinned(), dtype=dtype)
    assert result.status == "completed"
    np.testing.assert_allclose(result.gradients["W"], wanted.gradients["W"], rtol=2e-3, atol=1e-3)
    kernel = pcn.Simulator(circuit, dtype=dtype).run(400.0, **data)
    np.testing.assert_allclose(kernel.gradients["W"], wanted.gradients["W"], rtol=2e-3, atol=1e-3)


@not_inferred
@both
@modes
def test_latents_with_a_prior(dynamics, mode):
    data = {"targets": {"out": np.random.default_rng(0).uniform(size=(2, 64))}}
    circuit = autoencoder()
    wanted = pcn.Simulator(circuit, engine=pcn.Reference(), dynamics=dynamics, integrator=pcn.Euler(0.25))
    wanted = wanted.run(20.0, **data, initial={"z": np.full((2, *circuit.graph.nodes["z"].shape), 0.2)})
    engine = pcn.EventDriven(1e-3, mode)
    sim = pcn.Simulator(circuit, engine=engine, dynamics=dynamics, integrator=pcn.Euler(0.25))
    actual = sim.run(20.0, **data, initial={"z": np.full((2, *circuit.graph.nodes["z"].shape), 0.2)})
    scale = max(float(np.abs(v).max()) for v in wanted.errors.values())
    for name, error in wanted.errors.items():
        np.testing.assert_allclose(actual.errors[name], error, atol=0.02 * scale)


@pytest.mark.parametrize("delays", [0.0, 2.0])
def test_latents_without_a_prior_have_the_thresholds_that_were_given(delays):
    rng = np.random.default_rng(0)
    graph = pcn.trace(
        lambda z, W: pcn.vertex(np.tanh(z @ W), "out"), z=pcn.Latent((3,)), W=pcn.Parameter(rng.normal(size=(3, 4)))
    )
    data = {"targets": {"out": 0.3 * rng.normal(size=4)}, "initial": {"z": 0.3 * rng.normal(size=3)}}
    circuit = pcn.build_circuit(graph, delays=delays)

    def run(engine):
        return pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine).run(40.0, **data).values["z"]

    wanted = run(pcn.Reference())
    for engine in (pcn.Kernel(), pcn.EventDriven(0.0), pcn.EventDriven(1e-9), pcn.EventDriven(pcn.Absolute(1e-300))):
        np.testing.assert_allclose(run(engine), wanted, atol=1e-8)


def test_lines_bring_latents_without_a_leak_along():
    rng = np.random.default_rng(1)
    graph = pcn.trace(
        lambda z, W: pcn.vertex(pcn.vertex(z @ W, "h") @ W, "out"),
        z=pcn.Latent((3,)),
        W=pcn.Parameter(0.5 * rng.normal(size=(3, 3))),
    )
    circuit = pcn.build_circuit(graph)
    data = {"targets": {"out": rng.normal(size=3)}, "initial": {"z": rng.normal(size=3)}}
    with pytest.warns(UserWarning, match="latent"):
        wanted = pcn.Simulator(circuit, integrator=pcn.RungeKutta4(0.25)).run(30.0, **data).values["z"]
    with pytest.warns(UserWarning, match="latent"):
        actual = by_events(circuit, data, 30.0, 1e-6, pcn.Exact(order=2)).values["z"]
    np.testing.assert_allclose(actual, wanted, atol=1e-5)


def test_a_snapshot_that_is_refused_changes_nothing(tmp_path):
    rng = np.random.default_rng(0)
    circuit, x, y = pcn.build_circuit(mlp((6, 5, 4, 3))), rng.normal(size=(3, 6)), np.eye(3)
    other = pcn.Simulator(circuit, engine=pcn.EventDriven(0.01))
    other.set_parameters({name: array + 0.1 for name, array in other.parameters.items()})
    other.run(5.0, inputs={"x": x}, targets={"out": y})
    other.store(tmp_path / "other")
    sim, untouched = (pcn.Simulator(circuit, engine=pcn.EventDriven(0.02)) for _ in range(2))
    for each in (sim, untouched):
        each.run(7.0, inputs={"x": x + 1}, targets={"out": y})
    with pytest.raises(CircuitFileError, match="thresholds are others"):
        sim.restore(tmp_path / "other")
    assert sim.time == 7.0
    assert same(sim.parameters, untouched.parameters)
    assert same(sim.errors, untouched.errors)
    assert same(sim.run(3.0).errors, untouched.run(3.0).errors)


@pytest.mark.parametrize(("dtype", "threshold"), [(np.float32, 1e-9), (np.float64, 1e-17)])
def test_thresholds_that_no_number_resolves_are_refused(dtype, threshold):
    circuit = pcn.build_circuit(chain(3))
    with pytest.raises(ParameterError, match=r"^threshold .* is below what float\d\d resolves of its errors"):
        by_events(circuit, data_of(circuit, 1), 5.0, pcn.Absolute(threshold), pcn.Exact(), dtype=dtype)


def test_nothing_held_back_has_no_other_schedules_and_bounds_of_zero():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    data = data_of(circuit, 2)
    for schedule in (pcn.Sequential(), pcn.FastForward()):
        sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.0), schedule=schedule)
        with pytest.raises(ParameterError, match=r"use the schedule Parallel\(\)"):
            sim.run(5.0, **data)
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.0))
    sim.run(5.0, **data)
    errors, gradients = sim.bounds()
    assert not any(bound.any() for bound in (*errors.values(), *gradients.values()))


@both
def test_nothing_held_back_counts_as_the_smallest_threshold_does(dynamics):
    circuit = pcn.build_circuit(mlp((3, 5, 4, 2)))
    data = data_of(circuit, 2)
    counts = []
    for threshold in (0.0, pcn.Absolute(1e-300)):
        stats = by_events(circuit, data, 20.0, threshold, pcn.TimeBinned(), dynamics=dynamics).stats
        counts.append([stats["dendritic_multiplications"], stats["synaptic_operations"]])
    # What differs in the last place only is new to the one, and may be the same to the other.
    np.testing.assert_allclose(counts[0], counts[1], rtol=0.05)
    assert counts[0][0] > 0


@all_modes
def test_events_are_those_of_neurons_that_there_are(mode):
    rng = np.random.default_rng(0)

    def function(x, W):
        a = pcn.vertex((x @ W).reshape(3, 4), "a")
        return pcn.vertex(np.einsum("ij,jk->ik", a, np.tanh(a).T)[:2, :2], "out")

    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input((4,)), W=pcn.Parameter(rng.normal(size=(4, 12)))))
    dynamics = pcn.FixedPrediction() if mode == pcn.Exact(order=2) else pcn.Strict()
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.05, mode), dynamics=dynamics)
    result = sim.run(20.0, **data_of(circuit, 2), events=pcn.RecordEvents())
    counted = pcn.events_per_unit(result.events, circuit)
    for name, number in result.stats["events"].items():
        assert counted[name].sum() == number
    assert counted["out.error"].shape == (2, 2, 2)
    assert (counted["out.error"] > 0).any()


@pytest.mark.parametrize("mode", [pcn.TimeBinned(), pcn.Exact()], ids=repr)
def test_errors_that_predictions_bring_have_arrived(mode):
    rng = np.random.default_rng(0)

    def function(x, W, V):
        h = pcn.vertex(np.tanh(x @ W), "h")
        return {"first": pcn.vertex(h @ V, "first"), "second": pcn.vertex(np.sin(h), "second")}

    graph = pcn.trace(
        function, x=pcn.Input((3,)), W=pcn.Parameter(rng.normal(size=(3, 4))), V=pcn.Parameter(rng.normal(size=(4, 2)))
    )
    circuit = pcn.build_circuit(graph)
    inputs = {"x": rng.normal(size=(1, 3))}
    exact = pcn.Simulator(circuit)
    exact.run(0.0, inputs=inputs)
    targets = {"first": rng.normal(size=(1, 2)), "second": exact.values["second"]}
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.01, mode), dynamics=pcn.Strict())
    report = pcn.wavefront(sim, 30.0, inputs=inputs, targets=targets)
    arrival = {row.vertex: row.arrival for row in report.rows}
    assert 0.0 <= arrival["first"] <= arrival["h"] <= arrival["second"] < 30.0


@diverges
@both
@modes
def test_what_is_not_finite_is_told_at_its_step(dynamics, mode):
    rng = np.random.default_rng(0)
    graph = pcn.trace(
        lambda x, W: pcn.vertex(np.sqrt(pcn.vertex(x @ W, "h")), "out"),
        x=pcn.Input((3,)),
        W=pcn.Parameter(rng.normal(size=(3, 4))),
    )
    circuit = pcn.build_circuit(graph)
    result = by_events(circuit, data_of(circuit, 2), 50.0, 0.01, mode, dynamics=dynamics)
    assert result.status == "diverged"
    assert "'out'" in result.message
    assert result.stats["steps"] <= 1


@modes
def test_a_result_depends_on_no_block(mode):
    """Units are stepped in blocks of 32: populations that fill one, and that do not."""
    for width in (1, 31, 32, 33, 70):
        circuit = pcn.build_circuit(mlp((4, width, width, 3)))
        data = data_of(circuit, 1)
        exact = pcn.Simulator(circuit, integrator=pcn.RungeKutta4(0.25)).run(60.0, **data)
        euler = pcn.Simulator(circuit).run(60.0, **data)
        wanted = euler if isinstance(mode, pcn.TimeBinned) else exact
        assert away(by_events(circuit, data, 60.0, 1e-3, mode), wanted) < 2e-3


def test_a_bound_is_refused_where_errors_are_off_by_what_was_held_back_before(tmp_path):
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    inputs, targets = data_for(circuit.graph, 2)
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.1))
    sim.run(5.0, inputs=inputs, targets=targets)
    sim.bounds()
    sim.run(5.0, targets={name: 0.01 * array for name, array in targets.items()})
    sim.store(tmp_path / "changed.pcn")
    again = pcn.Simulator(circuit, engine=pcn.EventDriven(0.1))
    again.restore(tmp_path / "changed.pcn")
    for each in (sim, again):
        with pytest.raises(ParameterError, match=r"changed after time zero: call reset\(\)"):
            each.bounds()
    sim.reset()
    sim.run(5.0)
    sim.bounds()
