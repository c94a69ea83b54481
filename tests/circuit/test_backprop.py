"""Exact reverse mode against independent differentiation, and what it says to data that does not fit."""

from __future__ import annotations

import functools
import gc
import weakref

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, settings

import pcneuro as pcn
from pcneuro.errors import DataError, GraphError, ParameterError, ShapeError, UnknownNameError
from tests.exploring import explored
from tests.helpers import (
    AUTOGRAD,
    OURS,
    assert_all_close,
    assert_close,
    autograd_gradients,
    check_engines_agree,
    complex_step_gradients,
    loss,
    plain,
)
from tests.random_programs import programs

RNG = np.random.default_rng(0)
W1, B1, W2 = 0.5 * RNG.normal(size=(3, 4)), 0.1 * RNG.normal(size=4), 0.5 * RNG.normal(size=(4, 2))
PARAMETERS = {"W1": W1, "b1": B1, "W2": W2}


def mlp(np, x, W1, b1, W2, d=0.0):
    """Two layers; ``d`` is added to the first one's activity."""
    h = pcn.vertex(np.tanh(x @ W1 + b1), "h")
    return pcn.vertex((h + d) @ W2, "out")


GRAPH = pcn.trace(
    lambda x, W1, b1, W2: mlp(np, x, W1, b1, W2),
    x=pcn.Input((3,)),
    **{n: pcn.Parameter(p) for n, p in PARAMETERS.items()},
)
X, T = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))


# Against independent differentiation


@explored(programs())
def test_random_graphs_against_autograd(program):
    inputs, targets = program.data(2)
    got = pcn.backprop(program.graph(), inputs, targets)
    own, other = (functools.partial(program.function, library) for library in (OURS, AUTOGRAD))
    assert_close(got.loss, loss(own, inputs, targets, program.parameters, 2), 1e-11)
    expected = autograd_gradients(other, inputs, targets, program.parameters, 2)
    assert_all_close(got.gradients, expected, 1e-11)


@explored(programs(more=True))
def test_random_programs_of_the_whole_vocabulary(program):
    """The check of the trace holds values against NumPy; the kernel settles where backprop's gradients are."""
    inputs, targets = program.data(2)
    graph = program.graph()
    got = pcn.backprop(graph, inputs, targets)
    other = functools.partial(program.function, AUTOGRAD)
    assert_all_close(got.gradients, autograd_gradients(other, inputs, targets, program.parameters, 2), 1e-9)


@settings(max_examples=10)
@given(programs(most=6, more=True))
def test_random_programs_by_kernel_and_reference(program):
    inputs, targets = program.data(2)
    check_engines_agree(program.graph(), inputs, targets, np.float64, "auto", strict=False, tolerance=1e-9)


@settings(max_examples=25)
@given(programs())
def test_random_graphs_against_complex_steps(program):
    inputs, targets = program.data(1)
    got = pcn.backprop(program.graph(), inputs, targets)
    own = functools.partial(program.function, OURS)
    assert_all_close(got.gradients, complex_step_gradients(own, inputs, targets, program.parameters, 1), 1e-11)


@settings(max_examples=15)
@given(programs())
def test_random_graphs_by_kernel_and_reference(program):
    """Circuits of random graphs do the same in both engines and learn what backprop does, however they are cut."""
    graph = program.graph()
    inputs, targets = program.data(2)
    for vertices in ("auto", "all", "marked"):
        check_engines_agree(graph, inputs, targets, np.float64, vertices, strict=False, tolerance=1e-11)
    check_engines_agree(graph, inputs, targets, np.float64, "auto", strict=True, tolerance=1e-11)


def test_an_mlp_by_autograd_and_complex_steps():
    got = pcn.backprop(GRAPH, {"x": X}, {"out": T})
    own, other = (functools.partial(mlp, library) for library in (OURS, AUTOGRAD))
    assert_all_close(got.gradients, autograd_gradients(other, {"x": X}, {"out": T}, PARAMETERS, 5), 1e-13)
    assert_all_close(got.gradients, complex_step_gradients(own, {"x": X}, {"out": T}, PARAMETERS, 5), 1e-13)


