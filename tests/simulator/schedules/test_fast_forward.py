"""Fast forward against stepping, against the reference, and against the closed forms of paths."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammainc
from scipy.stats import binom, poisson

import pcneuro as pcn
from pcneuro.errors import ParameterError
from pcneuro.simulator.schedules import hops
from tests.circuits_for_tests import chain, data_for, engines, mlp, random_dag

INTEGRATORS = [pcn.Euler(1.5), pcn.Euler(12.0), pcn.ExponentialEuler(1.5), pcn.RungeKutta4(1.5)]
ENGINES = [pcn.Kernel(), pcn.Reference()]


def simulator(circuit, engine=None, schedule=None, **settings):
    return pcn.Simulator(circuit, engine=engine, schedule=schedule or pcn.FastForward(), **settings)


def agree(actual, wanted, rtol=1e-11):
    for name, gradient in wanted.gradients.items():
        np.testing.assert_allclose(actual.gradients[name], gradient, rtol=0, atol=rtol * (1 + np.abs(gradient).max()))
    for name in wanted.errors:
        for got, want in ((actual.errors, wanted.errors), (actual.values, wanted.values)):
            np.testing.assert_allclose(got[name], want[name], rtol=0, atol=rtol * (1 + np.abs(want[name]).max()))
    for name, rows in wanted.records.data_vars.items():
        np.testing.assert_allclose(actual.records[name], rows, rtol=0, atol=rtol * (1 + np.abs(rows).max()))
    assert actual.loss == pytest.approx(wanted.loss)
    assert (actual.time, actual.status) == (wanted.time, wanted.status)


@pytest.mark.parametrize("engine", ENGINES, ids=["kernel", "reference"])
@pytest.mark.parametrize("integrator", INTEGRATORS, ids=str)
@pytest.mark.parametrize("vertices", ["auto", "all"])
@pytest.mark.halved
def test_it_is_where_steps_lead_to(integrator, vertices, engine):
    """On graphs with paths of several lengths, from rest and from where a run has stopped, records included."""
    for seed in (200, 203, 205):
        graph = random_dag(seed)
        circuit = pcn.build_circuit(graph, vertices=vertices, tau=15.0, precision=1.5)
        inputs, targets = data_for(graph, 3, seed, 0.5)
        record = [
            pcn.Record(v, k, every=2 * integrator.dt)
            for v in circuit.vertices
            for k in ("value", "error", "prediction", "feedback")
        ]
        fast, slow = (
            simulator(circuit, engine, schedule, integrator=integrator)
            for schedule in (pcn.FastForward(), pcn.Parallel())
        )
        for steps in (7, 10):
            runs = [
                sim.run(steps * integrator.dt, inputs=inputs, targets=targets, record=record) for sim in (fast, slow)
            ]
            agree(*runs)


@engines
def test_clamps_initial_values_and_energies(engine):
    graph = mlp((4, 6, 5, 3))
    circuit = pcn.build_circuit(graph, energies={"out": pcn.SoftmaxCrossEntropy()})
    inputs, _ = data_for(graph, 5)
    given = {"inputs": inputs, "targets": {"out": np.eye(3)[np.arange(5) % 3]}}
    rng = np.random.default_rng(0)
    h1, h2 = rng.normal(size=(5, 6)), rng.normal(size=(5, 5))
    record = [pcn.Record(v, k) for v in circuit.vertices for k in ("error", "feedback")]
    for more in (
        {"initial": {"h1": h1, "h2": h2}},
        {"clamp": {"h1": h1}},
        {"clamp": {"h2": h2}, "initial": {"h1": h1}},
    ):
        runs = [
            simulator(circuit, engine, schedule).run(9.0, **given, **more, record=record)
            for schedule in (pcn.FastForward(), pcn.Parallel())
        ]
        agree(*runs)


@engines
def test_two_runs_are_one_and_a_snapshot_goes_on(engine, tmp_path):
    graph = mlp((4, 6, 5, 3))
    circuit = pcn.build_circuit(graph)
    inputs, targets = data_for(graph, 5)
    one, two, three = (simulator(circuit, engine) for _ in range(3))
    whole = one.run(20.0, inputs=inputs, targets=targets)
    two.run(8.0, inputs=inputs, targets=targets)
    two.store(tmp_path / "state")
    agree(two.run(12.0), whole)
    three.restore(tmp_path / "state")
    agree(three.run(12.0), whole)
    # Changed data on the way takes the state along.
    slow = simulator(circuit, engine, pcn.Parallel())
    slow.run(20.0, inputs=inputs, targets=targets)
    other = {"out": -targets["out"]}
    agree(one.run(7.0, targets=other), slow.run(7.0, targets=other))


def test_clamps_that_come_back_with_a_longer_run():
    """Instructions for several sets of clamped outputs stand in one program, and are added to in turns."""
    graph = mlp((4, 6, 5, 5, 3))
    circuit = pcn.build_circuit(graph)
    inputs, targets = data_for(graph, 5)
    fast, slow = (simulator(circuit, pcn.Kernel(), s) for s in (pcn.FastForward(), pcn.Parallel()))
    for duration, goals in ((1.0, targets), (50.0, {}), (50.0, targets), (3.0, {}), (70.0, targets)):
        agree(*(sim.run(duration, inputs=inputs, targets=goals) for sim in (fast, slow)))


@engines
def test_continuous_time_is_erlang(engine):
    length, tau = 6, 7.0
    circuit = pcn.build_circuit(chain(length), tau=tau)
    sim = simulator(circuit, engine, pcn.FastForward(continuous=True), integrator=pcn.Euler(0.5))
    records = [pcn.Record(f"v{k}", kind) for k in range(1, length + 1) for kind in ("error", "feedback")]
    result = sim.run(60.0, inputs={"x": 1.0}, targets={"v6": 3.0}, record=records)
    time = result.records.time.values
    for k in range(1, length):
        expected = 2.0 * gammainc(length - k, time / tau)
        np.testing.assert_allclose(result.records[f"v{k}.error"][:, 0, 0], expected, rtol=1e-13, atol=2e-15)
        before = 2.0 * (gammainc(length - k - 1, time / tau) if k < length - 1 else 1.0) * np.ones_like(time)
        np.testing.assert_allclose(result.records[f"v{k}.feedback"][:, 0, 0], before, rtol=1e-13, atol=2e-15)
    # No step is too large where none is made.
    coarse = simulator(circuit, engine, pcn.FastForward(continuous=True), integrator=pcn.Euler(60.0))
    agree(coarse.run(60.0, inputs={"x": 1.0}, targets={"v6": 3.0}), sim.run(0.0))
    fine = simulator(circuit, engine, pcn.Parallel(), integrator=pcn.RungeKutta4(0.25))
    agree(result, fine.run(60.0, inputs={"x": 1.0}, targets={"v6": 3.0}), rtol=1e-7)


def test_far_errors_keep_their_digits():
    """Sixty hops up after 70 steps an error is some 1e-35 of its last: relative accuracy holds."""
    length, eta = 60, 0.1
    result = simulator(pcn.build_circuit(chain(length))).run(70.0, inputs={"x": 1.0}, targets={"v60": 3.0})
    for k in (1, 30, 59):
        assert result.errors[f"v{k}"][0] == pytest.approx(2.0 * binom.sf(length - k - 1, 70, eta), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_long_enough_is_backprop(dtype):
    graph = mlp((20, 30, 25, 4))
    circuit = pcn.build_circuit(graph, energies={"out": pcn.SquaredError()}, precision=2.0)
    inputs, targets = data_for(graph, 70)
    result = simulator(circuit, dtype=dtype).run(2000.0, inputs=inputs, targets=targets)
    assert pcn.compare(result, pcn.backprop(circuit, inputs, targets)).worst < 50 * np.finfo(dtype).eps


def test_threads_change_nothing():
    circuit = pcn.build_circuit(mlp((20, 30, 30, 4)))
    inputs, targets = data_for(circuit.graph, 70)
    actual = [simulator(circuit, pcn.Kernel(n)).run(30.0, inputs=inputs, targets=targets).gradients for n in (1, 2, 4)]
    for name in actual[0]:
        np.testing.assert_array_equal(actual[0][name], actual[1][name])
        np.testing.assert_array_equal(actual[0][name], actual[2][name])


def test_no_time_and_nothing_clamped():
    graph = mlp((4, 6, 5, 3))
    circuit = pcn.build_circuit(graph)
    inputs, targets = data_for(graph, 5)
    agree(*(simulator(circuit, None, s).run(0.0, inputs=inputs, targets=targets) for s in (None, pcn.Parallel())))
    agree(*(simulator(circuit, None, s).run(5.0, inputs=inputs) for s in (None, pcn.Parallel())))


def test_weights_of_hops():
    steps, eta, k = np.array([0, 1, 3, 40, 5000]), 0.3, np.arange(9)
    reached, just = hops.binomial(steps, eta, 8)
    np.testing.assert_allclose(reached, binom.sf(k - 1, steps[:, None], eta), rtol=1e-12)
    np.testing.assert_allclose(just, binom.pmf(k, steps[:, None], eta), rtol=1e-9, atol=1e-300)
    by_steps = hops.stepped(pcn.Euler(1.0), steps[[3, 0, 2, 1]], eta, 8)
    for actual, wanted in zip(by_steps, (reached, just), strict=True):
        np.testing.assert_allclose(actual, wanted[[3, 0, 2, 1]], rtol=1e-11)
    time = np.array([0.0, 0.5, 30.0])
    reached, just = hops.poisson(time, 8)
    np.testing.assert_allclose(reached, poisson.sf(k - 1, time[:, None]), rtol=1e-11)
    np.testing.assert_allclose(just, poisson.pmf(k, time[:, None]), rtol=1e-11)


def test_what_it_is_not_for_is_refused():
    circuit = pcn.build_circuit(mlp((4, 6, 5, 3)), tau={"h1": 20.0})
    inputs, targets = data_for(circuit.graph, 5)
    with pytest.raises(ParameterError, match="FastForward is defined for FixedPrediction, got Strict"):
        simulator(circuit, dynamics=pcn.Strict())
    sim = simulator(circuit)
    with pytest.raises(ParameterError, match=r"'h1' has 0.05, 'h2' 0.1 per ms; use Parallel\(\)"):
        sim.run(10.0, inputs=inputs, targets=targets)
    # The clamped one has no rate that matters.
    rest = {n: np.zeros(circuit.graph.nodes[n].shape) for n in ("h2",)}
    sim.run(10.0, inputs={"x": inputs["x"][0]}, targets={"out": targets["out"][0]}, clamp={"h1": np.zeros(6), **rest})
    with pytest.raises(ParameterError, match="continuous is 'yes'; give True or False"):
        pcn.FastForward(continuous="yes")

    def generative(z, W):
        return pcn.vertex(np.tanh(z @ W), "out")

    graph = pcn.trace(generative, z=pcn.Latent((3,)), W=pcn.Parameter(np.ones((3, 2))))
    with pytest.raises(ParameterError, match="'z' has no prediction"):
        simulator(pcn.build_circuit(graph)).run(1.0, targets={"out": np.ones(2)})
