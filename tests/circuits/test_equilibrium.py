"""Every circuit settles at backprop's gradients, and on the way there it is where theory says."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

import pcneuro as pcn
from circuits.cnn import cnn
from tests.circuits.small import MAKERS, Small, one_hot, small

every_circuit = pytest.mark.parametrize("name", sorted(MAKERS))
STEPS, RATE = 100, 0.1
"""Of the paper."""

IN_TIME = {
    "attention",
    "bogacz_tutorial",
    "alpha_oscillation",
    "dendritic",
    "kalman",
    "oddball",
    "online_digits",
    "pc_graph",
    "prediction_error_neurons",
    "prospective_configuration",
    "rao_ballard",
    "relaxing_constraints",
    "sampling",
}
"""Circuits of experiments, which tests/studies/test_shipped.py holds against what is known of each."""


def test_nothing_is_left_out():
    files = {path.stem for path in Path(__file__).parents[2].joinpath("circuits").glob("*.py")}
    assert files == {name.partition(",")[0] for name in MAKERS} | IN_TIME


@every_circuit
def test_the_equilibrium_is_backprop(name):
    """With dt = tau, Euler's method is there after as many steps as there are hops."""
    made = small(name)
    result = made.run(10.0 * (len(made.circuit.vertices) + 1), pcn.Euler(10.0))
    reference = made.backprop()
    assert result.gradients.keys() == made.circuit.parameters.keys()
    assert all(np.abs(gradient).max() > 0 for gradient in reference.gradients.values())
    compared = pcn.compare(result, reference)
    assert compared.worst < 1e-11, str(compared)
    for vertex in made.free:
        np.testing.assert_allclose(result.errors[vertex], reference.errors[vertex], rtol=0, atol=1e-12)


@every_circuit
def test_engines_precisions_and_a_saved_circuit_agree(name, tmp_path):
    """Strict dynamics in double precision only: they take small errors as differences of large values.

    Their step is one that is stable: above it the pendulum is chaotic, and one rounding is enough to part two engines.
    """
    made = small(name)
    made.circuit.save(tmp_path / "circuit")
    loaded = pcn.load_circuit(tmp_path / "circuit")
    for dynamics, dt, duration in ((pcn.FixedPrediction(), 1.0, 15.0), (pcn.Strict(), 0.05, 5.0)):

        def run(circuit, engine, dtype, dynamics=dynamics, dt=dt, duration=duration):
            sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=pcn.Euler(dt), engine=engine, dtype=dtype)
            return sim.run(duration, inputs=made.inputs, targets=made.targets, clamp=made.latents)

        reference = run(made.circuit, pcn.Reference(), np.float64)
        assert pcn.compare(run(loaded, pcn.Kernel(), np.float64), reference).worst < 1e-11
        if dynamics.holds_predictions:
            assert pcn.compare(run(loaded, pcn.Kernel(), np.float32), reference).worst < 1e-5


@pytest.mark.parametrize("name", ["cnn", "lstm", "ode"])
def test_the_default_step_arrives_there_too(name):
    made = small(name)
    assert pcn.compare(made.run(800.0, pcn.Euler()), made.backprop()).worst < 1e-6


def shares(made: Small) -> dict[str, dict[int, np.ndarray]]:
    """Node -> hops -> the part of -dL/dnode that comes from the outputs along paths over so many vertices.

    Reverse mode, except that what arrives is kept apart by how far it has come: a vertex is a hop, what is computed in
    its dendrite is none. For a parameter the vertices that it is used in count as the first.
    """
    graph, reference = made.circuit.graph, made.backprop()
    values = {name: value[None] for name, value in made.circuit.parameters.items()} | reference.values
    actual: dict[str, dict[int, np.ndarray]] = defaultdict(dict)
    for output in graph.outputs.values():
        actual[output.name][0] = reference.errors[output.name]
    for name, node in reversed(graph.nodes.items()):
        if node.is_leaf:
            continue
        operands = [values[operand] for operand in node.operands]
        for hops, error in actual[name].items():
            further = hops + (name in made.circuit.vertices)
            for k, operand in enumerate(node.operands):
                part = node.operator.vjp(k, error, values[name], *operands)
                actual[operand][further] = actual[operand].get(further, 0.0) + part
    return actual


def arrived(parts: dict[int, np.ndarray], first: int) -> np.ndarray:
    """What of these shares is there after the paper's steps: P[Binomial(STEPS, RATE) >= k] of what is k hops away."""
    return sum(binom.sf(hops - first - 1, STEPS, RATE) * part for hops, part in parts.items())


@every_circuit
def test_the_papers_steps_leave_the_binomial_share_of_every_path(name):
    made = small(name)
    result, reference, actual = made.run(100.0, pcn.Euler(10.0 * RATE)), made.backprop(), shares(made)
    assert result.stats["steps"] == STEPS
    for vertex in made.free:
        np.testing.assert_allclose(sum(actual[vertex].values()), reference.errors[vertex], rtol=0, atol=1e-12)
        expected = arrived(actual[vertex], 0)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(result.errors[vertex], expected, rtol=0, atol=1e-10 * scale, err_msg=vertex)
    for parameter, gradient in result.gradients.items():
        # The error of a vertex that uses a parameter is there at once, so its own hop does not count.
        expected = -arrived(actual[parameter], 1).sum(axis=0)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(gradient / scale, expected / scale, rtol=0, atol=1e-10, err_msg=parameter)


def test_the_errors_of_the_papers_cnn_are_those_of_a_chain():
    """Each of its vertices has one distance from the output; the paper's 100 steps leave the first 2.4 % short."""
    rng = np.random.default_rng(1)
    made = Small(cnn(), {"x": rng.uniform(size=(2, 3, 32, 32))}, {"out": one_hot(rng, 2, 10)})
    distances = {"conv1": 5, "pool": 4, "conv2": 3, "full1": 2, "full2": 1, "out": 0}
    assert {vertex: [*parts] for vertex, parts in shares(made).items() if vertex in made.circuit.vertices} == {
        vertex: [hops] for vertex, hops in distances.items()
    }
    result, reference = made.run(100.0, pcn.Euler(10.0 * RATE)), made.backprop()
    assert made.circuit.graph.nodes["conv2"].size == 1600
    for vertex, hops in distances.items():
        there = binom.sf(hops - 1, STEPS, RATE)
        scale = np.abs(reference.errors[vertex]).max()
        expected = there * reference.errors[vertex] / scale
        np.testing.assert_allclose(result.errors[vertex] / scale, expected, rtol=0, atol=1e-10)
    assert binom.sf(4, STEPS, RATE) == pytest.approx(0.976, abs=1e-3)