def test_a_parameter_used_many_times_gets_the_sum_of_its_uses():
    """The gradient with one weight in three places is the sum of those with three weights of the same value."""

    def three(x, u, v, w):
        return np.tanh(np.tanh(x @ u) @ v) @ w.T

    names, leaves = ("u", "v", "w"), {n: pcn.Parameter(W1[:, :3]) for n in ("u", "v", "w")}
    apart = pcn.backprop(pcn.trace(three, x=pcn.Input((3,)), **leaves), {"x": X}, {"out": X})
    together = pcn.trace(lambda x, w: three(x, w, w, w), x=pcn.Input((3,)), w=leaves["w"])
    got = pcn.backprop(together, {"x": X}, {"out": X})
    assert_close(got.gradients["w"], sum(apart.gradients[n] for n in names), 1e-14)


def recurrent(np, x, W, U, g, read=3):
    """Weights at many times: in products of both kinds, beside the product, and in a product of weights alone."""
    h, states = np.tanh(x[0] @ W), []
    for t in range(1, 4):
        h = np.tanh(x[t] @ W + g * (h @ U) + (h @ U.T) * np.sum(U)) + x[t] @ (W @ U)
        states.append(h @ U)
    return {f"out{t}": state for t, state in enumerate(states[:read])}


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("asked", [("out0",), ("out1", "out2"), ("out0", "out1", "out2")])
def test_a_parameter_used_at_many_times(batch, asked):
    parameters = {"W": W1, "U": 0.3 * RNG.normal(size=(4, 4)), "g": RNG.normal(size=4)}
    inputs = {"x": RNG.normal(size=(batch, 4, 3))}
    targets = {name: RNG.normal(size=(batch, 4)) for name in asked}
    leaves = {name: pcn.Parameter(value) for name, value in parameters.items()}
    graph = pcn.trace(functools.partial(recurrent, np), x=pcn.Input((4, 3)), **leaves)
    got = pcn.backprop(graph, inputs, targets)

    def other(**leaves):
        actual = recurrent(AUTOGRAD, **leaves)
        return {name: actual[name] for name in asked}

    expected = autograd_gradients(other, inputs, targets, parameters, batch)
    assert_all_close(got.gradients, expected, 1e-12)
    for name in ("out0", "out1", "out2"):
        assert_close(got.errors[name], targets[name] - got.values[name] if name in asked else np.zeros((batch, 4)), 0)


def test_a_graph_goes_when_nobody_holds_it():
    graph = pcn.trace(lambda x, w: x @ w, x=pcn.Input((3,)), w=pcn.Parameter(W1))
    pcn.backprop(graph, {"x": X}, {"out": np.zeros((5, 4))})
    seen = weakref.ref(graph)
    del graph
    gc.collect()
    assert seen() is None


def test_nothing_that_it_returns_changes_anything_else():
    """Sums and slices hand on arrays that are the same memory; what may be shared cannot be written to."""
    data, target = X.copy(), np.ones((5, 3))
    graph = pcn.trace(
        lambda x, b, c: (x + b + c)[::-1] + x[1] * b, x=pcn.Input((3,)), b=pcn.Parameter(W1[:, 0]), c=pcn.Parameter(0.5)
    )
    got = pcn.backprop(graph, {"x": data}, {"out": target})
    same = pcn.backprop(graph, {"x": data}, {"out": target})
    for name in ("b", "c"):
        got.gradients[name][...] = np.nan
        again = pcn.backprop(graph, {"x": data}, {"out": target})
        assert_all_close(again.gradients, same.gradients, 0.0)
        assert_all_close(got.errors, same.errors, 0.0)
    assert np.isfinite(got.values["out"]).all()
    assert (data == X).all()
    for arrays in (got.values, got.errors):
        assert not any(arrays[n].flags.writeable for n in arrays if graph.nodes[n].operands)


@pytest.mark.parametrize("name", ["softmax cross-entropy", "Bernoulli"])
def test_energies_and_precision_of_a_circuit(name):
    precision = {"h": 3.0, "out": 2.0}
    target = {"softmax cross-entropy": np.eye(2)[[0, 1, 1, 0, 1]], "Bernoulli": RNG.uniform(size=(5, 2))}[name]
    energy = {"softmax cross-entropy": pcn.SoftmaxCrossEntropy(), "Bernoulli": pcn.Bernoulli()}[name]

    def expected_loss(p):
        z = mlp(AUTOGRAD, X, **p)
        if name == "Bernoulli":
            q = 1 / (1 + anp.exp(-z))
            return -2.0 * anp.sum(target * anp.log(q) + (1 - target) * anp.log(1 - q))
        logits = anp.exp(z)
        return -2.0 * anp.sum(target * anp.log(logits / anp.sum(logits, axis=1, keepdims=True)))

    circuit = pcn.build_circuit(GRAPH, energies={"out": energy}, precision=precision)
    got = pcn.backprop(circuit, {"x": X}, {"out": target})
    assert got.loss == pytest.approx(expected_loss(PARAMETERS), rel=1e-13)
    assert_all_close(got.gradients, autograd.grad(expected_loss)(PARAMETERS), 1e-13)


