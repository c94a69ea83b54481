"""Runs that stop at equilibrium: when, where, and in what state."""

from __future__ import annotations

import itertools
import os
import signal
import threading

import numpy as np
import pytest
from scipy.stats import binom

import pcneuro as pcn
from pcneuro.errors import ParameterError
from pcneuro.simulator.result import Status
from tests.circuits_for_tests import (
    DYNAMICS,
    chain,
    data_for,
    diverges,
    engines,
    every_dynamics,
    mlp,
    random_dag,
    same,
    scalar_graph,
)

INTEGRATORS = [pcn.Euler(1.0), pcn.ExponentialEuler(2.0), pcn.RungeKutta4(2.0)]


def settle(circuit, rtol=1e-4, limit=20_000.0, inputs=None, targets=None, record=(), **settings):
    sim = pcn.Simulator(circuit, **settings)
    result = sim.run(until=pcn.Settled(rtol, limit=limit), inputs=inputs, targets=targets, record=record)
    return result, sim


# When


@engines
@pytest.mark.parametrize("dt", [10.0, 3.0, 0.5])
@pytest.mark.parametrize("rtol", [1e-2, 1e-6])
def test_a_chain_stops_at_the_step_that_the_binomial_distribution_gives(engine, dt, rtol):
    """k hops away e = P[Bin(n, eta) >= k] e_eq, driven by what is one hop nearer; however small the weights make it."""
    length, eta, weight = 6, dt / 10.0, 1e-30 if isinstance(engine, pcn.Kernel) else 0.5

    def rests(n):
        shares = [float(binom.sf(k - 1, n, eta)) for k in range(length)]
        return all(1 - there / here <= rtol if here else False for here, there in itertools.pairwise(shares))

    expected = next(n for n in range(2000) if rests(n))
    circuit = pcn.build_circuit(chain(length, weight))
    result, sim = settle(circuit, rtol, inputs={"x": 1.0}, targets={"v6": 2.0}, integrator=pcn.Euler(dt), engine=engine)
    assert result.stats["steps"] == expected
    assert (result.status, result.time, sim.time) == (Status.COMPLETED, expected * dt, expected * dt)
    assert result.stats["settled_ms"] == [expected * dt]
    assert result.message == f"settled after {expected} steps, {expected * dt:g} ms, at {expected * dt:g} ms"


@engines
@every_dynamics
@pytest.mark.parametrize("integrator", INTEGRATORS, ids=lambda i: type(i).__name__)
@pytest.mark.halved
def test_engines_stop_at_the_same_step(engine, dynamics, integrator):
    for seed in (0, 3):
        circuit = pcn.build_circuit(random_dag(seed), tau=15.0)
        inputs, targets = data_for(circuit.graph, 5, seed, 0.3)
        actual = [
            settle(circuit, inputs=inputs, targets=targets, dynamics=dynamics, integrator=integrator, engine=each)[0]
            for each in (engine, pcn.Kernel(threads=1))
        ]
        assert actual[0].stats["steps"] == actual[1].stats["steps"] > 5
        assert pcn.compare(actual[0], actual[1]).worst < 1e-10


@pytest.mark.parametrize("rtol", [1e-2, 1e-4, 1e-7])
def test_settled_gradients_are_backprops_up_to_the_tolerance(rtol):
    circuit = pcn.build_circuit(mlp((20, 15, 12, 5)), tau={"h1": 7.0}, precision={"h2": 1.3})
    inputs, targets = data_for(circuit.graph, 40, scale=0.5)
    result, _ = settle(circuit, rtol, inputs=inputs, targets=targets)
    assert 1e-3 * rtol < pcn.compare(result, pcn.backprop(circuit, inputs, targets)).worst < 5 * rtol


@engines
def test_strict_equilibrium_of_the_scalar_graph(engine):
    circuit = pcn.build_circuit(scalar_graph())
    settings = {"dynamics": pcn.Strict(), "integrator": pcn.Euler(0.1), "engine": engine}
    result, _ = settle(circuit, 1e-9, targets={"v4": 1.0}, **settings)
    assert result.gradients["v0"] == pytest.approx(-3.4136083, abs=1e-7)


