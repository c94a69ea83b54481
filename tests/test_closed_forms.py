"""The closed forms of the model: the paper's scalar graph, chains, linear circuits, free energy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm, solve
from scipy.special import gammainc
from scipy.stats import binom

import pcneuro as pcn
from tests.circuits_for_tests import chain, data_for, engines, equilibrium, mlp, random_dag, scalar_graph

DL_DV0, DL_DTHETA = -11.370532186716, -0.879223533720


@engines
def test_scalar_graph_has_the_papers_numbers(engine):
    circuit = pcn.build_circuit(scalar_graph())
    result = equilibrium(circuit, {}, {"v4": 1.0}, engine=engine)
    assert result.predictions["v4"][0] == pytest.approx(-0.11166379285, abs=1e-11)
    assert result.gradients["v0"] == pytest.approx(DL_DV0, abs=1e-11)
    assert result.gradients["theta"] == pytest.approx(DL_DTHETA, abs=1e-11)
    reference = pcn.backprop(circuit, targets={"v4": 1.0})
    assert pcn.compare(result, reference).worst < 1e-14


@engines
@pytest.mark.parametrize(
    ("eta", "expected"), [(0.01, 1659), (0.02, 825), (0.05, 326), (0.1, 159), (0.2, 75), (0.5, 25), (1.0, 2)]
)
def test_scalar_graph_takes_the_known_numbers_of_steps(engine, eta, expected):
    """A step before the count the error is still too large, and at it no longer."""
    circuit = pcn.build_circuit(scalar_graph())
    sim = pcn.Simulator(circuit, integrator=pcn.Euler(10 * eta), engine=engine)
    truth = pcn.backprop(circuit, targets={"v4": 1.0}).gradients["v0"]
    before = sim.run(10 * eta * (expected - 1), targets={"v4": 1.0}).gradients["v0"]
    after = sim.run(10 * eta).gradients["v0"]
    assert abs(before - truth) >= 1e-6 > abs(after - truth)


@engines
def test_scalar_graph_strict_equilibrium(engine):
    sim = pcn.Simulator(
        pcn.build_circuit(scalar_graph()), dynamics=pcn.Strict(), integrator=pcn.RungeKutta4(2.0), engine=engine
    )
    result = sim.run(400.0, targets={"v4": 1.0})
    assert result.gradients["v0"] == pytest.approx(-3.4136083, abs=5e-8)


@engines
@pytest.mark.parametrize("eta", [0.05, 0.3, 1.0])
def test_chain_under_euler_follows_the_binomial(engine, eta):
    length, steps, weight = 6, 40, 1.3
    circuit = pcn.build_circuit(chain(length, weight))
    sim = pcn.Simulator(circuit, integrator=pcn.Euler(10 * eta), engine=engine)
    records = [pcn.Record(f"v{k}", "error") for k in range(1, length + 1)]
    result = sim.run(10 * eta * steps, inputs={"x": 0.7}, targets={"v6": 2.0}, record=records)
    n = np.arange(steps + 1)
    output = 2.0 - 0.7 * weight**length
    for k in range(1, length + 1):
        hops = length - k
        expected = output * weight**hops * binom.sf(hops - 1, n, eta)
        np.testing.assert_allclose(result.records[f"v{k}.error"][:, 0, 0], expected, rtol=0, atol=1e-12)


@engines
def test_chain_under_runge_kutta_follows_erlang(engine):
    length, tau = 5, 7.0
    circuit = pcn.build_circuit(chain(length), tau=tau)
    sim = pcn.Simulator(circuit, integrator=pcn.RungeKutta4(0.1), engine=engine)
    records = [pcn.Record(f"v{k}", "error", every=1.0) for k in range(1, length + 1)]
    result = sim.run(60.0, inputs={"x": 1.0}, targets={"v5": 3.0}, record=records)
    time = result.records.time.values
    for k in range(1, length):
        expected = 2.0 * gammainc(length - k, time / tau)
        np.testing.assert_allclose(result.records[f"v{k}.error"][:, 0, 0], expected, rtol=0, atol=1e-8)


def test_dag_splits_by_path_length():
    """Two paths of different lengths to the same vertex: the binomial forms of both add up."""

    def function(x, w):
        a = pcn.vertex(w * x, "a")
        b = pcn.vertex(2 * a, "b")
        c = pcn.vertex(3 * b, "c")
        return pcn.vertex(c + 5 * a, "out")

    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input(()), w=pcn.Parameter(0.5)))
    eta = 0.2
    sim = pcn.Simulator(circuit, integrator=pcn.Euler(10 * eta))
    result = sim.run(30 * 10 * eta, inputs={"x": 1.0}, targets={"out": 1.0}, record=[pcn.Record("a", "error")])
    n = np.arange(31)
    output = 1.0 - (6 * 0.5 + 5 * 0.5)
    expected = output * (5 * binom.sf(0, n, eta) + 6 * binom.sf(2, n, eta))
    np.testing.assert_allclose(result.records["a.error"][:, 0, 0], expected, rtol=0, atol=1e-12)


@engines
def test_strict_linear_circuit_against_the_matrix_exponential(engine):
    """For linear predictions v' = -A v + c with A = (I - J)^T Pi (I - J) / tau, solved by scipy.linalg."""
    graph = chain(4, 0.8)
    precision = {"v1": 1.5, "v2": 0.5, "v3": 2.0, "v4": 1.0}
    circuit = pcn.build_circuit(graph, precision=precision, tau={"v1": 10.0, "v2": 5.0, "v3": 8.0, "v4": 10.0})
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.RungeKutta4(0.1), engine=engine)
    x, y = 1.0, -1.0
    result = sim.run(13.0, inputs={"x": x}, targets={"v4": y})
    pi = np.diag([1.5, 0.5, 2.0, 1.0])
    # Errors are e = Pi (M u + k) for free values u = (v1, v2, v3).
    m = np.array([[1, 0, 0], [-0.8, 1, 0], [0, -0.8, 1], [0, 0, -0.8]])
    k = np.array([-0.8 * x, 0, 0, y])
    rate = np.diag([1 / 10, 1 / 5, 1 / 8])
    a, c = rate @ m.T @ pi @ m, -rate @ m.T @ pi @ k
    rest = solve(a, c)
    start = x * 0.8 ** np.arange(1, 4)
    expected = rest + expm(-13.0 * a) @ (start - rest)
    got = [result.values[f"v{i}"][0] for i in (1, 2, 3)]
    np.testing.assert_allclose(got, expected, rtol=1e-7)
    if isinstance(engine, pcn.Reference):
        return
    far = sim.run(2000.0)
    np.testing.assert_allclose([far.values[f"v{i}"][0] for i in (1, 2, 3)], rest, rtol=1e-10)


