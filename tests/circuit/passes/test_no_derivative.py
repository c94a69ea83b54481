"""Feedback without f': what comes back, and what weights learn, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes
from tests.circuit.passes.circuits_for_passes import feedback_of, furthest, given, perceptron, strict

engines = pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=repr)


@pytest.fixture
def data():
    return given(perceptron())


@engines
def test_without_derivatives_what_comes_back_is_errors_by_weights(data, engine):
    found, result = feedback_of(passes.apply(perceptron(), passes.NoDerivative()), data, engine)
    W2, W3 = (perceptron().parameters[name] for name in ("W2", "W3"))
    np.testing.assert_allclose(found["h1.feedback"], found["h2.error"] @ W2.T, rtol=0, atol=1e-15)
    np.testing.assert_allclose(found["h2.feedback"], found["out.error"] @ W3.T, rtol=0, atol=1e-15)
    np.testing.assert_allclose(result.gradients["W2"], -result.values["h1"].T @ result.errors["h2"], atol=1e-14)


@engines
def test_a_gate_lets_errors_back_where_the_dendrite_is_above_zero(data, engine):
    found, result = feedback_of(passes.apply(perceptron(), passes.NoDerivative(gate=True)), data, engine)
    W2 = perceptron().parameters["W2"]
    gated = found["h2.error"] * (found["h1.value"] @ W2 > 0)
    np.testing.assert_allclose(found["h1.feedback"], gated @ W2.T, rtol=0, atol=1e-15)
    gated = result.errors["h2"] * (result.values["h1"] @ W2 > 0)
    np.testing.assert_allclose(result.gradients["W2"], -result.values["h1"].T @ gated, atol=1e-14)


@engines
@pytest.mark.parametrize("gate", [False, True])
def test_weights_may_learn_with_the_derivative_that_errors_do_without(data, engine, gate):
    circuit = perceptron()
    made = passes.apply(circuit, passes.NoDerivative(gate, in_plasticity=False))
    found, result = feedback_of(made, data, engine)
    W2 = circuit.parameters["W2"]
    gated = found["h2.error"] * (found["h1.value"] @ W2 > 0 if gate else 1.0)
    np.testing.assert_allclose(found["h1.feedback"], gated @ W2.T, rtol=0, atol=1e-15)
    slope = 1 - np.tanh(result.values["h1"] @ W2) ** 2
    np.testing.assert_allclose(
        result.gradients["W2"], -result.values["h1"].T @ (slope * result.errors["h2"]), rtol=0, atol=1e-14
    )
    forward = [pcn.backprop(c, data["inputs"], data["targets"]).values["out"] for c in (circuit, made)]
    np.testing.assert_array_equal(*forward)


def test_with_the_derivative_in_plasticity_passes_go_on_from_it(data):
    """Twice is as once, own feedback weights come before, and interneurons, of little time here, behind."""
    circuit, straight = perceptron(), passes.NoDerivative(in_plasticity=False)
    once = strict(passes.apply(circuit, straight), data)
    assert furthest(strict(passes.apply(circuit, [straight, straight]), data), once, circuit.vertices) == 0.0
    own = passes.apply(circuit, [passes.LearnedFeedback(seed=3), straight])
    found, _ = feedback_of(own, data)
    back = found["h2.error"] @ own.parameters["W2_feedback"].T
    np.testing.assert_allclose(found["h1.feedback"], back, rtol=0, atol=1e-15)
    with pytest.raises(pcn.PcneuroError, match=r"'W2'.*before NoDerivative\(in_plasticity=False\)"):
        passes.apply(circuit, [straight, passes.LearnedFeedback()])
    off = []
    for tau in (0.2, 0.1):
        fast = strict(passes.apply(circuit, [straight, passes.Dale(tau)]), data, dt=0.02, duration=3.0)
        slow = strict(passes.apply(circuit, straight), data, dt=0.02, duration=3.0)
        off.append(np.abs(fast.gradients["W2_inhibitory"] + slow.gradients["W2"]).max())
    assert abs(np.log2(off[0] / off[1]) - 1) < 0.25
