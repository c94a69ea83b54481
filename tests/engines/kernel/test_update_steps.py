"""Work that is left out changes no bit, and what is left out is what it should be."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from circuits.rnn import rnn
from pcneuro.errors import ParameterError
from pcneuro.kernels import arguments
from tests.circuits_for_tests import chain, data_for, every_dynamics, random_dag, same

INTEGRATORS = [pcn.Euler(1.0), pcn.RungeKutta4(2.0)]


def everything(sim: pcn.Simulator, steps: int) -> pcn.Result:
    """The same run, one step at a time, each of which begins as if all had changed."""
    for _ in range(steps):
        sim._engine.flags[:] = 1
        result = sim.run(sim.integrator.dt)
    return result


def identical(circuit: pcn.Circuit, steps: int, batch: int = 3, scale: float = 0.5, **settings) -> None:
    inputs, targets = data_for(circuit.graph, batch, scale=scale)
    runs = []
    for whole in (True, False):
        sim = pcn.Simulator(circuit, **settings)
        sim.run(0.0, inputs=inputs, targets=targets)
        runs.append(everything(sim, steps) if whole else sim.run(steps * sim.integrator.dt))
    for part in ("values", "errors", "predictions", "gradients"):
        assert same(getattr(runs[0], part), getattr(runs[1], part)), part


@pytest.mark.halved
@every_dynamics
@pytest.mark.parametrize("integrator", INTEGRATORS, ids=lambda i: type(i).__name__)
@pytest.mark.parametrize("vertices", ["auto", "all"])
@pytest.mark.parametrize("seeds", [range(4), pytest.param(range(4, 12), marks=pytest.mark.long)], ids=str)
def test_random_graphs_are_the_same_bit_for_bit(dynamics, integrator, vertices, seeds):
    for seed in seeds:
        circuit = pcn.build_circuit(random_dag(seed), vertices=vertices)
        identical(circuit, 40, scale=0.2, dynamics=dynamics, integrator=integrator)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [1, 40])
@pytest.mark.parametrize(
    "circuit",
    [
        cnn(channels=1, size=8, kernel=3, features=(2, 3), hidden=(6, 5)),
        rnn(length=30, vocabulary=5, hidden=4, classes=3),
        lstm(length=4, vocabulary=5, hidden=3),
    ],
    ids=["cnn", "rnn", "lstm"],
)
@pytest.mark.halved
def test_circuits_are_the_same_bit_for_bit_until_nothing_moves(circuit, dtype, batch):
    (output,) = circuit.graph.outputs.values()
    rng = np.random.default_rng(0)
    classes = output.shape[-1]
    inputs = {n: rng.normal(size=(batch, *node.shape)) for n, node in circuit.graph.inputs.items()}
    targets = {"out": np.eye(classes)[rng.integers(classes, size=(batch, *output.shape[:-1]))]}
    runs = []
    for whole in (True, False):
        sim = pcn.Simulator(circuit, integrator=pcn.Euler(5.0), dtype=dtype)
        sim.run(0.0, inputs=inputs, targets=targets)
        runs.append(everything(sim, 200) if whole else sim.run(1000.0))
    assert same(runs[0].values, runs[1].values)
    assert same(runs[0].gradients, runs[1].gradients)
    # At last nothing is evaluated any more.
    assert not sim._engine.flags[:, arguments.FRESH].any()
    ran = sim._engine.flags[:, sim._engine.updates.tables.updates[:, arguments.RAN]]
    assert ran.mean() < 0.5


def test_clamping_and_new_data_are_noticed():
    circuit = pcn.build_circuit(random_dag(3))
    inputs, targets = data_for(circuit.graph, 2, scale=0.2)
    others, _ = data_for(circuit.graph, 2, seed=9, scale=0.2)
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict())
    sim.run(500.0, inputs=inputs, targets=targets)
    sim.reset()
    again = sim.run(20.0, inputs=others, targets=targets)
    fresh = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(20.0, inputs=others, targets=targets)
    assert same(again.values, fresh.values)


def evaluated(length: int, steps: int) -> int:
    """How many update steps ran, over all time steps, on a chain."""
    sim = pcn.Simulator(pcn.build_circuit(chain(length, 0.9)), dtype=np.float32, integrator=pcn.Euler(9.0))
    sim.run(0.0, inputs={"x": 0.5}, targets={f"v{length}": 0.1})
    count, ran = 0, sim._engine.updates.tables.updates[:, arguments.RAN]
    for _ in range(steps):
        sim.run(9.0)
        count += int(sim._engine.flags[0, ran].sum())
    return count


def test_only_the_travelling_wave_works():
    """The wave passes nine populations in ten steps; ahead of it nothing has come, behind it nothing moves any more."""
    short, long = evaluated(40, 30), evaluated(80, 30)
    assert long < 1.1 * short
    assert evaluated(60, 85) < 0.5 * (2 * 60 * 85)


def test_predictions_of_what_is_clamped_are_made_once():
    def network(x, W, U):
        return pcn.vertex(pcn.vertex(np.tanh(x @ W), "h") @ U, "out")

    rng = np.random.default_rng(0)
    leaves = {"W": pcn.Parameter(rng.normal(size=(4, 3))), "U": pcn.Parameter(rng.normal(size=(3, 2)))}
    circuit = pcn.build_circuit(pcn.trace(network, x=pcn.Input((4,)), **leaves))
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict())
    inputs, targets = data_for(circuit.graph, 3)
    sim.run(3.0, inputs=inputs, targets=targets)
    ran = sim._engine.flags[0, sim._engine.updates.tables.updates[:, arguments.RAN]].tolist()
    # x @ W and its tanh were not computed again; the readout, both errors and the feedback to h were.
    assert ran == [0, 0, 1, 1, 1, 1]


@every_dynamics
def test_a_tolerance_saves_work_and_stays_close(dynamics):
    circuit = pcn.build_circuit(random_dag(5))
    inputs, targets = data_for(circuit.graph, 3, scale=0.2)
    exact = pcn.Simulator(circuit, dynamics=dynamics).run(300.0, inputs=inputs, targets=targets)
    distances = []
    for tolerance in (1e-2, 1e-4, 1e-6):
        sim = pcn.Simulator(circuit, dynamics=dynamics, engine=pcn.Kernel(tolerance=tolerance))
        result = sim.run(300.0, inputs=inputs, targets=targets)
        distances.append(pcn.compare(result, exact).worst)
    assert 0 < distances[0] < 0.2
    assert distances[2] < 1e-4
    assert distances == sorted(distances, reverse=True)


@pytest.mark.parametrize("tolerance", [-1e-3, 1.0, float("nan"), "0.1"])
def test_a_tolerance_out_of_range_is_refused(tolerance):
    with pytest.raises(ParameterError, match="number from 0 to below 1"):
        pcn.Kernel(tolerance=tolerance)
