"""Passes: each against its closed form, what they keep of a circuit, which commute, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

import pcneuro as pcn
from pcneuro import passes
from tests.circuit.passes.circuits_for_passes import (
    ACYCLIC,
    dag,
    feedback_of,
    furthest,
    given,
    perceptron,
    skipping,
    strict,
)
from tests.learning.small import classifier, clusters

ENGINES = [pcn.Reference(), pcn.Kernel()]
engines = pytest.mark.parametrize("engine", ENGINES, ids=lambda e: type(e).__name__)
EVERY = [
    passes.LearnedFeedback(tau=50.0),
    passes.NoDerivative(),
    passes.NoDerivative(gate=True),
    passes.RandomErrorConnectivity(scale=0.3, diagonal=1.0),
    passes.Dale(2.0),
]


@pytest.fixture(scope="module")
def data():
    return given(perceptron())


def test_the_example_of_the_page_runs(capsys):
    page = Path(__file__).parents[3] / "docs" / "cortex.md"
    section = page.read_text(encoding="utf-8").partition("\n## Passes\n")[2].partition("\n## ")[0]
    (example,) = re.findall(r"^```python\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    exec(compile(example, "docs/cortex.md", "exec"), {"pcn": pcn})
    assert "Hebbian" in capsys.readouterr().out


# Closed forms


@engines
def test_feedback_comes_back_by_weights_of_its_own(data, engine):
    made = passes.apply(perceptron(), passes.LearnedFeedback(seed=3))
    found, _ = feedback_of(made, data, engine)
    W2, B2, B3 = (made.parameters[name] for name in ("W2", "W2_feedback", "W3_feedback"))
    slope = 1 - np.tanh(found["h1.value"] @ W2) ** 2
    np.testing.assert_allclose(found["h1.feedback"], (found["h2.error"] * slope) @ B2.T, rtol=0, atol=1e-15)
    np.testing.assert_allclose(found["h2.feedback"], found["out.error"] @ B3.T, rtol=0, atol=1e-15)


def test_fixed_feedback_is_feedback_alignment(data):
    """Lillicrap, Cownden, Tweed & Akerman (2016): delta_l = (delta_(l+1) B^T) f', and the change x^T delta."""
    made = passes.apply(perceptron(), passes.LearnedFeedback(seed=3))
    p, x, y = made.parameters, data["inputs"]["x"], data["targets"]["out"]
    h1 = np.tanh(x @ p["W1"] + p["b1"])
    h2 = np.tanh(h1 @ p["W2"])
    last = y - h2 @ p["W3"]
    second = (last @ p["W3_feedback"].T) * (1 - h2**2)
    first = (second @ p["W2_feedback"].T) * (1 - h1**2)
    found = pcn.backprop(made, data["inputs"], data["targets"]).gradients
    for name, before, behind in (("W1", x, first), ("W2", h1, second), ("W3", h2, last)):
        np.testing.assert_allclose(found[name], -before.T @ behind, rtol=0, atol=1e-14)


@engines
def test_weights_and_their_feedback_approach_each_other_by_decay_alone(data, engine):
    """Kolen & Pollack (1994): (W - B)_n = (1 - eta decay)^n (W - B)_0, whatever the data, eta = every / tau."""
    rule = pcn.Hebbian(tau=20.0, decay=0.3, every=0.5)
    circuit = replace(perceptron(), plasticity={"W2": rule, "W3": rule})
    made = passes.apply(circuit, passes.LearnedFeedback(tau=1.0, decay=9.0))
    result = strict(made, data, engine, duration=5.0)
    for name in ("W2", "W3"):
        before = made.parameters[name] - made.parameters[f"{name}_feedback"]
        found = result.parameters[name] - result.parameters[f"{name}_feedback"]
        np.testing.assert_allclose(found, (1 - 0.5 / 20.0 * 0.3) ** 10 * before, rtol=1e-13, atol=1e-14)
        assert np.abs(result.parameters[name] - made.parameters[name]).max() > 1e-4


def linear_chain():
    rng = np.random.default_rng(5)

    def function(x, W, V):
        return pcn.vertex(x @ W, "h") @ V

    weights = {"W": pcn.Parameter(rng.normal(size=(3, 4)) / 2), "V": pcn.Parameter(rng.normal(size=(4, 2)) / 2)}
    graph = pcn.trace(function, x=pcn.Input((3,)), **weights)
    return pcn.build_circuit(graph, tau={"h": 1.0}, precision={"h": 1.5})


