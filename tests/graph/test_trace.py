"""Tracing: which graph a function becomes, what it may return, and how names are given."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import DataError, GraphError, ShapeError, TraceError, UnknownNameError
from pcneuro.graph.graph import Constant
from tests.helpers import assert_all_close, assert_close, plain

SAMPLE = {"x": np.array([0.3, -0.7, 1.1])}
W = np.array([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]])


def traced(function, **parameters):
    """The graph of a function of an input x of shape (3,) and parameters."""
    return pcn.trace(function, x=pcn.Input((3,)), **{n: pcn.Parameter(p) for n, p in parameters.items()})


def outputs(graph, batch):
    """Outputs by feedforward sweep."""
    values = pcn.backprop(graph, batch).values
    return {name: values[node.name] for name, node in graph.outputs.items()}


# What the graph has


def test_the_example_of_the_design():
    def mlp(x, W1, b1, W2):
        h1 = pcn.vertex(np.tanh(x @ W1 + b1), "h1")
        return pcn.vertex(h1 @ W2, "out")

    parameters = {"W1": W, "b1": np.array([0.1, 0.2]), "W2": np.array([[1.0], [2.0]])}
    graph = traced(mlp, **parameters)
    assert list(graph.nodes) == ["x", "W1", "b1", "W2", "matmul", "add", "h1", "out"]
    assert list(graph.inputs) == ["x"]
    assert list(graph.parameters) == ["W1", "b1", "W2"]
    assert list(graph.outputs) == ["out"]
    assert [n for n, node in graph.nodes.items() if node.marked] == ["h1", "out"]
    assert graph.nodes["h1"].operands == ("add",)
    assert graph.nodes["h1"].shape == (2,)
    assert graph.nodes["h1"].where == 'test_trace.py:37: h1 = pcn.vertex(np.tanh(x @ W1 + b1), "h1")'.replace(
        "37", str(mlp.__code__.co_firstlineno + 1)
    )
    batch = {"x": np.random.default_rng(0).normal(size=(5, 3))}
    assert_all_close(outputs(graph, batch), plain(mlp, batch, parameters, 5), 1e-14)


def test_a_function_runs_unmodified_on_plain_arrays():
    def f(x, w):
        return {"a": pcn.vertex(pcn.ops.relu(x) * w, "h"), "b": pcn.elementwise("x**2")(x)}

    assert f([1.0, -1.0], 2.0)["a"].tolist() == [2.0, 0.0]
    assert f(np.array([1, -3]), 2)["b"].tolist() == [1.0, 9.0]


def test_unnamed_nodes_are_called_after_their_operation_and_numbered():
    def f(x):
        constant = pcn.vertex(x * 2.0, "constant")
        return np.sin(np.sin(constant)) + 2.0

    assert list(traced(f).nodes) == ["x", "constant_1", "constant", "sin", "sin_1", "constant_2", "out"]


def test_what_no_output_needs_is_left_out_and_what_has_a_name_stays():
    def f(x, w, unused):
        np.exp(x)
        pcn.vertex(x - 1, "observed")
        return x * w

    graph = traced(f, w=2.0, unused=3.0)
    assert list(graph.nodes) == ["x", "w", "unused", "constant", "observed", "out"]
    assert pcn.backprop(graph, SAMPLE, {"out": np.ones(3)}).gradients["unused"] == 0.0


def test_many_nodes_are_named_in_linear_time():
    def f(x):
        for _ in range(3000):
            x = np.sin(x)
        return x

    assert len(traced(f).nodes) == 3001


def test_leaves_of_every_kind():
    def f(x, p, z, i, f32, b):
        return x * p + z + i.sum() + f32 + b

    graph = pcn.trace(
        f,
        x=pcn.Input(3),
        p=pcn.Parameter(np.float64(2.0)),
        z=pcn.Latent((3,), prior=[1.0, 2.0, 3.0]),
        i=pcn.Parameter([1, 2]),
        f32=pcn.Parameter(np.float32(0.1)),
        b=pcn.Parameter(True),
    )
    assert graph.nodes["x"].shape == (3,)
    assert graph.nodes["p"].shape == ()
    assert list(graph.latents) == ["z"]
    assert graph.nodes["i"].source.value.dtype == np.float64
    assert graph.nodes["f32"].source.value.dtype == np.float32
    result = pcn.backprop(graph, SAMPLE, {"out": np.zeros(3)})
    expected = SAMPLE["x"] * 2 + [1, 2, 3] + 3 + np.float32(0.1) + 1
    assert_close(result.values["out"][0], expected, 1e-15)
    assert {n: g.dtype for n, g in result.gradients.items()} == dict.fromkeys(["p", "i", "f32", "b"], np.float64)


def test_a_parameter_is_a_copy_that_nobody_writes_to():
    array = np.ones(3)
    leaf = pcn.Parameter(array)
    array[0] = 5.0
    assert leaf.value.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        leaf.value[0] = 2.0


def test_constants_of_the_function_are_copies():
    scale = np.array([1.0, 2.0, 3.0])
    graph = traced(lambda x: x * scale)
    scale[:] = 0.0
    assert_close(outputs(graph, SAMPLE)["out"][0], SAMPLE["x"] * [1, 2, 3], 0.0)
    assert isinstance(graph.nodes["constant"].source, Constant)


def test_closures_classes_and_partials_are_functions():
    class Model:
        gain = 3.0

        def __call__(self, x):
            return self.gain * x

    for function in (Model(), Model().__call__, functools.partial(lambda g, x: g * x, 3.0)):
        assert_close(outputs(traced(function), SAMPLE)["out"][0], 3 * SAMPLE["x"], 1e-15)


# What a function returns


def test_a_single_output_has_the_name_of_its_vertex_or_is_called_out():
    assert list(traced(lambda x: 2 * x).outputs) == ["out"]
    assert list(traced(lambda x: pcn.vertex(2 * x, "y")).outputs) == ["y"]
    assert traced(lambda x: {"z": pcn.vertex(2 * x, "y")}).outputs["z"].name == "y"


RETURNED = {
    "an input": lambda x, w: x,
    "a parameter": lambda x, w: w,
    "an input under its own name": lambda x, w: {"x": x},
    "the same array twice": lambda x, w: (lambda h: {"a": h, "b": h})(x * w),
    "the same vertex twice": lambda x, w: (lambda h: {"h": h, "b": h})(pcn.vertex(x * w, "h")),
    "a vertex that is used": lambda x, w: (lambda h: {"h": h, "g": np.tanh(h)})(pcn.vertex(x * w, "h")),
    "an array that is used": lambda x, w: (lambda h: {"a": h, "b": h * h})(x * w),
    "an output called as a leaf": lambda x, w: {"x": x * w},
    "an output called as another vertex": lambda x, w: {"h": pcn.vertex(x * w, "h") + 1},
    "a view": lambda x, w: {"a": x[:2] * w, "b": np.reshape(x, 3)},
    "a mapping": lambda x, w: {"a": x * w}.items().mapping,
}


@pytest.mark.parametrize("function", RETURNED.values(), ids=RETURNED)
def test_every_output_has_a_node_of_its_own_and_its_name(function):
    graph = traced(function, w=1.5)
    expected = function(x=SAMPLE["x"], w=np.array(1.5))
    expected = dict(expected) if not isinstance(expected, np.ndarray) else {"out": expected}
    got = outputs(graph, SAMPLE)
    assert got.keys() == expected.keys()
    for name in expected:
        assert_close(got[name][0], expected[name], 1e-15, name)
        assert all(graph.outputs[name].name not in node.operands for node in graph.nodes.values())
    targets = {name: np.ones(np.shape(a)) for name, a in expected.items()}
    loss = 0.5 * sum(((a - 1) ** 2).sum() for a in expected.values())
    assert pcn.backprop(graph, SAMPLE, targets).loss == pytest.approx(loss)


def test_a_readout_is_named_after_what_it_reads():
    graph = traced(RETURNED["a vertex that is used"], w=1.0)
    assert {name: node.name for name, node in graph.outputs.items()} == {"h": "h_readout", "g": "g"}
    assert graph.nodes["h_readout"].operands == ("h",)


def test_a_single_vertex_that_is_used_is_read_out_under_its_name():
    def f(x):
        h = pcn.vertex(2 * x, "h")
        pcn.vertex(np.tanh(h), "observed")
        return h

    graph = traced(f)
    assert {name: node.name for name, node in graph.outputs.items()} == {"h": "h_readout"}
    assert_close(outputs(graph, SAMPLE)["h"][0], 2 * SAMPLE["x"], 1e-15)


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x: None, TraceError, "output 'out' is a NoneType"),
        (lambda x: 3.0, TraceError, "output 'out' is a float"),
        (lambda x: np.zeros(3), TraceError, "output 'out' is a ndarray"),
        (lambda x: (x, x), TraceError, "output 'out' is a tuple, .* or a dict of them by name"),
        (lambda x: [x], TraceError, "output 'out' is a list"),
        (lambda x: {"a": x, "b": {"c": x}}, TraceError, "output 'b' is a dict"),
        (lambda x: {"a": 1.0}, TraceError, "output 'a' is a float"),
        (lambda x: {}, GraphError, "no output"),
        (lambda x: {1: 2 * x}, GraphError, "1 is no name for an output"),
        (lambda x: {"": 2 * x}, GraphError, "'' is no name for an output"),
        (lambda x: {"a b": 2 * x}, GraphError, "'a b' is no name for an output"),
    ],
)
def test_what_cannot_be_returned(function, error, text):
    with pytest.raises(error, match=text):
        traced(function)


# Names


@pytest.mark.parametrize("name", ["", "1a", "_a", "a-b", "a.value", "a b", "é", "a\n", None, 3])
def test_names_that_no_vertex_can_have(name):
    with pytest.raises(GraphError, match=r"is no name for a vertex: give letters.*\(test_trace\.py:\d+: "):
        traced(lambda x: pcn.vertex(2 * x, name))


def test_names_that_no_leaf_can_have():
    with pytest.raises(GraphError, match="'_x' is no name"):
        pcn.trace(lambda _x: 2 * _x, _x=pcn.Input(3))


def test_a_name_used_twice_is_told_with_both_lines():
    def f(x):
        h = pcn.vertex(2 * x, "h")
        return pcn.vertex(3 * h, "h")

    with pytest.raises(GraphError) as caught:
        traced(f)
    first = f.__code__.co_firstlineno + 1
    text = str(caught.value)
    assert f"'h' is used twice: for the vertex of test_trace.py:{first}: h = pcn.vertex(2 * x, \"h\")" in text
    assert f'(test_trace.py:{first + 1}: return pcn.vertex(3 * h, "h"))' in text
    with pytest.raises(
        GraphError,
        match=r"'x' is used twice: for the leaf 'x', and.*; call the argument something else, such as x_before",
    ):
        traced(lambda x: pcn.vertex(2 * x, "x"))


def test_a_leaf_or_a_vertex_that_is_marked_gets_a_vertex_of_its_own():
    graph = traced(lambda x: pcn.vertex(pcn.vertex(pcn.vertex(x, "a"), "b") * 2, "c"))
    assert list(graph.nodes) == ["x", "a", "b", "constant", "c"]
    assert graph.nodes["b"].operands == ("a",)


# Leaves and data that do not fit


@pytest.mark.parametrize("leaf", [np.ones(3), 3.0, (3,), None, "x", pcn.Input])
def test_a_leaf_that_is_none(leaf):
    kind = type(leaf).__name__
    with pytest.raises(TraceError, match=rf"leaf 'x' is a {kind}: wrap it as Input\(shape\), Parameter\(array\)"):
        pcn.trace(lambda x: 2 * x, x=leaf)


def test_leaves_that_are_not_the_functions_arguments():
    def f(x, w):
        return x * w

    with pytest.raises(TraceError, match=r"calling f with leaves x: .*missing a required argument: 'w'"):
        traced(f)
    with pytest.raises(TraceError, match=r"calling f with leaves x, w, v: .*unexpected keyword argument 'v'"):
        traced(f, w=1.0, v=2.0)
    with pytest.raises(TraceError, match="output"):
        pcn.trace(lambda: 3.0)


def test_errors_of_the_function_itself_pass_through():
    def f(x):
        return [1, 2] + 3

    with pytest.raises(TypeError, match="can only concatenate list") as caught:
        traced(f)
    assert not isinstance(caught.value, TraceError)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: pcn.Parameter(np.array([1, 1j])), DataError, "Parameter has dtype complex128; real numbers"),
        (lambda: pcn.Parameter(np.array(["a"])), DataError, "Parameter has dtype <U1; real numbers"),
        (lambda: pcn.Parameter([[1.0], [1.0, 2.0]]), DataError, "Parameter is no array"),
        (lambda: pcn.Parameter(None), DataError, "dtype object"),
        (lambda: pcn.Parameter(np.zeros((2, 0))), ShapeError, r"shape \(2, 0\): every axis needs at least one"),
        (lambda: pcn.Input((3, 0)), ShapeError, r"Input of shape \(3, 0\): every axis needs"),
        (lambda: pcn.Input((-1,)), ShapeError, "every axis needs"),
        (lambda: pcn.Input((2.5,)), ShapeError, r"tuple of whole numbers; got \(2.5,\)"),
        (lambda: pcn.Input("34"), ShapeError, "got '34'"),
        (lambda: pcn.Input(None), ShapeError, "got None"),
        (lambda: pcn.Latent((3,), prior=[1.0, 2.0]), ShapeError, r"shape \(3,\) has a prior of shape \(2,\)"),
        (lambda: pcn.Latent((2,), prior=[1.0, np.nan]), DataError, r"prior of a Latent has 1 of 2 values .* \(1,\)"),
        (lambda: traced(lambda x, w: x * w, w=[1.0, np.nan, np.inf]), DataError, r"'w' has 2 of 3 values .* \(1,\)"),
    ],
)
def test_leaves_that_cannot_be(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_constant_that_is_no_number_is_refused_with_the_line():
    with pytest.raises(DataError, match=r"a constant has 1 of 3 values NaN \(test_trace\.py:\d+: "):
        traced(lambda x: x + np.array([1.0, np.nan, np.inf]))
    graph = traced(lambda x: np.maximum(x, -np.inf))
    assert_close(outputs(graph, SAMPLE)["out"][0], SAMPLE["x"], 0.0)


def test_unknown_names_are_answered_with_the_nearest():
    graph = traced(lambda x, weights: {"reading": x * weights}, weights=1.0)
    for call, text in (
        (lambda: pcn.backprop(graph, SAMPLE, {"readin": np.ones(3)}), "'readin': did you mean 'reading'?"),
        (lambda: graph.with_parameters({"weigths": np.ones(())}), "'weigths': did you mean 'weights'?"),
    ):
        with pytest.raises(UnknownNameError) as caught:
            call()
        assert text in str(caught.value)