@engines
def test_prospective_configuration_of_two_linear_layers(engine):
    """Song et al. (2024): the free energy that is left, 1/2 r^T S^-1 r, and what one change of weights does to y.

    With r = y - W2 W1 x and S = 1 + W2 W2^T, that is (eta2 (h . W1 x) + eta1 |x|^2 W2 W2^T) S^-1 r to the first order.
    """
    rng = np.random.default_rng(8)
    W1, W2, x, y = rng.normal(size=(4, 3)), rng.normal(size=(2, 4)), rng.normal(size=3), rng.normal(size=2)
    graph = pcn.trace(
        lambda x, W1, W2: pcn.vertex(W2 @ pcn.vertex(W1 @ x, "h"), "y"),
        x=pcn.Input((3,)),
        W1=pcn.Parameter(W1),
        W2=pcn.Parameter(W2),
    )
    eta1, eta2, every = 0.3, 0.7, 600.0
    rules = {"W1": pcn.Hebbian(every / eta1, every=every), "W2": pcn.Hebbian(every / eta2, every=every)}
    circuit = pcn.build_circuit(graph, plasticity=rules)
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine)
    result = sim.run(every, inputs={"x": x}, targets={"y": y}, learn=False)
    r, S = y - W2 @ W1 @ x, np.eye(2) + W2 @ W2.T
    left = solve(S, r)
    h = W1 @ x + W2.T @ left
    assert result.energy == pytest.approx(0.5 * r @ left, rel=1e-12)
    np.testing.assert_allclose(result.values["h"][0], h, rtol=1e-12)
    wanted = eta2 * (h @ W1 @ x) * left + eta1 * (x @ x) * W2 @ W2.T @ left
    learned = sim.run(every).parameters
    change1, change2 = learned["W1"] - W1, learned["W2"] - W2
    np.testing.assert_allclose(change2 @ W1 @ x + W2 @ change1 @ x, wanted, rtol=1e-11)


@pytest.mark.parametrize("vertices", ["auto", "marked", "all"])
@pytest.mark.parametrize("block", [0, *(pytest.param(block, marks=pytest.mark.long) for block in range(1, 5))])
def test_random_graphs_reach_backprop(vertices, block):
    for seed in range(20 * block, 20 * (block + 1)):
        graph = random_dag(seed)
        circuit = pcn.build_circuit(graph, vertices=vertices)
        inputs, targets = data_for(graph, 3, seed, 0.7)
        reference = pcn.backprop(circuit, inputs, targets)
        result = equilibrium(circuit, inputs, targets)
        for name, gradient in reference.gradients.items():
            scale = np.abs(gradient).max() + 1e-6
            np.testing.assert_allclose(
                result.gradients[name] / scale, gradient / scale, atol=1e-9, err_msg=f"{seed} {name}"
            )
        for name in set(circuit.vertices) & set(reference.errors):
            scale = np.abs(reference.errors[name]).max() + 1e-6
            np.testing.assert_allclose(result.errors[name] / scale, reference.errors[name] / scale, atol=1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-5)])