@engines
def test_random_error_connectivity_of_a_linear_chain(engine):
    """v = (Pi psi psi^T + V V^T)^-1 (Pi psi W^T x + V y) at rest, and psi changes by -v (psi^T v - W^T x)^T Pi."""
    circuit = linear_chain()
    made = passes.apply(circuit, passes.RandomErrorConnectivity(scale=0.5, diagonal=1.0, seed=2))
    data, (W, V, psi) = given(circuit), (made.parameters[name] for name in ("W", "V", "h_errors"))
    x, (y,) = data["inputs"]["x"], data["targets"].values()
    result = strict(made, data, engine, duration=40.0, dt=0.1)
    wanted = np.linalg.solve(1.5 * psi @ psi.T + V @ V.T, (1.5 * x @ W @ psi.T + y @ V.T).T).T
    np.testing.assert_allclose(result.values["h"], wanted, rtol=0, atol=1e-10)
    error = 1.5 * (wanted @ psi - x @ W)
    np.testing.assert_allclose(result.errors["h"], error, rtol=0, atol=1e-10)
    np.testing.assert_allclose(result.gradients["h_errors"], wanted.T @ error, rtol=0, atol=1e-10)


@pytest.mark.halved
@engines
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("tau", [0.5, 2.0])
def test_interneurons_leave_the_fixed_point_where_it_is(engine, own, tau):
    """Both ends held: v = (Pi + V V^T)^-1 (Pi W^T x + V y), whatever the time constant of interneurons."""
    circuit = linear_chain()
    data, (W, V) = given(circuit), (circuit.parameters[name] for name in "WV")
    x, (y,) = data["inputs"]["x"], data["targets"].values()
    result = strict(passes.apply(circuit, passes.Dale(tau, own=own)), data, engine, duration=160.0, dt=0.2)
    wanted = np.linalg.solve(1.5 * np.eye(4) + V @ V.T, (1.5 * x @ W + y @ V.T).T).T
    np.testing.assert_allclose(result.values["h"], wanted, rtol=0, atol=1e-10)


def test_what_is_computed_of_weights_alone_is_computed_of_both_parts(data):
    """A penalty, and what a state that begins with zeros sends: settled, gradients are those of the whole."""

    def function(x, W):
        first = pcn.vertex(np.tanh(x + np.ones(6) @ W), "first")
        return {"y": pcn.vertex(first @ W, "y"), "penalty": np.sum(W * W.T)}

    W = pcn.Parameter(np.random.default_rng(0).normal(size=(6, 6)) / 3)
    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input((6,)), W=W))
    told = {"inputs": data["inputs"], "targets": {"y": np.ones((3, 6)), "penalty": np.zeros(3)}}
    wanted = pcn.backprop(circuit, **told).gradients["W"]
    simulator = pcn.Simulator(passes.apply(circuit, passes.Dale(10.0)), integrator=pcn.Euler(10.0))
    found = simulator.run(200.0, **told).gradients
    np.testing.assert_allclose(found["W_excitatory"], wanted, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["W_inhibitory"], -wanted, rtol=0, atol=1e-9)


def test_one_to_one_connections_are_a_matrix_of_ones_on_the_diagonal(data):
    same = passes.apply(perceptron(), passes.RandomErrorConnectivity(scale=0.0, diagonal=1.0))
    found, wanted = strict(same, data), strict(perceptron(), data)
    for vertex in perceptron().vertices:
        np.testing.assert_array_equal(found.values[vertex], wanted.values[vertex])


# Dale's law


def effects(circuit, data):
    """Population of value neurons -> d prediction / d activity of all vertices that it reaches, at some state."""
    rng, graph = np.random.default_rng(7), circuit.graph
    state = {name: array[:1] for name, array in data["inputs"].items()}
    state |= {v: rng.normal(size=(1, *graph.nodes[v].shape)) for v in circuit.vertices}

    def predictions(state):
        values = {}
        for name, node in graph.nodes.items():
            if node.is_leaf:
                if name in graph.recurrent:
                    values[name] = state[graph.sender(name)]
                elif name in state:
                    values[name] = state[name]
                else:
                    values[name] = np.asarray(node.source.value)[None]
            else:
                made = node.compute(*(state.get(o, values[o]) for o in node.operands))
                values[name] = np.broadcast_to(made, (1, *node.shape))
        return np.concatenate([values[v].ravel() for v in circuit.vertices])

    found, base = {}, predictions(state)
    for name in state:
        columns = []
        for unit in range(state[name].size):
            moved = state[name].copy()
            moved.flat[unit] += 1e-6
            columns.append((predictions(state | {name: moved}) - base) / 1e-6)
        found[name] = np.array(columns)
    return found


@pytest.mark.parametrize("make", [perceptron, skipping])
def test_each_neuron_has_one_sign_under_dales_law(make):
    """As finite differences of predictions have it, and for errors that come back as the audit does."""
    circuit = make()
    data = given(circuit)
    mixed = [n for n, d in effects(circuit, data).items() if ((d > 1e-8).any(1) & (d < -1e-8).any(1)).any()]
    assert mixed, "without the pass there are neurons of both signs"
    made = passes.apply(circuit, passes.Dale(1.0, own=True))
    for name, slopes in effects(made, data).items():
        up, down = (slopes > 1e-8).any(axis=1), (slopes < -1e-8).any(axis=1)
        assert not (up & down).any(), name
        assert not (up if name.endswith("_interneurons") else down).any(), name
    assert all(row.one_sign for row in pcn.audit(made, dynamics=pcn.Strict()).neurons)


