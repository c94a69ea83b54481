"""Apical dendrites: silent in the self-predicting state, with errors where there is a target, and learned silence."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 6)), RNG.normal(size=(3, 2))
ENGINES = {"kernel": pcn.Kernel(), "reference": pcn.Reference()}


@pytest.fixture(scope="module")
def circuit() -> pcn.Circuit:
    def layers(x, W1, b1, W2, W3):  # type: ignore[no-untyped-def]
        h1 = pcn.vertex(np.tanh(x @ W1 + b1), "h1")
        h2 = pcn.vertex(np.tanh(h1 @ W2), "h2")
        return pcn.vertex(h2 @ W3, "y")

    shapes = {"W1": (6, 5), "b1": (5,), "W2": (5, 4), "W3": (4, 2)}
    leaves = {name: pcn.Parameter(RNG.normal(size=shape) / 3) for name, shape in shapes.items()}
    return pcn.build_circuit(pcn.trace(layers, x=pcn.Input((6,)), **leaves))


def simulator(circuit: pcn.Circuit, engine: str = "kernel") -> pcn.Simulator:
    return pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(1.0), engine=ENGINES[engine])


@pytest.mark.parametrize("engine", ENGINES)
def test_apical_potentials_are_zero_in_the_self_predicting_state(circuit: pcn.Circuit, engine: str) -> None:
    result = simulator(passes.apply(circuit, passes.Dendritic()), engine).run(600.0, inputs={"x": X})
    for name in ("h1_apical", "h2_apical", "h1_basal", "h2_basal", "y_basal"):
        np.testing.assert_allclose(result.values[name], 0.0, atol=1e-8)
    forward = pcn.backprop(circuit.graph, inputs={"x": X}, targets={"y": Y})
    np.testing.assert_allclose(result.values["y"], forward.values["y"], atol=1e-8)


def test_what_is_left_of_a_weak_target_is_the_error_of_feedback_alignment(circuit: pcn.Circuit) -> None:
    """With transposed weights that come down, and weak teaching, differences at basal dendrites are backprop's errors.

    At equilibrium f(u) - f(basal) is apical_gain f'(basal) apical to first order, and what comes down with interneurons
    that see the layer above by (1 - nudging) of its difference is W^T times that: a factor a layer.
    """
    gain, nudging, teaching = 0.2, 0.1, 1e-4
    dendritic = passes.apply(circuit, passes.Dendritic(gain, nudging, teaching))
    weights = circuit.parameters
    down = {"h1_top_down": weights["W2"].T, "h2_top_down": weights["W3"].T}
    down |= {name.replace("top_down", "lateral"): -value for name, value in down.items()}
    result = simulator(dendritic.with_parameters(down)).run(1500.0, inputs={"x": X}, targets={"y": Y})
    exact = pcn.backprop(circuit.graph, inputs={"x": X}, targets={"y": Y})
    factor = teaching
    for name in ("y", "h2", "h1"):
        wanted = factor * exact.errors[name] * (1.0 if name == "y" else 1 - exact.values[name] ** 2)
        np.testing.assert_allclose(-result.values[f"{name}_basal"], wanted, rtol=0, atol=2e-3 * np.abs(wanted).max())
        factor *= gain * (1 - nudging)


def test_interneurons_learn_to_silence_apical_dendrites(circuit: pcn.Circuit) -> None:
    learning = passes.apply(circuit, passes.Dendritic(tau_interneurons=100.0, self_predicting=False))
    stream = pcn.TimedArray(np.random.default_rng(3).normal(size=(40, 6)), dt=100.0, periodic=True)
    running = simulator(learning)
    record = [pcn.Record("h2_apical", every=50.0)]

    def mean(duration: float) -> float:
        return float(
            np.abs(running.run(duration, inputs={"x": stream}, record=record).records["h2_apical.value"]).mean()
        )

    first = mean(1000.0)
    running.run(30000.0, inputs={"x": stream})
    assert mean(4000.0) < 0.1 * first


def test_other_circuits_are_refused() -> None:
    graph = pcn.trace(lambda x, W: np.sin(x @ W) * x, x=pcn.Input((3,)), W=pcn.Parameter(np.ones((3, 3))))
    with pytest.raises(pcn.PcneuroError, match="Dendritic is for a chain of dense layers"):
        passes.apply(pcn.build_circuit(graph), passes.Dendritic())