# What it returns


def test_values_and_errors_of_every_node_and_sample():
    """A node's error is minus the derivative by something added to it."""
    got = pcn.backprop(GRAPH, {"x": X}, {"out": T})
    assert_close(got.values["out"], plain(functools.partial(mlp, OURS), {"x": X}, PARAMETERS, 5)["out"], 1e-14)
    assert_close(got.values["h"], np.tanh(X @ W1 + B1), 1e-14)
    assert_close(got.errors["out"], T - got.values["out"], 1e-14)
    added = {"d": np.zeros((5, 4))}
    deviated = functools.partial(mlp, AUTOGRAD, **PARAMETERS)
    expected = autograd.grad(lambda p: 0.5 * anp.sum((T - deviated(x=X, d=p["d"])) ** 2))(added)["d"]
    assert_close(got.errors["h"], -expected, 1e-14)
    assert got.values.keys() == GRAPH.nodes.keys() - GRAPH.parameters.keys()
    assert all(v.shape == (5, *GRAPH.nodes[n].shape) for n, v in got.values.items())


def test_the_batch_is_summed_over():
    whole = pcn.backprop(GRAPH, {"x": X}, {"out": T})
    each = [pcn.backprop(GRAPH, {"x": x}, {"out": t}) for x, t in zip(X, T, strict=True)]
    assert whole.loss == pytest.approx(sum(r.loss for r in each), rel=1e-14)
    for name in PARAMETERS:
        assert_close(whole.gradients[name], sum(r.gradients[name] for r in each), 1e-14)
    assert each[0].values["out"].shape == (1, 2)
    assert_close(whole.errors["h"], np.concatenate([r.errors["h"] for r in each]), 1e-14)


def test_a_sample_without_a_batch_axis_is_a_batch_of_one():
    one = pcn.backprop(GRAPH, {"x": X[0]}, {"out": T[0]})
    same = pcn.backprop(GRAPH, {"x": X[:1].tolist()}, {"out": T[:1]})
    assert_all_close(one.gradients, same.gradients, 0.0)


def test_outputs_without_a_target_do_not_count():
    def f(x, w, v):
        return {"a": x @ w, "b": np.sum(x) * v}

    graph = pcn.trace(f, x=pcn.Input((3,)), w=pcn.Parameter(W1), v=pcn.Parameter(2.0))
    only = pcn.backprop(graph, {"x": X}, {"b": np.zeros(5)})
    assert_close(only.gradients["w"], np.zeros((3, 4)), 0.0)
    assert_close(only.gradients["v"], 2.0 * (X.sum(axis=1) ** 2).sum(), 1e-13)
    nothing = pcn.backprop(graph, {"x": X})
    assert nothing.loss == 0.0
    assert not any(g.any() for g in nothing.gradients.values())


def test_a_graph_of_parameters_alone():
    graph = pcn.trace(lambda v, theta: np.tan(np.sqrt(theta * v)), v=pcn.Parameter(0.5), theta=pcn.Parameter(0.7))
    one = pcn.backprop(graph, targets={"out": 1.0})
    value = np.tan(np.sqrt(0.35))
    slope = (value - 1.0) * (1 + value**2) * 0.5 / np.sqrt(0.35)
    assert one.gradients["v"] == pytest.approx(slope * 0.7, rel=1e-14)
    many = pcn.backprop(graph, targets={"out": np.full(4, 1.0)})
    assert many.gradients["theta"] == pytest.approx(4 * slope * 0.5, rel=1e-14)
    assert many.values["out"].shape == (4,)


def test_float32_parameters_are_computed_with_in_float64():
    w = np.float32(0.1)
    graph = pcn.trace(lambda x, w: x * (w * w), x=pcn.Input(()), w=pcn.Parameter(w))
    got = pcn.backprop(graph, {"x": 1.0}, {"out": 0.0})
    assert got.values["out"].item() == float(w) ** 2
    assert got.gradients["w"].dtype == np.float64