@engines
def test_plasticity_keeps_the_signs(data, engine):
    rules = {name: pcn.Hebbian(5.0, bounds=(-1.0, 0.8), every=0.5) for name in ("W1", "W2", "W3")}
    made = passes.apply(replace(perceptron(), plasticity=rules), passes.Dale(1.0))
    assert made.plasticity["W2_excitatory"] == pcn.Hebbian(5.0, bounds=(0.0, 0.8), every=0.5)
    assert made.plasticity["W2_inhibitory"] == pcn.Hebbian(5.0, bounds=(0.0, 1.0), every=0.5)
    result = strict(made, data, engine, duration=10.0)
    for name in rules:
        for part in ("excitatory", "inhibitory"):
            array = result.parameters[f"{name}_{part}"]
            assert array.min() >= 0
            assert not np.array_equal(array, made.parameters[f"{name}_{part}"])


# What stays


@pytest.mark.parametrize("given_pass", EVERY, ids=repr)
def test_what_neurons_have_stays(given_pass):
    graph = perceptron().graph
    circuit = pcn.build_circuit(
        graph,
        tau={"h1": 7.0},
        precision={"h2": 1.5},
        error_tau={"h2": 2.0},
        noise={"h1": pcn.WhiteNoise(0.1)},
        energies={"out": pcn.SoftmaxCrossEntropy()},
        plasticity={"b1": pcn.Hebbian(30.0, 0.1, every=1.0), "h2": pcn.LearnedVariance(50.0)},
    )
    made = passes.apply(circuit, given_pass)
    for name, record in circuit.properties.items():
        assert made.properties[name] == record or str(made.properties[name]) == str(record)
    assert dict(made.noise) == dict(circuit.noise)
    assert dict(made.energies) == dict(circuit.energies)
    for name, rule in circuit.plasticity.items():
        assert made.plasticity[name].every == rule.every


def delayed(circuit):
    """One delay for each edge, all different."""
    plain = circuit.with_delays(1.0).delays
    return circuit.with_delays({edge: 0.5 + 0.5 * k for k, edge in enumerate(plain)})


@pytest.mark.parametrize("given_pass", EVERY[:3], ids=repr)
def test_delays_stay_where_edges_stay(given_pass):
    circuit = delayed(skipping())
    assert dict(passes.apply(circuit, given_pass).delays) == dict(circuit.delays)


def test_what_goes_by_interneurons_takes_as_long():
    """All edges have delays of their own; interneurons of less and less time are the circuit without."""
    circuit, data = delayed(skipping()), given(skipping())
    wanted = strict(circuit, data, duration=6.0, dt=0.025)
    off = []
    for tau in (0.2, 0.1, 0.05):
        made = passes.apply(circuit, passes.Dale(tau))
        found = strict(made, data, duration=6.0, dt=0.025)
        off.append(furthest(found, wanted, ("h1", "h2")))
        kernel = strict(made, data, pcn.Kernel(), duration=6.0, dt=0.025)
        assert furthest(kernel, found, made.vertices) < 1e-12
    assert np.all(np.abs(np.log2(np.divide(off[:-1], off[1:])) - 1) < 0.25), off
    delays = made.delays
    assert delays["h1_interneurons.value", "h2.error"] == circuit.delays["h1.value", "h2.error"]
    assert delays["matmul_1_inhibition.error", "h1.value"] == circuit.delays["h2.error", "h1.value"]


@engines
def test_noise_stays_as_it_is_beside_interneurons(engine):
    """They have none, and number nobody anew: what is left of the difference goes with their time constant."""
    noise = {"h1": pcn.OrnsteinUhlenbeck(0.1, 5.0), "h2": pcn.WhiteNoise(0.1)}
    circuit = pcn.build_circuit(perceptron().graph, noise=noise)
    data = given(circuit)
    wanted = strict(circuit, data, engine, dt=0.025)
    off = [
        furthest(strict(passes.apply(circuit, passes.Dale(tau)), data, engine, dt=0.025), wanted, ("h1", "h2"))
        for tau in (0.2, 0.1, 0.05)
    ]
    assert np.all(np.abs(np.log2(np.divide(off[:-1], off[1:])) - 1) < 0.3), off


