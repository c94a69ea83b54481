"""New parameters between two steps: they hold from the next step on, and the state goes on as it is."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.engines.abstract import AbstractEngine
from pcneuro.engines.data import RunData
from pcneuro.errors import ParameterError
from tests.circuits_for_tests import data_for, every_dynamics, mlp, random_dag

INTEGRATORS = [pcn.Euler(1.0), pcn.RungeKutta4(2.0)]
VARIABLES = ("value", "error", "prediction", "feedback")
Arrays = dict[str, np.ndarray]


def started(engine, circuit: pcn.Circuit, dynamics, integrator, batch: int = 3, dtype=np.float64) -> AbstractEngine:
    """An engine with targets clamped, before its first step."""
    inputs, targets = data_for(circuit.graph, batch, scale=0.2)
    clamped = {circuit.graph.outputs[name].name: array for name, array in targets.items()}
    made = engine.make(circuit, dynamics, integrator, np.dtype(dtype))
    made.start(RunData(batch, inputs, clamped))
    made.begin(None)
    return made


def other(circuit: pcn.Circuit) -> Arrays:
    """Other values of all parameters but the first."""
    rng = np.random.default_rng(1)
    return {n: v + 0.1 * rng.normal(size=v.shape) for n, v in list(circuit.parameters.items())[1:]}


def outcome(engine: AbstractEngine) -> Arrays:
    """All that can be read of an engine."""
    engine.evaluate()
    read = {f"{k} {n}": engine.read(n, k) for k in VARIABLES for n in engine.circuit.vertices}
    return read | {f"gradient {n}": gradient for n, gradient in engine.gradients().items()}


def equal(a: Arrays, b: Arrays) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@every_dynamics
@pytest.mark.parametrize("integrator", INTEGRATORS, ids=lambda i: type(i).__name__)
def test_the_kernel_engine_does_what_the_reference_does(dynamics, integrator):
    for seed in range(8):
        circuit = pcn.build_circuit(random_dag(seed))
        engines = [started(e, circuit, dynamics, integrator) for e in (pcn.Kernel(), pcn.Reference())]
        for engine in engines:
            engine.step(0, 7, [])
            engine.update(other(circuit))
        results = []
        for steps in (0, 1, 9):
            for engine in engines if steps else ():
                engine.step(7, steps, [])
            kernel, reference = map(outcome, engines)
            results.append(kernel)
            for name, array in reference.items():
                scale = 1 + np.abs(array).max()
                np.testing.assert_allclose(kernel[name], array, rtol=0, atol=1e-11 * scale, err_msg=f"{seed} {name}")
        assert not equal(results[0], results[1])


@every_dynamics
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_do_not_depend_on_threads(dynamics, dtype, monkeypatch):
    monkeypatch.setattr("pcneuro.engines.kernel.blocks.WORTHWHILE", 0.0)
    circuit = pcn.build_circuit(mlp((6, 9, 7, 4)))
    results = []
    for threads in (1, 2):
        engine = started(pcn.Kernel(threads=threads), circuit, dynamics, pcn.Euler(1.0), 70, dtype)
        engine.step(0, 5, [])
        engine.update(other(circuit))
        engine.step(5, 5, [])
        results.append(outcome(engine))
    assert equal(*results)


@every_dynamics
@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=lambda e: type(e).__name__)
def test_equal_values_change_no_bit(dynamics, engine):
    for seed in range(6):
        circuit = pcn.build_circuit(random_dag(seed))
        results = []
        for again in (False, True):
            made = started(engine, circuit, dynamics, pcn.Euler(1.0))
            for k in range(5):
                if again:
                    made.update(circuit.parameters)
                made.step(4 * k, 4, [])
            results.append(outcome(made))
        assert equal(*results)


def test_strict_dynamics_go_on_as_from_a_start_at_that_state():
    circuit = pcn.build_circuit(mlp((6, 9, 7, 4)))
    engine = started(pcn.Kernel(), circuit, pcn.Strict(), pcn.Euler(1.0))
    engine.step(0, 6, [])
    free = [n for n in circuit.vertices if n not in engine.data.clamped]
    values = {n: engine.read(n, "value") for n in free}
    engine.update(other(circuit))
    anew = started(
        pcn.Kernel(), circuit.with_parameters(circuit.parameters | other(circuit)), pcn.Strict(), pcn.Euler(1.0)
    )
    anew.start(RunData(3, engine.data.inputs, engine.data.clamped, values))
    for made in (engine, anew):
        made.step(6, 6, [])
    assert equal(outcome(engine), outcome(anew))


def test_held_predictions_stay_until_the_next_start():
    circuit = pcn.build_circuit(mlp((6, 9, 7, 4)))
    engine = started(pcn.Kernel(), circuit, pcn.FixedPrediction(), pcn.Euler(1.0))
    before = {n: engine.read(n, "prediction") for n in circuit.vertices}
    engine.update(other(circuit))
    engine.step(0, 3, [])
    assert equal({n: engine.read(n, "prediction") for n in circuit.vertices}, before)
    engine.start(engine.data)
    assert not np.array_equal(engine.read("out", "prediction"), before["out"])


def test_blocks_that_had_settled_go_on():
    circuit = pcn.build_circuit(mlp((6, 9, 7, 4)))
    engine = started(pcn.Kernel(), circuit, pcn.Strict(), pcn.Euler(5.0))
    engine.begin(pcn.Settled(1e-3))
    first = engine.step(0, 10_000, [])
    assert first.settled
    engine.update(other(circuit))
    stepped = engine.step(first.steps, 10_000, [])
    assert stepped.settled
    assert stepped.steps > 0


def test_events_under_way_are_refused():
    graph = mlp((3, 4, 2))
    circuit = pcn.build_circuit(graph, delays=1.0)
    engine = started(pcn.Reference(), circuit, pcn.FixedPrediction(), pcn.Euler(1.0))
    with pytest.raises(ParameterError, match="use set_parameters"):
        engine.update(circuit.parameters)
