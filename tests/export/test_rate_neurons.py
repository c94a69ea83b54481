"""What NEST's rate neurons can be made of, and what is refused, by shapes and weights alone: NEST is not needed."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError
from pcneuro.export.rate_neurons import NestNeurons, estimate, made
from pcneuro.model.dynamics.abstract import DYNAMICS
from pcneuro.simulator.run_data import merge
from tests.circuits_for_tests import every_dynamics
from tests.export.linear_circuits import given, linear

STRICT = pcn.Strict()


def parts(circuit: pcn.Circuit, dynamics: pcn.Strict | pcn.FixedPrediction, **data) -> NestNeurons:
    """Of the first sample."""
    asked = {"clamp": None, "initial": None, **(data or given(circuit.graph))}
    merged = merge(circuit, None, asked, time=0.0, dt=1.0, dtype=np.dtype(np.float64))
    return made(circuit, dynamics, pcn.Euler(), merged, 0)


@every_dynamics
def test_estimate_is_the_size(dynamics):
    sizes = ((30, 40), (40, 20), (20, 5))
    graph = pcn.trace(
        lambda x, W0, W1, W2: pcn.vertex(pcn.vertex(x @ W0, "h1") @ W1, "h2") @ W2,
        x=pcn.Input((30,)),
        **{f"W{k}": pcn.Parameter(np.ones(shape)) for k, shape in enumerate(sizes)},
    )
    circuit = pcn.build_circuit(graph)
    actual = parts(circuit, dynamics)
    neurons, synapses = estimate(circuit, [circuit.vertices[-1]], dynamics.holds_predictions)
    assert neurons == pytest.approx(actual.neuron_count, rel=0.2)
    assert synapses == pytest.approx(actual.synapse_count, rel=0.05)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (np.sin, r"node 'h1' \(sin\): NEST has no transfer function for 'sin', only relu, sigmoid, tanh"),
        (pcn.ops.softmax, r"node 'h1' \(softmax\): NEST has no transfer function for 'maximum'"),
        (lambda a: a * a, r"node 'h1' \(multiply\): NEST has no transfer function for 'multiply'"),
    ],
)
def test_functions_that_nest_does_not_have(function, text):
    circuit = pcn.build_circuit(linear(function))
    with pytest.raises(ParameterError, match=text):
        parts(circuit, STRICT)
    assert parts(circuit, pcn.FixedPrediction()).substeps == 1


def test_products_of_free_activities():
    graph = pcn.trace(
        lambda x, w: np.sum(pcn.vertex(w * x, "h") * pcn.vertex(w + x, "g")),
        x=pcn.Input((3,)),
        w=pcn.Parameter(np.ones(3)),
    )
    circuit = pcn.build_circuit(graph)
    with pytest.raises(ParameterError, match="'multiply' of what free vertices send is not linear"):
        parts(circuit, STRICT)
    assert parts(circuit, pcn.FixedPrediction()).substeps == 1


def test_dynamics_that_are_not_known(monkeypatch):
    monkeypatch.setattr("pcneuro.model.dynamics.abstract.DYNAMICS", dict(DYNAMICS))

    class Other(pcn.Strict):
        """Neither of the two."""

    circuit = pcn.build_circuit(linear())
    with pytest.raises(
        ParameterError, match=r"dynamics is Other\(\): known in NEST are FixedPrediction\(\) and Strict"
    ):
        parts(circuit, Other())


def test_weights_that_are_not_finite():
    """A slope at the sweep may be infinite where all parameters are finite."""
    graph = pcn.trace(lambda x, w: np.sqrt(pcn.vertex(w * x, "h")), x=pcn.Input((2,)), w=pcn.Parameter(np.ones(2)))
    circuit = pcn.build_circuit(graph)
    data = {"inputs": {"x": np.array([0.0, 1.0])}, "targets": {"out": np.ones(2)}}
    with pytest.raises(ParameterError, match=r"weights from out\.error to h\.value are not finite for sample 0"):
        parts(circuit, pcn.FixedPrediction(), **data)
