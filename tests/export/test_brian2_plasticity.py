"""Plasticity in Brian2 at the level of rates, against the kernel."""

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError
from pcneuro.export import brian2, nir

# Brian2 calls what its own dependencies have renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


def test_weights_that_learn_are_the_kernels():
    """Clock-driven synaptic equations, at every step as the kernel has it, bounds included; the rest is refused."""
    rng = np.random.default_rng(5)
    leaves = {"W1": rng.normal(size=(3, 4)), "b1": rng.normal(size=4), "W2": rng.normal(size=(4, 2))}

    def net(x, W1, b1, W2):
        h = pcn.vertex(np.tanh(x @ W1 + b1), "h")
        return pcn.vertex(h @ W2, "y")

    graph = pcn.trace(net, x=pcn.Input((3,)), **{name: pcn.Parameter(array) for name, array in leaves.items()})
    rules = {"W1": pcn.Hebbian(tau=60.0, decay=0.2), "W2": pcn.Hebbian(tau=40.0, bounds=(-0.5, 0.6))}
    circuit = pcn.build_circuit(graph, plasticity=rules)
    data = {"inputs": {"x": rng.normal(size=3)}, "targets": {"y": rng.normal(size=2)}}
    network = brian2.rate(circuit, dynamics=pcn.Strict(), record=[pcn.Record("h")], **data)
    exported = network.run(50.0)
    result = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(50.0, record=[pcn.Record("h")], **data)
    for name, wanted in result.parameters.items():
        np.testing.assert_allclose(network.parameters[name], wanted, rtol=0, atol=1e-10)
        np.testing.assert_allclose(exported.gradients[name], result.gradients[name], rtol=0, atol=1e-10)
    assert np.abs(network.parameters["W1"] - leaves["W1"]).max() > 0.05
    np.testing.assert_allclose(exported.records["h.value"], result.records["h.value"], rtol=0, atol=1e-10)
    for others in ({"b1": pcn.Hebbian(tau=1.0)}, {"W1": pcn.Oja(tau=1.0)}, {"W1": pcn.Hebbian(tau=1.0, every=2.0)}):
        with pytest.raises(ParameterError, match="Brian2's rates have Hebbian"):
            brian2.rate(circuit.with_plasticity(others), dynamics=pcn.Strict(), **data)
    with pytest.raises(ParameterError, match=r"FixedPrediction\(\) in Brian2 has no plasticity"):
        brian2.rate(circuit, **data)
    with pytest.raises(ParameterError, match="this export has no plasticity"):
        nir.graph(circuit, **data)
