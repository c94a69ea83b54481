"""Messages of few bits in the compiled engine: the reference, dynamics by dynamics, and gradients written by hand."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes

RNG = np.random.default_rng(8)
X, Y = RNG.normal(size=(3, 6)), RNG.normal(size=(3, 4))
W1, W2, W3 = RNG.normal(size=(6, 5)) / 2, RNG.normal(size=(5, 5)) / 2, RNG.normal(size=(5, 4)) / 2
B = RNG.normal(size=4) / 3
GIVEN = {"inputs": {"x": X}, "targets": {"out": Y}}
SENT = passes.QuantizeErrors(4, {"h1": 0.5, "h2": 1.0, "out": 2.0})
RULES = {"W2": pcn.Hebbian(200.0), "b": pcn.Hebbian(300.0)}


@pytest.fixture(scope="module")
def graph() -> pcn.Graph:
    def layered(x, W1, W2, W3, b):
        h1 = pcn.vertex(np.tanh(x @ W1), "h1")
        # Nodes of a dendrite that only gradients, only values, and both are on the way back to.
        h2 = pcn.vertex(np.tanh((h1 * np.exp(np.sum(b))) @ W2 + h1**2), "h2")
        return np.tanh(h2 @ W3 + np.tanh(2 * b))

    leaves = {"W1": W1, "W2": W2, "W3": W3, "b": B}
    return pcn.trace(layered, x=pcn.Input((6,)), **{n: pcn.Parameter(w) for n, w in leaves.items()})


def made_of(graph, sent=SENT, **settings):
    return passes.apply(pcn.build_circuit(graph, tau=10.0, **settings), sent)


def run(circuit, engine, dynamics, integrator=None, **settings):
    integrator = integrator or pcn.Euler(0.5)
    simulator = pcn.Simulator(circuit, engine=engine, dynamics=dynamics, integrator=integrator, **settings)
    record = [pcn.Record("h1", "feedback"), pcn.Record("h2", "error")]
    return simulator.run(30.0, **GIVEN, record=record)


def assert_alike(one, other, atol=1e-11):
    for name in other.errors:
        np.testing.assert_allclose(one.errors[name], other.errors[name], rtol=0, atol=atol)
    for name in other.gradients:
        np.testing.assert_allclose(one.gradients[name], other.gradients[name], rtol=0, atol=atol)
    for name in other.records:
        np.testing.assert_allclose(one.records[name].values, other.records[name].values, rtol=0, atol=atol)


@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
@pytest.mark.parametrize("integrator", [pcn.Euler(0.5), pcn.RungeKutta4(1.0)], ids=repr)
def test_the_kernel_sends_what_the_reference_sends(graph, dynamics, integrator):
    made = made_of(graph)
    kernel, reference = (run(made, engine, dynamics, integrator) for engine in (pcn.Kernel(), pcn.Reference()))
    assert_alike(kernel, reference)
    whole = run(pcn.build_circuit(graph, tau=10.0), pcn.Kernel(), dynamics, integrator)
    assert np.abs(kernel.errors["h1"] - whole.errors["h1"]).max() > 1e-3


@pytest.mark.parametrize("batch", [1, 40])
def test_in_single_precision_and_in_several_blocks(graph, batch):
    x, y = RNG.normal(size=(batch, 6)), RNG.normal(size=(batch, 4))
    results = []
    for engine in (pcn.Kernel(), pcn.Reference()):
        simulator = pcn.Simulator(made_of(graph), engine=engine, integrator=pcn.Euler(0.5), dtype=np.float32)
        results.append(simulator.run(2.0, inputs={"x": x}, targets={"out": y}))
    np.testing.assert_allclose(results[0].errors["h2"], results[1].errors["h2"], rtol=0, atol=2e-5)


def test_one_population_after_the_other(graph):
    settings = {"dynamics": pcn.FixedPrediction(), "schedule": pcn.Sequential()}
    assert_alike(*(run(made_of(graph), engine, **settings) for engine in (pcn.Kernel(), pcn.Reference())))


@pytest.mark.parametrize("settings", [{"error_tau": 3.0}, {"precision": 1.5}], ids=str)
@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
def test_neurons_with_constants_of_their_own(graph, settings, dynamics):
    made = made_of(graph, **settings)
    assert_alike(*(run(made, engine, dynamics) for engine in (pcn.Kernel(), pcn.Reference())))


def test_weights_learn_by_errors_as_they_are(graph):
    made = made_of(graph).with_plasticity(RULES)
    results = [run(made, engine, pcn.Strict()) for engine in (pcn.Kernel(), pcn.Reference())]
    assert_alike(*results)
    for name in RULES:
        np.testing.assert_allclose(results[0].parameters[name], results[1].parameters[name], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
@pytest.mark.parametrize("delay", [0.0, 0.5, 2.0])
def test_messages_take_their_time(graph, delay, dynamics):
    # Wide enough for every error: what saturates follows in the next bin where changes are sent.
    made = made_of(graph, passes.QuantizeErrors(6, 8.0)).with_delays(delay)
    engines = (pcn.Kernel(), pcn.EventDriven(0.0), pcn.Reference())
    kernel, events, reference = (run(made, engine, dynamics) for engine in engines)
    assert_alike(kernel, reference)
    assert_alike(events, reference)


@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
@pytest.mark.parametrize("delay", [0.0, 2.0])
def test_data_and_weights_change_while_messages_are_under_way(graph, delay, dynamics):
    """What was sent stays sent, and counts with the derivatives that there are now."""
    made = made_of(graph, passes.QuantizeErrors(6, 8.0)).with_delays(delay)
    courses = []
    for engine in (pcn.Reference(), pcn.Kernel(), pcn.EventDriven(0.0)):
        simulator = pcn.Simulator(made, engine=engine, dynamics=dynamics, integrator=pcn.Euler(0.5))
        course = [simulator.run(10.0, **GIVEN), simulator.run(8.0, inputs={"x": X}, targets={"out": -Y})]
        course.append(simulator.run(8.0, inputs={"x": X[::-1] / 2}, targets={"out": Y}))
        simulator.set_parameters({"W2": 1.5 * W2})
        courses.append([*course, simulator.run(8.0)])
    for course in courses[1:]:
        for one, other in zip(course, courses[0], strict=True):
            for name in other.errors:
                np.testing.assert_allclose(one.errors[name], other.errors[name], rtol=0, atol=1e-11)


def test_gradients_of_two_layers_written_out():
    """At the equilibrium e1 is W2^T Q(e2), and each weight has its own error: -x^T e1 (1 - h^2) and -h^T e2."""
    graph = pcn.trace(
        lambda x, W1, W3: pcn.vertex(np.tanh(x @ W1), "h") @ W3,
        x=pcn.Input((6,)),
        W1=pcn.Parameter(W1),
        W3=pcn.Parameter(W3),
    )
    made = passes.apply(pcn.build_circuit(graph, tau=10.0), passes.QuantizeErrors(3, 2.0))
    h = np.tanh(X @ W1)
    error = Y - h @ W3
    hidden = np.clip(np.rint(error / 0.5), -4, 4) * 0.5 @ W3.T
    for engine in (pcn.Kernel(), pcn.Reference(), pcn.EventDriven(0.0)):
        result = pcn.Simulator(made, engine=engine, integrator=pcn.Euler(1.0)).run(500.0, **GIVEN)
        np.testing.assert_allclose(result.errors["h"], hidden, rtol=0, atol=1e-12)
        np.testing.assert_allclose(result.gradients["W3"], -h.T @ error, rtol=0, atol=1e-12)
        np.testing.assert_allclose(result.gradients["W1"], -X.T @ (hidden * (1 - h**2)), rtol=0, atol=1e-12)