@pytest.mark.parametrize("vertices", ["auto", "marked", "all"])
def test_mlp_of_the_contract_reaches_backprop(dtype, tolerance, vertices):
    graph = mlp((784, 256, 256, 10))
    circuit = pcn.build_circuit(graph, vertices=vertices)
    inputs, targets = data_for(graph, 64)
    sim = pcn.Simulator(circuit, dtype=dtype)
    result = sim.run(500.0, inputs=inputs, targets=targets)
    assert result.gradients["W1"].dtype == dtype
    assert pcn.compare(result, pcn.backprop(circuit, inputs, targets)).worst < tolerance


def test_strict_descends_the_free_energy():
    graph = mlp((6, 8, 7, 3), scale=1.5)
    circuit = pcn.build_circuit(graph, precision={"h1": 2.0})
    inputs, targets = data_for(graph, 4)
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(0.2))
    energies = [sim.run(0.0, inputs=inputs, targets=targets).energy] + [sim.run(2.0).energy for _ in range(30)]
    assert np.all(np.diff(energies) < 0)


def test_strict_approaches_backprop_as_the_error_shrinks():
    """To first order in the output error the strict equilibrium is backprop's; the difference shrinks with it."""
    graph = mlp((5, 6, 3))
    circuit = pcn.build_circuit(graph)
    inputs, _ = data_for(graph, 1)
    sweep = pcn.Simulator(circuit).run(0.0, inputs=inputs).predictions["out"]
    direction = np.array([[1.0, -0.5, 0.3]])
    worst = []
    # The output's own precision is small, so that the hidden errors are small against it, too.
    circuit = pcn.build_circuit(graph, precision={"out": 1e-3})
    for size in (1.0, 0.1):
        targets = {"out": sweep + size * direction}
        sim = pcn.Simulator(circuit, dynamics=pcn.Strict())
        result = sim.run(3000.0, inputs=inputs, targets=targets)
        worst.append(pcn.compare(result, pcn.backprop(circuit, inputs, targets)).worst)
    assert worst[0] < 0.01
    assert worst[1] <= worst[0]


def test_renaming_vertices_changes_nothing():
    def build(a, b):
        def function(x, W):
            return pcn.vertex(np.tanh(pcn.vertex(x @ W, a)) @ W.T, b)

        rng = np.random.default_rng(0)
        graph = pcn.trace(function, x=pcn.Input((3,)), W=pcn.Parameter(rng.normal(size=(3, 4))))
        sim = pcn.Simulator(pcn.build_circuit(graph), dynamics=pcn.Strict())
        return sim.run(20.0, inputs={"x": [1.0, 2.0, 3.0]}, targets={b: [0.0, 1.0, 0.0]}).gradients["W"]

    np.testing.assert_array_equal(build("a", "b"), build("zebra", "aardvark"))


def test_splitting_a_folded_vertex_leaves_the_fixed_prediction_gradient():
    def function(x, W, marked):
        h = np.tanh(x @ W)
        h = pcn.vertex(h, "h") if marked else h
        return pcn.vertex(np.sin(h) @ W.T, "out")

    rng = np.random.default_rng(1)
    weights = rng.normal(size=(3, 4))
    actual = []
    for marked in (False, True):
        graph = pcn.trace(lambda x, W, m=marked: function(x, W, m), x=pcn.Input((3,)), W=pcn.Parameter(weights))
        circuit = pcn.build_circuit(graph, vertices="marked")
        assert len(circuit.vertices) == 1 + marked
        actual.append(equilibrium(circuit, {"x": [0.1, 0.2, 0.3]}, {"out": [1.0, 0.0, 0.0]}).gradients["W"])
    np.testing.assert_allclose(actual[0], actual[1], rtol=1e-13)


@engines
@pytest.mark.parametrize("vertices", ["marked", "all"])
def test_vertices_before_every_parameter_have_errors_too(engine, vertices):
    """What only data reaches still has error neurons, and they settle at -dL/dprediction."""

    def function(x, W):
        h = pcn.vertex(np.tanh(x) * 2, "h")
        return pcn.vertex(np.sin(h * 1.5) @ W, "out")

    rng = np.random.default_rng(0)
    graph = pcn.trace(function, x=pcn.Input((4,)), W=pcn.Parameter(rng.normal(size=(4, 3))))
    circuit = pcn.build_circuit(graph, vertices=vertices)
    inputs, targets = data_for(graph, 3)
    result = equilibrium(circuit, inputs, targets, engine=engine)
    reference = pcn.backprop(circuit, inputs, targets)
    assert np.abs(reference.errors["h"]).min() > 0
    for name in circuit.vertices:
        np.testing.assert_allclose(result.errors[name], reference.errors[name], rtol=1e-12, atol=1e-14)
