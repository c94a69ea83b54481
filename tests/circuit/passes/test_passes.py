"""Passes: what each leaves as it is, and how fast interneurons bring the circuit that was given back."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes

ENGINES = {"reference": pcn.Reference(), "kernel": pcn.Kernel()}
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 6)), RNG.normal(size=(3, 4))


@pytest.fixture(scope="module")
def perceptron() -> pcn.Circuit:
    rng = np.random.default_rng(1)

    def layers(x, W1, b1, W2, W3):  # type: ignore[no-untyped-def]
        h1 = pcn.vertex(np.tanh(x @ W1 + b1), "h1")
        h2 = pcn.vertex(np.tanh(h1 @ W2), "h2")
        return pcn.vertex(h2 @ W3, "out")

    weights = {"W1": (6, 5), "b1": (5,), "W2": (5, 3), "W3": (3, 4)}
    leaves = {name: pcn.Parameter(rng.normal(size=shape) / 2) for name, shape in weights.items()}
    return pcn.build_circuit(pcn.trace(layers, x=pcn.Input((6,)), **leaves))


def ran(circuit: pcn.Circuit, engine: object = pcn.Reference(), dt: float = 0.05, **more: object) -> pcn.Result:
    simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(dt), engine=engine)
    return simulator.run(5.0, inputs={"x": X}, targets={"out": Y}, **more)


@pytest.mark.parametrize("own", [False, True])
def test_interneurons_of_less_and_less_time_are_the_circuit_without(perceptron: pcn.Circuit, own: bool) -> None:
    wanted = ran(perceptron, dt=0.05)
    off = []
    for tau in (0.5, 0.25, 0.125):
        found = ran(passes.apply(perceptron, passes.Dale(tau, own=own)), dt=0.05)
        off.append(max(np.abs(found.values[v] - wanted.values[v]).max() for v in ("h1", "h2")))
    orders = np.log2(np.array(off[:-1]) / off[1:])
    assert np.all(np.abs(orders - 1) < 0.1), off


def test_one_to_one_connections_are_a_matrix_of_ones_on_the_diagonal(perceptron: pcn.Circuit) -> None:
    same = passes.apply(perceptron, passes.RandomErrorConnectivity(scale=0.0, diagonal=1.0))
    found, wanted = ran(same), ran(perceptron)
    for vertex in perceptron.vertices:
        np.testing.assert_array_equal(found.values[vertex], wanted.values[vertex])


@pytest.mark.parametrize("given", [passes.NoDerivative(), passes.NoDerivative(gate=True), passes.LearnedFeedback()])
def test_predictions_stay_bit_for_bit(perceptron: pcn.Circuit, given: passes.AbstractPass) -> None:
    after = passes.apply(perceptron, given)
    found = pcn.backprop(after.graph, inputs={"x": X}, targets={"out": Y})
    wanted = pcn.backprop(perceptron.graph, inputs={"x": X}, targets={"out": Y})
    np.testing.assert_array_equal(found.values["out"], wanted.values["out"])


def test_all_passes_together_are_the_same_in_both_engines(perceptron: pcn.Circuit) -> None:
    given = [
        passes.LearnedFeedback(tau=100.0),
        passes.NoDerivative(),
        passes.RandomErrorConnectivity(tau=100.0),
        passes.Dale(2.0, own=True),
    ]
    circuit = passes.apply(perceptron, given)
    one, other = (ran(circuit, engine) for engine in ENGINES.values())
    for vertex in circuit.vertices:
        np.testing.assert_allclose(one.values[vertex], other.values[vertex], rtol=0, atol=1e-12)
    assert all((array >= 0).all() for name, array in one.parameters.items() if name.endswith("itory"))


def test_what_is_no_pass_is_refused(perceptron: pcn.Circuit) -> None:
    with pytest.raises(pcn.PcneuroError, match=r"pass 0 is .*write Dale\(\.\.\.\)"):
        passes.apply(perceptron, [passes.Dale])  # type: ignore[list-item]
