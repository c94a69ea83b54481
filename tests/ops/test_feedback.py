"""Synapses that no error comes back through, and those that errors have weights of their own for."""

from __future__ import annotations

import autograd.extend
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError, ShapeError
from pcneuro.export import brian2
from tests.function_libraries import written_out
from tests.helpers import (
    assert_close,
    case,
    check_case,
    check_engines,
    check_file,
    every_case,
    every_variant,
    targets_near,
)

_stopped = autograd.extend.primitive(lambda x: x + 0.0)
autograd.extend.defvjp(_stopped, lambda out, x: lambda g: 0.0 * g)


@written_out
def stop_feedback(x):
    return _stopped(x)


@written_out
def project(x, W, *, feedback):
    """A product that counts forward, and one of which only the derivative counts."""
    back = x @ _stopped(feedback)
    return _stopped(x) @ W + back - _stopped(back)


CASES = [
    case("stopped", lambda np, a: a * np.stop_feedback(np.tanh(a)), (2, 3), analytic=False),
    case("stopped vector", lambda np, a, b: np.tanh(np.stop_feedback(a) @ b), (3,), (3, 2), analytic=False),
    case("project", lambda np, a, b, c: np.project(np.tanh(a), b, feedback=c), (3,), (3, 2), (3, 2), analytic=False),
    case("rows", lambda np, a, b, c: np.tanh(np.project(a, b, feedback=c)), (2, 3), (3, 2), (3, 2), analytic=False),
    case("one unit", lambda np, a, b, c: np.project(a, b, feedback=c), (1,), (1, 1), (1, 1), analytic=False),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES)
def test_kernel_is_the_reference(v):
    check_engines(v)


def two_layers(rng: np.random.Generator) -> pcn.Graph:
    """Two layers with learned feedback in the second."""

    def function(x, W1, W2, B):
        h = pcn.vertex(np.tanh(x @ W1), "h")
        return pcn.vertex(pcn.ops.project(h, W2, feedback=B), "out")

    weights = {"W1": (4, 5), "W2": (5, 3), "B": (5, 3)}
    return pcn.trace(function, x=pcn.Input((4,)), **{n: pcn.Parameter(rng.normal(size=s)) for n, s in weights.items()})


def test_errors_come_back_through_the_other_weights():
    rng = np.random.default_rng(0)
    graph = two_layers(rng)
    W1, W2, B = (graph.parameters[n].source.value for n in ("W1", "W2", "B"))
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    h = np.tanh(x @ W1)
    error = y - h @ W2
    expected = {"W1": -x.T @ ((error @ B.T) * (1 - h**2)), "W2": -h.T @ error, "B": np.zeros((5, 3))}
    sim = pcn.Simulator(pcn.build_circuit(graph), integrator=pcn.Euler(10.0))
    for result in (pcn.backprop(graph, {"x": x}, {"out": y}), sim.run(40.0, inputs={"x": x}, targets={"out": y})):
        for name, gradient in expected.items():
            assert_close(result.gradients[name], gradient, 1e-13, name)


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()])
def test_a_circuit_with_learned_feedback_is_run_everywhere(dynamics, tmp_path):
    rng = np.random.default_rng(1)
    graph = two_layers(rng)
    circuit = pcn.build_circuit(graph)
    inputs = {"x": rng.normal(size=(2, 4))}
    targets = targets_near(graph, inputs, 2, 0.1)
    check_file(graph, inputs, targets, tmp_path / "c")
    settings = {"dynamics": dynamics, "integrator": pcn.Euler(1.0)}
    expected = pcn.Simulator(circuit, **settings).run(8.0, inputs=inputs, targets=targets)
    engines = (pcn.Reference(), pcn.Kernel(threads=2), pcn.EventDriven(threshold=0.0))
    for engine in engines:
        got = pcn.Simulator(circuit, engine=engine, **settings).run(8.0, inputs=inputs, targets=targets)
        for name, values in expected.values.items():
            assert_close(got.values[name], values, 1e-12, f"{engine!r} {name}")
        for name, gradient in expected.gradients.items():
            assert_close(got.gradients[name], gradient, 1e-12, f"{engine!r} {name}")
    rates = brian2.rate(circuit, inputs=inputs, targets=targets, target="numpy", dynamics=dynamics).run(8.0)
    assert_close(rates.values["h"], expected.values["h"], 1e-12)