@engines
@every_dynamics
def test_without_an_error_it_has_settled_at_once(engine, dynamics):
    circuit = pcn.build_circuit(mlp((5, 7, 3)))
    inputs, _ = data_for(circuit.graph, 3)
    result, sim = settle(circuit, inputs=inputs, dynamics=dynamics, engine=engine, record=[pcn.Record("h1")])
    assert (result.stats["steps"], result.stats["settled_ms"], sim.time) == (0, [0.0], 0.0)
    assert result.records["h1.value"].shape == (1, 3, 7)


def test_what_decays_to_nothing_settles_too():
    circuit = pcn.build_circuit(mlp((5, 7, 3)))
    inputs, targets = data_for(circuit.graph, 3)
    _, sim = settle(circuit, inputs=inputs, targets=targets)
    assert sim.run(until=pcn.Settled(atol=1e-6), targets={}).status == "completed"
    assert max(np.abs(e).max() for e in sim.errors.values()) < 1e-6
    sim.reset()
    assert sim.run(until=pcn.Settled(), initial={"h1": np.ones((3, 7))}).status == "completed"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_dynamics
def test_rounding_does_not_keep_it_from_stopping(dynamics, dtype):
    for seed in range(4):
        circuit = pcn.build_circuit(random_dag(seed))
        inputs, targets = data_for(circuit.graph, 5, seed, 0.3)
        result, sim = settle(circuit, 0.0, inputs=inputs, targets=targets, dynamics=dynamics, dtype=dtype)
        assert result.status == "completed"
        if dynamics.holds_predictions:
            assert pcn.compare(result, pcn.backprop(circuit, inputs, targets)).worst < 50 * np.finfo(dtype).eps
        assert sim.run(until=pcn.Settled(0.0)).stats["steps"] == 0


def test_a_latent_without_a_prior_is_compared_with_its_activity():
    rng = np.random.default_rng(0)
    graph = pcn.trace(
        lambda z, W: pcn.vertex(np.tanh(z @ W), "seen"), z=pcn.Latent((2,)), W=pcn.Parameter(rng.normal(size=(2, 4)))
    )
    seen = np.tanh(np.array([0.3, -0.2]) @ graph.parameters["W"].source.value)
    for engine in (pcn.Kernel(), pcn.Reference()):
        result, _ = settle(pcn.build_circuit(graph), 1e-6, targets={"seen": seen}, dynamics=pcn.Strict(), engine=engine)
        assert result.status == "completed"
        np.testing.assert_allclose(result.values["z"][0], [0.3, -0.2], rtol=1e-4)


# Blocks of samples


def two_blocks(scale=1e-3, dtype=np.float32):
    """The circuit is linear where the activities are small, so that the one half settles sooner than the other."""
    circuit = pcn.build_circuit(mlp((8, 9, 7, 3)))
    inputs, targets = data_for(circuit.graph, 64)
    inputs["x"][32:] *= scale
    targets["out"][32:] *= scale
    return circuit, inputs, targets


@every_dynamics
def test_blocks_stop_each_at_their_own_time(dynamics):
    circuit, inputs, targets = two_blocks()
    record = [pcn.Record("h1", every=2.0), pcn.Record("h2", "error")]
    settings = {"dynamics": dynamics, "dtype": np.float32}
    result, sim = settle(circuit, inputs=inputs, targets=targets, record=record, **settings)
    times = result.stats["settled_ms"]
    assert len(times) == 2
    assert len(set(times)) == 2 - dynamics.holds_predictions
    assert max(times) == result.time
    for k, time in enumerate(times):
        half = slice(32 * k, 32 * (k + 1))
        own, _ = settle(circuit, inputs={"x": inputs["x"][half]}, targets={"out": targets["out"][half]}, **settings)
        assert own.time == time
        for name, values in own.errors.items():
            np.testing.assert_array_equal(values, result.errors[name][half])
        # Held as it was, and recorded so.
        rows = result.records["h1.value"].values[:, half]
        late = result.records["time_2ms"].values >= time
        assert late.any()
        assert (rows[late] == own.values["h1"].reshape(1, 32, -1)).all()
    assert result.records["h2.error"].shape[0] == result.stats["steps"] + 1
    # And then all go on.
    before = result.errors
    after = sim.run(20.0)
    assert after.time == result.time + 20.0
    assert all((after.errors["h1"][32 * k] != before["h1"][32 * k]).any() for k in range(2))