def test_other_parameters_and_latents():
    other = {"W1": 2 * W1}
    got = pcn.backprop(GRAPH, {"x": X}, {"out": T}, parameters=other)
    expected = pcn.backprop(GRAPH.with_parameters(other), {"x": X}, {"out": T})
    assert_all_close(got.gradients, expected.gradients, 0.0)
    graph = pcn.trace(lambda z, w: z @ w, z=pcn.Latent((3,), prior=[1.0, 2.0, 3.0]), w=pcn.Parameter(W1))
    mean = np.array([1.0, 2.0, 3.0])
    target = RNG.normal(size=(2, 4))
    at_prior = pcn.backprop(graph, targets={"out": target})
    assert_close(at_prior.errors["z"], (target - mean @ W1) @ W1.T, 1e-13)
    z = RNG.normal(size=(2, 3))
    given = pcn.backprop(graph, targets={"out": target}, latents={"z": z})
    assert_close(given.values["out"], z @ W1, 1e-14)
    assert_close(given.errors["z"], (target - z @ W1) @ W1.T, 1e-13)


def test_what_is_not_finite_is_in_the_gradient_and_warns_of_nothing():
    graph = pcn.trace(lambda x, w: np.exp(1000 * x @ w), x=pcn.Input((3,)), w=pcn.Parameter(np.ones((3, 1))))
    got = pcn.backprop(graph, {"x": np.ones(3)}, {"out": [1.0]})
    assert not np.isfinite(got.gradients["w"]).any()
    assert got.loss == np.inf


# What does not fit


def _with(inputs=None, targets=None, graph=GRAPH, **more):
    return lambda: pcn.backprop(graph, {"x": X} if inputs is None else inputs, targets, **more)


NAN = np.where(np.arange(15).reshape(5, 3) % 7 == 5, np.nan, X)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (_with(inputs={}), UnknownNameError, r"inputs lack x of shape \(3,\)"),
        (_with(inputs={"x": X, "y": X}), UnknownNameError, "unknown input 'y': known: x"),
        (_with(inputs={"W1": X}), UnknownNameError, "unknown input 'W1'"),
        (_with(inputs=X), ParameterError, "inputs are a ndarray; give a dict from names to arrays"),
        (_with(targets=T), ParameterError, "targets are a ndarray; give a dict"),
        (_with(targets={"ou": T}), UnknownNameError, "'ou': did you mean 'out'"),
        (_with(targets={"h": T}), UnknownNameError, "unknown target .*'h'"),
        (
            _with(inputs={"x": X.T}),
            ShapeError,
            r"'x' has shape \(3, 5\); needed is \(3,\), or \(batch, 3\) for a batch",
        ),
        (_with(inputs={"x": 1.0}), ShapeError, r"'x' has shape \(\); needed is \(3,\)"),
        (_with(inputs={"x": X[None]}), ShapeError, r"'x' has shape \(1, 5, 3\)"),
        (_with(inputs={"x": X[:0]}), ShapeError, r"'x' is an empty batch, of shape \(0, 3\)"),
        (_with(targets={"out": T[:, :1]}), ShapeError, r"target 'out' has shape \(5, 1\); needed is \(2,\)"),
        (_with(targets={"out": T[:3]}), ShapeError, "batch sizes differ: input 'x' has 5 samples, target 'out' has 3"),
        (_with(inputs={"x": NAN}), DataError, r"input 'x' has 2 of 15 values that are NaN or infinite.*\(1, 2\)"),
        (_with(targets={"out": np.full((5, 2), -np.inf)}), DataError, r"target 'out' has 10 of 10 .*\(0, 0\)"),
        (_with(inputs={"x": [["a", "b", "c"]]}), DataError, "input 'x' has dtype <U1"),
        (_with(inputs={"x": [[1.0, 2.0], [3.0]]}), DataError, "input 'x' is no array"),
        (_with(parameters={"W3": W1}), UnknownNameError, "unknown parameter 'W3': did you mean 'W"),
        (_with(parameters={"W1": W2}), ShapeError, r"parameter 'W1' has shape \(4, 2\); needed is \(3, 4\)"),
        (_with(parameters={"b1": B1 * np.nan}), DataError, r"parameter 'b1' has 4 of 4 values .*\(0,\)"),
        (_with(latents={"z": W1}), UnknownNameError, "unknown latent 'z': there are none"),
        (_with(graph=mlp), GraphError, "needs a Graph or a Circuit, got a function"),
    ],
)
def test_data_that_does_not_fit(call, error, text):
    with pytest.raises(error, match=text):
        call()