def test_the_circuit_says_which_weights_errors_have():
    circuit = pcn.build_circuit(two_layers(np.random.default_rng(2)))
    edges = circuit.nx.edges
    assert edges["h.value", "out.error", "prediction"]["parameters"] == ("W2",)
    assert edges["out.error", "h.value", "feedback"]["parameters"] == ("B",)
    assert edges["h.value", "out.error", "prediction"]["hebbian"]
    assert "W2; back B" in str(circuit)
    assert "sum over synapses to out of B*err_post" in circuit.equations()


def test_nothing_goes_back_where_feedback_is_stopped():
    def function(x, W, V):
        h = pcn.vertex(np.tanh(x @ W), "h")
        return {"a": pcn.ops.stop_feedback(h) @ V, "b": pcn.ops.stop_feedback(h)}

    graph = pcn.trace(function, x=pcn.Input((3,)), W=pcn.Parameter(np.eye(3)), V=pcn.Parameter(np.ones((3, 2))))
    circuit = pcn.build_circuit(graph)
    assert circuit.vertices == ("h", "a", "b"), "no neurons of its own for what is passed on"
    assert not circuit.nx.has_edge("a.error", "h.value")
    assert "f_a" not in circuit.equations()
    for engine in (pcn.Kernel(), pcn.Reference()):
        sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine)
        result = sim.run(50.0, inputs={"x": np.ones(3)}, targets={"a": np.ones(2), "b": np.zeros(3)})
        assert_close(result.values["h"], np.tanh(np.ones((1, 3))), 1e-15)
        assert not result.gradients["W"].any()
        assert result.gradients["V"].any()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3,), (2, 4), (2, 4)), r"project: x of shape \(3,\) and W of shape \(2, 4\) do not fit; give \(..., n\)"),
        (((3,), (3, 4), (4, 3)), r"project: feedback has shape \(4, 3\); needed is that of W, \(3, 4\)"),
        (((), (3, 4), (3, 4)), r"project: x of shape \(\)"),
    ],
)
def test_shapes_that_do_not_fit(shapes, message):
    x, w, b = (np.ones(shape) for shape in shapes)
    with pytest.raises(ShapeError, match=message):
        pcn.ops.project(x, w, feedback=b)


@pytest.mark.parametrize("given", [{}, {"feedback": None}])
def test_feedback_that_is_missing_is_asked_for(given):
    with pytest.raises(ParameterError, match=r"^project has no feedback: give feedback=B, of the shape of W; .*x @ W$"):
        pcn.trace(lambda x, W: pcn.ops.project(x, W, **given), x=pcn.Input((3,)), W=pcn.Parameter(np.ones((3, 2))))


def test_kolen_and_pollack():
    """(W - B)_n = (1 - eta lambda)^n (W - B)_0 where both learn by the same error and activity, whatever the data."""
    rng = np.random.default_rng(3)
    graph = two_layers(rng)
    W2, B = (graph.parameters[n].source.value for n in ("W2", "B"))
    apart, eta, decay = W2 - B, 0.05, 0.1
    for _ in range(30):
        data = {"x": rng.normal(size=(4, 4))}, {"out": rng.normal(size=(4, 3))}
        gradients = pcn.backprop(graph, *data).gradients
        W1 = graph.parameters["W1"].source.value - eta * gradients["W1"]
        W2, B = (w - eta * (gradients["W2"] + decay * w) for w in (W2, B))
        graph = graph.with_parameters({"W1": W1, "W2": W2, "B": B})
    assert_close(W2 - B, (1 - eta * decay) ** 30 * apart, 1e-13)
