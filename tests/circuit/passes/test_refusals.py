"""Passes, circuits that they cannot serve, and what is no pass, refused in one line each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes
from tests.circuit.passes.circuits_for_passes import perceptron


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([passes.Dale], r"pass 0 is .*write Dale\(\.\.\.\)"),
        ("Dale", r"passes are 'Dale'; give a list of objects"),
        ([passes.Dale(), 3], r"pass 1 is 3; give an object of pcn.passes"),
        (None, r"passes are None; give a list"),
        (passes.RandomErrorConnectivity(["h9"]), r"h9"),
        (passes.SplitErrors(vertices=["h9"]), r"h9"),
    ],
)
def test_what_is_no_pass_is_refused(asked, message):
    with pytest.raises(pcn.PcneuroError, match=message) as raised:
        passes.apply(perceptron(), asked)
    assert "\n" not in str(raised.value)


def test_what_is_no_circuit_is_refused():
    with pytest.raises(pcn.PcneuroError, match=r"passes are applied to a circuit \(from pcn.build_circuit\), and this"):
        passes.apply(perceptron().graph, [passes.Dale()])


def test_circuits_that_a_pass_cannot_serve_are_refused_by_name():
    rng = np.random.default_rng(0)
    W = pcn.Parameter(rng.normal(size=(3, 3)))

    def soft(x, W):
        return pcn.vertex(np.tanh(x @ W), "h") @ np.exp(W)

    def read(x, W):
        return pcn.vertex(np.tanh(x @ W), "h") + W

    def latent(z, W):
        return z @ W

    x = pcn.Input((3,))
    for function, given_pass, message, leaves in (
        (soft, passes.LearnedFeedback(), "LearnedFeedback of 'exp', weights that are computed by exp", {"x": x}),
        (read, passes.Dale(), "Dale cannot split 'W': it weighs activity in one place, and is read as", {"x": x}),
        (latent, passes.RandomErrorConnectivity(["z"]), "'z', a latent", {"z": pcn.Latent((3,), prior=np.zeros(3))}),
    ):
        circuit = pcn.build_circuit(pcn.trace(function, **leaves, W=W))
        with pytest.raises(pcn.PcneuroError, match=message) as raised:
            passes.apply(circuit, given_pass)
        assert "\n" not in str(raised.value)
    classes = pcn.build_circuit(perceptron().graph, energies={"out": pcn.SoftmaxCrossEntropy()})
    with pytest.raises(pcn.PcneuroError, match="RandomErrorConnectivity of 'out', whose energy is SoftmaxCrossEntropy"):
        passes.apply(classes, passes.RandomErrorConnectivity(["h1", "out"]))
    ruled = replace(perceptron(), plasticity={"W2": pcn.Oja(10.0)})
    for given_pass, message in (
        (passes.Dale(), "Dale cannot split 'W2', whose rule is"),
        (passes.LearnedFeedback(tau=1.0), "LearnedFeedback of 'W2', whose rule is"),
    ):
        with pytest.raises(pcn.PcneuroError, match=message):
            passes.apply(ruled, given_pass)