@every_dynamics
@pytest.mark.parametrize("tolerance", [0.0, 1e-5])
def test_neither_threads_nor_chunks_change_a_bit(dynamics, tolerance, monkeypatch):
    circuit, inputs, targets = two_blocks()
    actual = []
    for threads, seconds in ((1, 0.2), (2, 0.2), (1, 0.0), (2, 100.0)):
        monkeypatch.setattr("pcneuro.simulator.stream.CHUNK_SECONDS", seconds)
        engine = pcn.Kernel(threads, tolerance)
        settings = {"dynamics": dynamics, "dtype": np.float32, "engine": engine}
        result, sim = settle(circuit, inputs=inputs, targets=targets, record=[pcn.Record("h1", "error")], **settings)
        actual.append((result, sim.run(7.0)))
    first = actual[0]
    for other in actual[1:]:
        assert other[0].stats["settled_ms"] == first[0].stats["settled_ms"]
        for a, b in zip(first, other, strict=True):
            assert same(a.values, b.values)
            assert same(a.gradients, b.gradients)
        np.testing.assert_array_equal(first[0].records["h1.error"], other[0].records["h1.error"])


@engines
@pytest.mark.parametrize("integrator", INTEGRATORS, ids=lambda i: type(i).__name__)
@every_dynamics
def test_stopping_leaves_no_trace(engine, dynamics, integrator):
    """A run to rest is a run for that time; and what comes after it is the same."""
    circuit = pcn.build_circuit(random_dag(5))
    inputs, targets = data_for(circuit.graph, 3, scale=0.3)
    settings = {"dynamics": dynamics, "integrator": integrator, "engine": engine}
    result, sim = settle(circuit, 1e-2, inputs=inputs, targets=targets, **settings)
    timed = pcn.Simulator(circuit, **settings)
    same_time = timed.run(result.time, inputs=inputs, targets=targets)
    assert same(result.values, same_time.values)
    assert same(sim.run(20.0).gradients, timed.run(20.0).gradients)
    assert "settled_ms" not in same_time.stats


# How it ends


@engines
def test_the_limit_ends_it(engine):
    circuit = pcn.build_circuit(chain(5))
    result, sim = settle(circuit, limit=12.4, inputs={"x": 1.0}, targets={"v5": 2.0}, engine=engine)
    assert (result.status, result.time, result.stats["settled_ms"]) == ("unsettled", 13.0, [None])
    assert result.message.startswith(
        "1 of 1 blocks of samples not settled to Settled(rtol=0.0001, atol=0.0, limit=12.4)"
    )
    rest = sim.run(until=pcn.Settled())
    once, _ = settle(circuit, inputs={"x": 1.0}, targets={"v5": 2.0}, engine=engine)
    assert same(rest.values, once.values)
    assert rest.time == once.time
    # What has settled just then has settled.
    edge, _ = settle(circuit, limit=once.time, inputs={"x": 1.0}, targets={"v5": 2.0}, engine=engine)
    assert (edge.status, edge.stats["settled_ms"]) == ("completed", [once.time])


@diverges
def test_divergence_and_snapshots(tmp_path):
    circuit = pcn.build_circuit(mlp((4, 5, 5, 2), scale=8.0))
    inputs, targets = data_for(circuit.graph, 3)
    settings = {"dynamics": pcn.Strict(), "integrator": pcn.Euler(9.0)}
    result, _ = settle(circuit, inputs=inputs, targets={"out": 1e200 * targets["out"]}, **settings)
    assert result.status == "diverged"
    _, sim = settle(circuit, 1e-2, inputs=inputs, targets=targets)
    sim.store(tmp_path / "state")
    first = sim.run(until=pcn.Settled(1e-6))
    other = pcn.Simulator(circuit)
    other.restore(tmp_path / "state")
    second = other.run(until=pcn.Settled(1e-6))
    assert same(first.values, second.values)
    assert first.time == second.time


