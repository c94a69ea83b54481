"""The simulator: continuing, snapshots, batches, threads, records."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import (
    CircuitFileError,
    OutputError,
)
from tests.circuits_for_tests import (
    DYNAMICS,
    ENGINES,
    data_for,
    engines,
    every_dynamics,
    mlp,
    random_dag,
    same,
    scalar_graph,
    three_layers,
)


@pytest.fixture(scope="module")
def network():
    return three_layers()


# Continuing


@engines
@every_dynamics
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_store_run_restore_run_repeats_bit_for_bit(network, engine, dynamics, dtype, tmp_path):
    inputs, targets = data_for(network.graph, 3)
    sim = pcn.Simulator(network, dynamics=dynamics, integrator=pcn.RungeKutta4(1.0), dtype=dtype, engine=engine)
    sim.run(10.0, inputs=inputs, targets=targets)
    sim.store(tmp_path / "state")
    one = sim.run(20.0)
    sim.restore(tmp_path / "state")
    assert sim.time == 10.0
    assert same(one.values, sim.run(20.0).values)
    fresh = pcn.Simulator(network, dynamics=dynamics, integrator=pcn.RungeKutta4(1.0), dtype=dtype, engine=engine)
    fresh.restore(tmp_path / "state")
    other = fresh.run(20.0)
    assert same(one.values, other.values)
    assert same(one.gradients, other.gradients)


@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference(), pcn.EventDriven(1e-3)], ids=str)
def test_a_simulator_that_was_given_nothing_is_stored_and_restored(network, engine, tmp_path):
    inputs, targets = data_for(network.graph, 3)
    sim, fresh = (pcn.Simulator(network, engine=engine) for _ in range(2))
    sim.store(tmp_path / "state")
    sim.restore(tmp_path / "state")
    one, other = (each.run(9.0, inputs=inputs, targets=targets) for each in (sim, fresh))
    assert same(one.values, other.values)
    assert same(one.gradients, other.gradients)


def test_with_a_tolerance_snapshots_know_what_was_sent(tmp_path):
    circuit = pcn.build_circuit(mlp((5, 7, 6, 6, 3)))
    inputs, targets = data_for(circuit.graph, 40)
    settings = {"dynamics": pcn.Strict(), "integrator": pcn.RungeKutta4(1.0), "engine": pcn.Kernel(tolerance=1e-2)}
    one, other = (pcn.Simulator(circuit, **settings) for _ in range(2))
    one.run(7.0, inputs=inputs, targets=targets)
    one.store(tmp_path / "state")
    other.restore(tmp_path / "state")
    actual = [sim.run(9.0) for sim in (one, other)]
    assert same(actual[0].values, actual[1].values)
    assert same(actual[0].errors, actual[1].errors)


def test_store_refuses_what_exists_and_restore_what_is_foreign(network, tmp_path):
    path = tmp_path / "state"
    sim = pcn.Simulator(network)
    sim.store(path)
    with pytest.raises(OutputError, match="exists already"):
        sim.store(path)
    sim.store(path, overwrite=True)
    for other in (
        pcn.Simulator(network, dynamics=pcn.Strict()),
        pcn.Simulator(network, dtype=np.float32),
        pcn.Simulator(network, integrator=pcn.Euler(0.5)),
        pcn.Simulator(pcn.build_circuit(scalar_graph())),
    ):
        before = other.time
        with pytest.raises(CircuitFileError, match="another"):
            other.restore(path)
        assert other.time == before
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"nonsense", whole[:-30] + b"x" * 30):
        path.write_bytes(damaged)
        with pytest.raises(CircuitFileError):
            sim.restore(path)


# Batches and threads


@every_dynamics
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_batch_is_its_samples(network, dynamics, dtype):
    inputs, targets = data_for(network.graph, 33)
    run = {"dynamics": dynamics, "dtype": dtype}
    whole = pcn.Simulator(network, **run).run(30.0, inputs=inputs, targets=targets)
    total = {n: np.zeros_like(g) for n, g in whole.gradients.items()}
    tolerance = 1e-12 if dtype == np.float64 else 3e-5
    for k in range(33):
        one = pcn.Simulator(network, **run).run(30.0, inputs={"x": inputs["x"][k]}, targets={"out": targets["out"][k]})
        assert one.values["h1"].shape == (1, 7)
        for name in ("h1", "h2", "out"):
            np.testing.assert_allclose(whole.values[name][k], one.values[name][0], rtol=tolerance, atol=tolerance)
            np.testing.assert_allclose(whole.errors[name][k], one.errors[name][0], rtol=tolerance, atol=tolerance)
        total = {n: total[n] + one.gradients[n] for n in total}
    for name, gradient in total.items():
        np.testing.assert_allclose(whole.gradients[name], gradient, rtol=10 * tolerance, atol=10 * tolerance)


@every_dynamics
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_results_are_bitwise_equal_for_every_number_of_threads(dynamics, dtype):
    # Large enough that the Hebbian sums are split between threads.
    circuit = pcn.build_circuit(mlp((100, 200, 5)))
    inputs, targets = data_for(circuit.graph, 150)
    results = [
        pcn.Simulator(circuit, dynamics=dynamics, dtype=dtype, engine=pcn.Kernel(threads=n)).run(
            5.0, inputs=inputs, targets=targets, record=[pcn.Record("h1", "error")]
        )
        for n in (1, 2, 4)
    ]
    for other in results[1:]:
        assert same(results[0].gradients, other.gradients)
        assert same(results[0].values, other.values)
        assert results[0].records.identical(other.records)


@every_dynamics
@pytest.mark.parametrize("vertices", ["auto", "all"])
def test_stages_of_the_kernel_are_the_references(dynamics, vertices):
    """Runge-Kutta's; for the others see tests/engines/test_engines.py."""
    integrator = pcn.RungeKutta4(1.0)
    for seed in (100, 103, 106, 109):
        graph = random_dag(seed)
        circuit = pcn.build_circuit(graph, vertices=vertices, tau=20.0)
        inputs, targets = data_for(graph, 5, seed, 0.4)
        results = [
            pcn.Simulator(circuit, dynamics=dynamics, integrator=integrator, engine=engine).run(
                20.0, inputs=inputs, targets=targets
            )
            for engine in ENGINES
        ]
        if results[0].status is not pcn.Status.COMPLETED:
            assert results[1].status is results[0].status
            continue
        for name in circuit.vertices:
            for kind in ("values", "errors", "predictions"):
                a, b = (getattr(r, kind)[name] for r in results)
                np.testing.assert_allclose(
                    a, b, rtol=1e-9, atol=1e-11 * (1 + np.abs(a).max()), err_msg=f"{seed} {name}"
                )
        for name, gradient in results[0].gradients.items():
            scale = 1 + np.abs(gradient).max()
            np.testing.assert_allclose(results[1].gradients[name], gradient, atol=1e-10 * scale)
        assert results[0].energy == pytest.approx(results[1].energy, rel=1e-9)