def test_sparse_feedback_weights_are_given_as_a_sparse_matrix():
    made = passes.apply(ACYCLIC["sparse weights"](), passes.LearnedFeedback())
    rng = np.random.default_rng(3)
    _, V = (scipy.sparse.csr_matrix(rng.normal(size=s) * (rng.random(s) < 0.5)) for s in ((6, 5), (5, 4)))
    np.testing.assert_array_equal(made.with_parameters({"V_feedback": V}).parameters["V_feedback"], V.data)


@pytest.mark.parametrize("given_pass", [passes.Dale(own=True), passes.RandomErrorConnectivity()], ids=repr)
def test_cycles_without_delay_are_refused_beside_delays(given_pass):
    with pytest.raises(pcn.PcneuroError, match=f"{type(given_pass).__name__} closes cycles without delay, beside"):
        passes.apply(delayed(skipping()), given_pass)


def test_delays_by_synapse_stay_or_are_refused():
    circuit = skipping()
    edges = [("x.value", "h1.error"), ("h1.value", "h2.error")]
    drawn = circuit.with_delays(dict.fromkeys(edges, pcn.UniformDelay(1.0, 2.0)))
    assert dict(passes.apply(drawn, passes.NoDerivative()).delays) == dict(drawn.delays)
    for given_pass in (passes.LearnedFeedback(), passes.Dale()):
        with pytest.raises(pcn.PcneuroError, match=r"changes the synapses of .* have delays of their own"):
            passes.apply(drawn, given_pass)


@pytest.mark.parametrize(
    "given_pass", [p for p in EVERY if not isinstance(p, passes.RandomErrorConnectivity)], ids=repr
)
def test_a_trainer_learns_behind_a_pass(given_pass):
    made = passes.apply(classifier(), given_pass)
    trainer = pcn.Trainer(pcn.Backprop(made), pcn.SGD(0.2), clusters(), clusters(30, seed=4), batch=16)
    epochs = trainer.run(2).epochs
    assert epochs[-1].train.loss < 0.7 * epochs[0].train.loss


# Several


def test_interneurons_come_in_twice_in_one_circuit_never():
    for given_pass, name in ((passes.Dale(), "_in.*"), (passes.RandomErrorConnectivity(), "_itself")):
        once = passes.apply(perceptron(), given_pass)
        with pytest.raises(pcn.PcneuroError, match=f"would add '.*{name}', and the circuit has that already"):
            passes.apply(once, given_pass)


@pytest.mark.halved
@pytest.mark.parametrize("given_pass", [*EVERY[:3], passes.SplitErrors(0.5)], ids=repr)
@pytest.mark.parametrize("make", [perceptron, lambda: dag(3), lambda: dag(11)])
def test_twice_is_once(given_pass, make):
    once = passes.apply(make(), given_pass)
    twice = passes.apply(once, given_pass)
    assert str(twice) == str(once)
    data = given(make())
    for vertex, wanted in strict(once, data).values.items():
        np.testing.assert_array_equal(strict(twice, data).values[vertex], wanted)


def test_feedback_of_constants_and_of_what_has_it_stays_behind_a_way_back_beside_the_prediction():
    """Neither is a weight that predicts and that errors come back by, which is refused."""
    beside = passes.NoDerivative(in_plasticity=False)
    for make, first in ((ACYCLIC["constant weights"], []), (ACYCLIC["einsums"], [passes.LearnedFeedback()])):
        once = passes.apply(make(), [*first, beside])
        assert str(passes.apply(once, passes.LearnedFeedback())) == str(once)


COMMUTING = [
    (passes.NoDerivative(), passes.LearnedFeedback()),
    (passes.NoDerivative(), passes.RandomErrorConnectivity(scale=0.3, diagonal=1.0)),
    (passes.NoDerivative(), passes.Dale(2.0, own=True)),
    (passes.SplitErrors(1.0), passes.NoDerivative()),
    (passes.SplitErrors(1.0), passes.LearnedFeedback()),
    (passes.SplitErrors(1.0, ["h1"]), passes.Dale(2.0)),
]


@pytest.mark.parametrize("pair", COMMUTING, ids=repr)
def test_passes_that_commute(pair, data):
    one, other = (strict(passes.apply(perceptron(), order), data) for order in (pair, pair[::-1]))
    for vertex, wanted in one.values.items():
        np.testing.assert_allclose(other.values[vertex], wanted, rtol=0, atol=1e-13)


def test_a_thousand_vertices_are_served():
    def deep(x, W):
        for k in range(1000):
            x = pcn.vertex(np.tanh(x @ W), f"h{k}")
        return x

    W = pcn.Parameter(np.random.default_rng(0).normal(size=(2, 2)))
    circuit = pcn.build_circuit(pcn.trace(deep, x=pcn.Input((2,)), W=W, check=False))
    made = passes.apply(circuit, [passes.LearnedFeedback(tau=9.0), passes.NoDerivative(), passes.Dale()])
    assert len(made.vertices) == 2999