def test_progress_is_the_limits_share_and_the_end_is_the_end():
    circuit = pcn.build_circuit(chain(3))
    reports = []
    sim = pcn.Simulator(circuit)
    until = pcn.Settled(limit=1000.0)
    result = sim.run(
        until=until, inputs={"x": 1.0}, targets={"v3": 2.0}, report=lambda *a: reports.append(a[1:]), report_period=1e-9
    )
    assert reports[0] == (0.0, 0.0, 1000.0)
    assert reports[-1] == (1.0, 0.0, result.time)
    assert all(share <= result.time / 1000.0 for share, _, _ in reports[:-1])


def test_ctrl_c(monkeypatch):
    monkeypatch.setattr("pcneuro.simulator.stream.CHUNK_SECONDS", 0.01)
    circuit = pcn.build_circuit(mlp((50, 100, 100, 10)))
    inputs, targets = data_for(circuit.graph, 64)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    result, _ = settle(
        circuit, 0.0, limit=1e9, inputs=inputs, targets=targets, integrator=pcn.Euler(1e-4), engine=pcn.Kernel(1)
    )
    timer.join()
    assert result.status == "interrupted"
    assert None in result.stats["settled_ms"]


# What is refused


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"rtol": 1.0}, "rtol of Settled is 1.0; give a number from 0 to below 1"),
        ({"rtol": np.nan}, "rtol of Settled is nan"),
        ({"rtol": "1e-4"}, "rtol of Settled is '1e-4'"),
        ({"rtol": True}, "rtol of Settled is True"),
        ({"atol": -1.0}, "atol of Settled is -1.0; give a finite number, not negative"),
        ({"limit": 0.0}, "limit of Settled is 0.0; give a positive, finite number, in ms"),
        ({"limit": np.inf}, "limit of Settled is inf"),
        ({"limit": None}, "limit of Settled is None"),
    ],
)
def test_tolerances_out_of_range(wrong, text):
    with pytest.raises(ParameterError, match=text):
        pcn.Settled(**wrong)


def test_a_run_takes_a_duration_or_until():
    sim = pcn.Simulator(pcn.build_circuit(chain(3)))
    with pytest.raises(ParameterError, match=r"duration is None; give a number of ms, or until=pcn\.Settled"):
        sim.run()
    with pytest.raises(ParameterError, match=r"give one of the two, and the longest time .* in Settled\(limit="):
        sim.run(100.0, until=pcn.Settled())
    with pytest.raises(ParameterError, match=r"until is 0\.001; give pcn\.Settled"):
        sim.run(until=1e-3)
    with pytest.raises(ParameterError, match="limit is more than"):
        sim.run(until=pcn.Settled(limit=1e300))
    sequential = pcn.Simulator(pcn.build_circuit(chain(3)), schedule=pcn.Sequential())
    with pytest.raises(ParameterError, match=r"Sequential\(\) runs for a given time: .* use Parallel\(\)"):
        sequential.run(until=pcn.Settled())
    assert sim.time == sequential.time == 0.0


def test_the_twin_says_what_the_kernel_says():
    """On states by chance, some at rest, some within rounding of it, some not finite."""
    rng = np.random.default_rng(0)
    circuit = pcn.build_circuit(mlp((4, 6, 3)))
    inputs, targets = data_for(circuit.graph, 3)
    actual = []
    for dynamics in DYNAMICS:
        sim = pcn.Simulator(circuit, dynamics=dynamics)
        sim.run(30.0, inputs=inputs, targets=targets)
        for _ in range(40):
            until = pcn.Settled(10.0 ** rng.uniform(-4, -0.01), 10.0 ** rng.uniform(-12, 0))
            sim._engine.begin(until)
            twin = sim._engine.rests(until, slice(0, 3))
            assert (sim.run(until=until).stats["steps"] == 0) == twin
            sim.reset()
            sim.run(float(rng.integers(1, 60)))
            actual.append(twin)
    assert 5 < sum(actual) < 75
    odd = np.array([[1.0, np.nan]])
    assert not pcn.Settled(0.9).holds(odd, odd, odd, np.ones(2), True).any()
