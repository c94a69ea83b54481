"""A circuit in single units against the reference simulator: what every operator's ``units`` have to do."""

from __future__ import annotations

import numpy as np

import pcneuro as pcn
from pcneuro.circuit.units import UnitGraph
from pcneuro.engines import Reference, RunData


def check_units(circuit: pcn.Circuit, inputs: dict, targets: dict) -> None:
    """Predictions, output errors and feedback of one sample, away from the feedforward sweep."""
    rng = np.random.default_rng(1)
    units = UnitGraph(circuit)
    clamped = {circuit.graph.outputs[name].name: np.asarray(a)[:1] for name, a in targets.items()}
    data = RunData(1, {name: np.asarray(a)[:1] for name, a in inputs.items()}, clamped)
    engine = Reference().make(circuit, pcn.Strict(), pcn.Euler(1.0), np.dtype(np.float64))
    engine.start(data)
    actual = units.forward(data.inputs, clamped)
    for name, number in units.predictions.items():
        np.testing.assert_allclose(actual[number], engine.prediction[name].ravel(), rtol=1e-11, atol=1e-13)
    for name in circuit.vertices:
        if name not in clamped:
            engine.value[name] = engine.value[name] + 0.05 * rng.normal(size=engine.value[name].shape)
    engine.evaluate()
    values = data.inputs | engine.value
    actual = units.forward(values, {})
    errors = {name: e.ravel() for name, e in engine.error.items()}
    for name, number in units.predictions.items():
        np.testing.assert_allclose(actual[number], engine.prediction[name].ravel(), rtol=1e-11, atol=1e-13)
        mean = actual[units.means[name] if name in clamped and name in units.means else number]
        error = circuit.precision[name].ravel() * (engine.value[name].ravel() - mean)
        np.testing.assert_allclose(error, errors[name], rtol=1e-10, atol=1e-12)
    feedback = units.backward(actual, errors)
    for name, back in feedback.items():
        np.testing.assert_allclose(back, engine.feedback[name].ravel(), rtol=1e-9, atol=1e-12)