def test_a_second_graph_compiles_nothing():
    from pcneuro.kernels import dispatch, lists, loop

    def run(graph):
        circuit = pcn.build_circuit(graph)
        inputs, targets = data_for(graph, 4)
        for dynamics in DYNAMICS:
            pcn.Simulator(circuit, dynamics=dynamics).run(5.0, inputs=inputs, targets=targets)

    run(mlp((3, 4, 2)))
    compiled = {f: list(f.signatures) for f in (lists.execute, loop.advance)}
    table = dispatch.table(np.dtype(np.float64))
    assert all(compiled.values())
    run(random_dag(7))
    gate = pcn.elementwise("x*tanh(x/2) + y", ("x", "y"))
    graph = pcn.trace(
        lambda x, w: gate(np.outer(x, w).sum(0), w) / 2, x=pcn.Input((3,)), w=pcn.Parameter(np.arange(1.0, 5.0))
    )
    run(graph)
    assert {f: list(f.signatures) for f in (lists.execute, loop.advance)} == compiled
    assert dispatch.table(np.dtype(np.float64)) is table


def test_recorded_dynamics_are_those_of_the_model(network):
    """tau dv/dt = feedback - e, from one recorded step to the next, under both dynamics."""
    inputs, targets = data_for(network.graph, 2)
    record = [pcn.Record("h2", k) for k in ("value", "error", "feedback")]
    for dynamics in DYNAMICS:
        data = (
            pcn.Simulator(network, dynamics=dynamics).run(20.0, inputs=inputs, targets=targets, record=record).records
        )
        value, slope = data["h2.value"].values, (data["h2.feedback"] - data["h2.error"]).values
        np.testing.assert_allclose(value[1:], value[:-1] + slope[:-1] / 7.0, rtol=1e-12, atol=1e-14)
