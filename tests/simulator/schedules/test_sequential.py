"""Sequential settling against the reference, which does every step, and against its closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError
from tests.circuits_for_tests import chain, data_for, mlp, random_dag

INTEGRATORS = [pcn.Euler(1.5), pcn.ExponentialEuler(3.0), pcn.RungeKutta4(2.0)]


def simulate(circuit, integrator, engine, duration, record=(), **data):
    sim = pcn.Simulator(circuit, integrator=integrator, engine=engine, schedule=pcn.Sequential())
    return sim.run(duration, record=record, **data), sim


@pytest.mark.parametrize("integrator", INTEGRATORS, ids=str)
@pytest.mark.parametrize("vertices", ["auto", "all"])
@pytest.mark.halved
def test_the_kernels_powers_are_the_references_steps(integrator, vertices):
    for seed in (200, 203) if vertices == "auto" else (200,):
        graph = random_dag(seed)
        circuit = pcn.build_circuit(graph, vertices=vertices, tau=15.0, precision=1.3)
        inputs, targets = data_for(graph, 3, seed, 0.5)
        record = [
            pcn.Record(v, k, every=integrator.dt)
            for v in circuit.vertices[-4:]
            for k in ("value", "error", "prediction", "feedback")
        ]
        runs = [
            simulate(circuit, integrator, engine, 8 * integrator.dt, record, inputs=inputs, targets=targets)
            for engine in (pcn.Kernel(), pcn.Reference())
        ]
        for again in (False, True):
            kernel, reference = (sim.run(3 * integrator.dt, record=record) if again else r for r, sim in runs)
            for name, gradient in reference.gradients.items():
                scale = 1 + np.abs(gradient).max()
                np.testing.assert_allclose(kernel.gradients[name], gradient, rtol=0, atol=1e-11 * scale)
            for name, rows in reference.records.data_vars.items():
                np.testing.assert_allclose(kernel.records[name], rows, rtol=1e-9, atol=1e-11)


def test_a_chain_settles_hop_by_hop():
    """After n steps each, a population k hops from the output has the share (1 - (1 - eta)^n)^k of its error."""
    eta, steps, length = 0.1, 12, 5
    circuit = pcn.build_circuit(chain(length))
    result, _ = simulate(
        circuit, pcn.Euler(10 * eta), pcn.Kernel(), 10 * eta * steps, inputs={"x": 1.0}, targets={"v5": 3.0}
    )
    share = 1 - (1 - eta) ** steps
    for k in range(1, length + 1):
        assert result.errors[f"v{k}"][0] == pytest.approx(2.0 * share ** (length - k), rel=1e-13)


def test_long_settling_is_backprop():
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)), energies={"out": pcn.SoftmaxCrossEntropy()}, precision={"h1": 2.0})
    inputs, _ = data_for(circuit.graph, 40)
    targets = {"out": np.eye(3)[np.arange(40) % 3]}
    result, _ = simulate(circuit, pcn.Euler(1.0), pcn.Kernel(), 600.0, inputs=inputs, targets=targets)
    assert pcn.compare(result, pcn.backprop(circuit, inputs, targets)).worst < 1e-13


def test_threads_change_nothing():
    circuit = pcn.build_circuit(mlp((20, 30, 30, 4)))
    inputs, targets = data_for(circuit.graph, 70)
    actual = [
        simulate(circuit, pcn.Euler(1.0), pcn.Kernel(n), 10.0, inputs=inputs, targets=targets)[0].gradients["W1"]
        for n in (1, 2, 4)
    ]
    np.testing.assert_array_equal(actual[0], actual[1])
    np.testing.assert_array_equal(actual[0], actual[2])


def test_strict_dynamics_are_refused():
    with pytest.raises(ParameterError, match="Sequential settling is defined for FixedPrediction, got Strict"):
        pcn.Simulator(pcn.build_circuit(chain(3)), dynamics=pcn.Strict(), schedule=pcn.Sequential())
    with pytest.raises(ParameterError, match="Schedule object"):
        pcn.Simulator(pcn.build_circuit(chain(3)), schedule="sequential")
