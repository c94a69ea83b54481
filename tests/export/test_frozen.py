"""Frozen derivatives carry back what the feedback of a unit graph carries."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from circuits.lstm import lstm
from pcneuro.circuit.units import UnitGraph
from pcneuro.engines import RunData
from pcneuro.export.frozen import frozen, sweep
from tests.circuits_for_tests import data_for, mlp, random_dag


@pytest.mark.parametrize("seed", [None, *range(12)])
def test_feedback(seed):
    circuit = lstm(length=2, vocabulary=4, hidden=3) if seed is None else pcn.build_circuit(random_dag(seed))
    inputs, targets = data_for(circuit.graph, 2)
    clamped = {circuit.graph.outputs[name].name: np.asarray(a, dtype=float) for name, a in targets.items()}
    linear = frozen(circuit, RunData(2, inputs, clamped), sample=1)
    units = UnitGraph(circuit)
    activity = units.forward({n: a[1] for n, a in inputs.items()}, {n: a[1] for n, a in clamped.items()})
    rng = np.random.default_rng(0)
    errors = {name: rng.normal(size=p.size) for name, p in linear.predictions.items()}
    wanted = units.backward(activity, errors)
    for name, back in wanted.items():
        actual = np.zeros(back.shape)
        for (child, parent), jacobian in linear.jacobians.items():
            if parent == name:
                actual += jacobian.T @ errors[child]
        np.testing.assert_allclose(actual, back, rtol=1e-12, atol=1e-14)


def test_equilibrium_is_backprop():
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    inputs, targets = data_for(circuit.graph, 1)
    data = RunData(1, inputs, {"out": np.asarray(targets["out"], dtype=float)})
    units = UnitGraph(circuit)
    wanted = pcn.Simulator(circuit).run(1000.0, inputs=inputs, targets=targets)
    for name, error in sweep(units, data).equilibrium(units).items():
        np.testing.assert_allclose(error, wanted.errors[name].ravel(), rtol=1e-9)
