"""The delta rule: against an adaptive solver, the reference, and where it is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pcneuro as pcn
from pcneuro.errors import ParameterError, ShapeError, UnknownNameError

RNG = np.random.default_rng(17)
WEIGHTS = {"W1": RNG.normal(size=(3, 4)), "W2": RNG.normal(size=(4, 2)), "W3": RNG.normal(size=(3, 4))}
X, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))
RULES = {
    "W1": pcn.DeltaRule("h", tau=200.0, target=0.4, decay=0.1),
    "W2": pcn.DeltaRule("y", tau=150.0, target=-0.3),
    # Behind the synapses of W3 is one population, and another one teaches them.
    "W3": pcn.DeltaRule("h", tau=250.0, target=0.2),
}
by_engine = pytest.mark.parametrize("engine", [pcn.Kernel(threads=2), pcn.Reference()], ids=repr)


def net(x, W1, W2, W3):
    h = pcn.vertex(np.tanh(x @ W1), "h")
    return {"y": pcn.vertex(h @ W2, "y"), "z": pcn.vertex(pcn.ops.stop_feedback(x) @ W3, "z")}


def circuit_of(rules):
    leaves = {name: pcn.Parameter(weights) for name, weights in WEIGHTS.items()}
    return pcn.build_circuit(pcn.trace(net, x=pcn.Input((3,)), **leaves), plasticity=rules)


def slope(time, state):
    """Of h and the weights, written out; y is free, and nothing comes back from it but its own error."""
    h, y, w1, w2, w3 = np.split(state, np.cumsum([20, 10, 12, 8]))
    h, y, w1, w2, w3 = h.reshape(5, 4), y.reshape(5, 2), w1.reshape(3, 4), w2.reshape(4, 2), w3.reshape(3, 4)
    out = y - h @ w2
    parts = [(out @ w2.T - (h - np.tanh(X @ w1))) / 10, -out / 10]
    parts += [(X.T @ (0.4 - h) - 0.1 * w1) / 200, h.T @ (-0.3 - y) / 150, X.T @ (0.2 - h) / 250]
    return np.concatenate([part.ravel() for part in parts])


@by_engine
def test_neurons_and_weights_together(engine):
    """Strict dynamics against DOP853; fourth order in dt."""
    h = np.tanh(X @ WEIGHTS["W1"])
    start = np.concatenate([h.ravel(), (h @ WEIGHTS["W2"]).ravel(), *(w.ravel() for w in WEIGHTS.values())])
    exact = solve_ivp(slope, (0, 30.0), start, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    off = []
    for dt in (0.75, 0.375, 0.1875):
        settings = {"engine": engine, "dynamics": pcn.Strict(), "integrator": pcn.RungeKutta4(dt)}
        result = pcn.Simulator(circuit_of(RULES), **settings).run(30.0, inputs={"x": X})
        ends = [result.values["h"], result.values["y"], *(result.parameters[name] for name in WEIGHTS)]
        off.append(np.abs(np.concatenate([end.ravel() for end in ends]) - exact).max())
    assert off[-1] < 1e-8
    assert 10 < off[0] / off[1] < 25


@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
@pytest.mark.parametrize("every", [None, 2.0])
@pytest.mark.parametrize("batch", [1, 40])
def test_the_kernel_does_what_the_reference_does(dynamics, every, batch):
    """Under fixed prediction activities are sums of two rows; the same bits in any number of threads."""
    draw = np.random.default_rng(batch)
    data = {"inputs": {"x": draw.normal(size=(batch, 3))}, "targets": {"y": draw.normal(size=(batch, 2))}}
    circuit = circuit_of({name: replace(rule, every=every, bounds=(-1.5, 1.5)) for name, rule in RULES.items()})
    engines = (pcn.Kernel(threads=1), pcn.Kernel(threads=2), pcn.Reference())
    one, two, reference = (pcn.Simulator(circuit, dynamics=dynamics, engine=e).run(12.0, **data) for e in engines)
    for name, wanted in reference.parameters.items():
        assert np.abs(wanted - WEIGHTS[name]).max() > 1e-3
        np.testing.assert_allclose(one.parameters[name], wanted, rtol=1e-10, atol=1e-11)
        np.testing.assert_array_equal(one.parameters[name], two.parameters[name])


def test_a_population_comes_to_its_target():
    """Inhibition that learns at the end holds the rate at it, whatever excites (Vogels et al. 2011)."""
    graph = pcn.trace(
        lambda x, inhibits, W: pcn.vertex(pcn.ops.relu(x + inhibits @ W), "rate"),
        x=pcn.Input((2,)),
        inhibits=pcn.Input((1,)),
        W=pcn.Parameter(np.zeros((1, 2))),
    )
    rule = pcn.DeltaRule("rate", tau=500.0, target=1.5, bounds=(-np.inf, 0.0))
    simulator = pcn.Simulator(pcn.build_circuit(graph, plasticity={"W": rule}), dynamics=pcn.Strict())
    result = simulator.run(8000.0, inputs={"x": [4.0, 9.0], "inhibits": [2.0]})
    np.testing.assert_allclose(result.values["rate"], [[1.5, 1.5]], rtol=1e-9)
    np.testing.assert_allclose(result.parameters["W"], [[-1.25, -3.75]], rtol=1e-9)


@pytest.mark.parametrize(
    ("rules", "error", "match"),
    [
        ({"W1": pcn.DeltaRule("y", 10.0)}, ShapeError, "of 4 columns, with vertex 'y' of 2 units"),
        ({"W1": pcn.DeltaRule("g", 10.0)}, UnknownNameError, "vertex of the DeltaRule of 'W1' 'g': known: h, y, z"),
        ({"h": pcn.DeltaRule("h", 10.0)}, ParameterError, "'h'"),
    ],
)
def test_what_it_is_not_for(rules, error, match):
    with pytest.raises(error, match=match) as told:
        circuit_of(rules)
    assert "\n" not in str(told.value)
