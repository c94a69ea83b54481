"""Graphs, those made by hand included: order, leaves, outputs, and what is no graph."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pcneuro as pcn
from pcneuro.errors import DataError, GraphError, ShapeError, UnknownNameError
from pcneuro.graph.graph import Constant, Graph, Input, Latent, Node, Parameter, check_finite, real_array
from pcneuro.ops.contract import Contract
from pcneuro.ops.gather import Take
from pcneuro.ops.maps import Map
from pcneuro.ops.reduce import Sum
from pcneuro.ops.softmaxes import Softmax


def leaf(name, source):
    """A leaf's node."""
    return Node(name, source, (), source.shape)


def unary(name, operand, function="tanh", shape=(2,)):
    """A node of one operand."""
    return Node(name, Map(function), (operand,), shape)


X, W = leaf("x", Input((2,))), leaf("w", Parameter(np.array([1.0, 2.0])))
H = Node("h", Map("multiply"), ("x", "w"), (2,))
Y = unary("y", "h")


def test_nodes_in_any_order_are_sorted():
    for nodes in itertools.permutations([X, W, H, Y]):
        graph = Graph(nodes, {"out": "y"})
        order = list(graph.nodes)
        assert order.index("h") > max(order.index("x"), order.index("w"))
        assert order.index("y") > order.index("h")
        assert list(graph.inputs) == ["x"]
        assert list(graph.parameters) == ["w"]
        assert graph.outputs["out"] is graph.nodes["y"]


def test_an_order_that_is_one_already_stays():
    assert list(Graph([W, X, H, Y], {"out": "y"}).nodes) == ["w", "x", "h", "y"]


def test_mappings_are_read_only():
    graph = Graph([X, W, H, Y], {"out": "y"})
    for mapping in (graph.nodes, graph.inputs, graph.parameters, graph.outputs, graph.latents, graph.consumers):
        with pytest.raises(TypeError, match="does not support item assignment"):
            mapping["z"] = X


def test_who_uses_what_and_what_all_samples_share():
    constant = leaf("c", Constant(np.ones(2)))
    nodes = [X, W, constant, Node("wc", Map("add"), ("w", "c"), (2,)), H, Node("y", Map("add"), ("h", "wc"), (2,))]
    graph = Graph([*nodes, Node("z", Map("multiply"), ("h", "h"), (2,))], {"out": "y", "other": "z"})
    assert graph.consumers["w"] == ("wc", "h")
    assert graph.consumers["h"] == ("y", "z", "z")
    assert graph.consumers["y"] == ()
    assert graph.shared == {"w", "c", "wc"}


def test_a_latent_is_shared_by_no_samples():
    graph = Graph([leaf("x", Latent((2,), prior=0.0)), unary("y", "x")], {"out": "y"})
    assert graph.shared == frozenset()
    assert list(graph.latents) == ["x"]


def test_a_node_prints_its_size_and_kind():
    assert (X.size, leaf("s", Input(())).size, H.is_leaf, X.is_leaf) == (2, 1, False, True)
    assert H.operator == Map("multiply")
    assert repr(Graph([X, W, H, Y], {"out": "y"})) == "<Graph of 4 nodes: inputs x; parameters w; outputs out>"
    assert "parameters none" in repr(Graph([X, unary("y", "x")], {"out": "y"}))


@pytest.mark.parametrize(
    ("nodes", "outputs", "text"),
    [
        ([X, unary("x", "x")], {"out": "x"}, "the name 'x' is used twice"),
        ([X, unary("1", "x")], {"out": "1"}, "'1' is no name for a vertex"),
        ([X, unary("y", "z")], {"out": "y"}, "node 'y' uses 'z', which is no node of the graph"),
        ([X, unary("y", "x")], {"out": "z"}, "output 'out' is the node 'z', which is no node"),
        ([X, W, H, Y], {"out": "h"}, "which other nodes use"),
        ([X, unary("y", "x")], {"out": "x"}, "which other nodes use or which is a leaf"),
        ([X], {"out": "x"}, "which is a leaf"),
        ([X, unary("y", "x")], {}, "at least one output"),
        ([X, unary("y", "x")], {"a": "y", "b": "y"}, "a node of its own for each"),
        ([X, Node("c", Constant(np.ones(2)), ("x",), (2,)), unary("y", "c")], {"out": "y"}, "leaf 'c' has operands: x"),
    ],
)
def test_what_is_no_graph(nodes, outputs, text):
    with pytest.raises(GraphError, match=text):
        Graph(nodes, outputs)


def test_a_name_used_twice_says_where():
    twice = [Node("y", Map("tanh"), ("x",), (2,), where=f"model.py:{k}: line") for k in (3, 7)]
    with pytest.raises(GraphError, match=r"twice \(model\.py:3: line\) \(model\.py:7: line\)"):
        Graph([X, *twice], {"out": "y"})


@pytest.mark.parametrize("length", [1, 2, 5])
def test_cycles_are_told_node_by_node(length):
    names = [f"n{k}" for k in range(length)]
    ring = [Node(n, Map("add"), ("x", names[k - 1]), (2,)) for k, n in enumerate(names)]
    with pytest.raises(GraphError, match=r"the graph has a cycle: .*; close it by a Recurrent leaf") as caught:
        Graph([X, *ring, unary("y", "n0")], {"out": "y"})
    cycle = str(caught.value).split(": ")[1].split(";")[0].split(" -> ")
    assert cycle[0] == cycle[-1]
    assert sorted(cycle[1:]) == names
    # An arrow points from what is used to what uses it.
    assert all(names[names.index(b) - 1] == a for a, b in itertools.pairwise(cycle))


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (unary("y", "x", shape=(3,)), r"node 'y' has shape \(3,\), its operator makes \(2,\)"),
        (Node("y", Map("add"), ("x",), (2,)), r"add takes 2 operand\(s\), got 1"),
        (Node("y", Map("add"), ("x", "v"), (2,)), r"shapes \(2,\) and \(3,\) do not broadcast"),
        (Node("y", Contract("k,k->"), ("x", "v"), ()), r"shapes \(2,\) and \(3,\) do not fit \('k' is 2 and 3\)"),
        (Node("y", Contract("k,k->"), ("x",), ()), "takes 2 operands, got 1"),
        (Node("y", Contract("mk,k->m"), ("x", "v"), ()), r"an operand of shape \(2,\) for 'mk'"),
        (Node("y", Sum((1,)), ("x",), ()), r"sum over axes \(1,\) of shapes \(2,\)"),
        (Node("y", Sum((0,)), (), ()), "sum over axes"),
        (Node("y", Softmax(1), ("x",), (2,)), "softmax over axis 1"),
        (Node("y", Take("index", np.array([5])), ("x",), (1,)), "its indices run to 5"),
        (Node("y", Input((2,)), (), (3,)), r"node 'y' has shape \(3,\), its leaf is \(2,\)"),
    ],
)
def test_shapes_that_no_operator_makes(node, text):
    with pytest.raises(ShapeError, match=text):
        Graph([X, leaf("v", Input((3,))), node, unary("z", "x")], {"out": "z"})


def test_with_parameters():
    graph = Graph([X, W, H, Y], {"out": "y"})
    other = graph.with_parameters({"w": np.array([3.0, 4.0])})
    assert other.nodes["w"].source.value.tolist() == [3.0, 4.0]
    assert graph.nodes["w"].source.value.tolist() == [1.0, 2.0]
    assert other.outputs["out"].name == "y"
    with pytest.raises(ShapeError, match=r"'w' has shape \(3,\); needed is \(2,\)"):
        graph.with_parameters({"w": np.zeros(3)})
    with pytest.raises(UnknownNameError, match="unknown parameter 'x'"):
        graph.with_parameters({"x": np.zeros(2)})


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=6))
def test_check_finite_counts_and_finds(values):
    array = np.array(values)
    bad = [i for i, v in enumerate(values) if not np.isfinite(v)]
    if not bad:
        check_finite("x", array)
        return
    with pytest.raises(DataError) as caught:
        check_finite("x", array)
    assert f"x has {len(bad)} of {len(values)} values" in str(caught.value)
    assert f"the first at ({bad[0]},)" in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int8, np.uint64, bool])
def test_real_arrays_are_float64_unless_float32(dtype):
    expected = np.float32 if dtype == np.float32 else np.float64
    assert real_array("x", np.ones(2, dtype)).dtype == expected
    assert real_array("x", [1, 2]).dtype == np.float64
    with pytest.raises(DataError, match="x has dtype complex64"):
        real_array("x", np.ones(2, np.complex64))


@st.composite
def dags(draw):
    """Operands of each node of a random graph, by number; 0 is the input."""
    n = draw(st.integers(1, 8))
    return [draw(st.lists(st.integers(0, k), min_size=1, max_size=2)) for k in range(n)]


@given(dags(), st.randoms())
def test_any_order_of_a_random_graph_gives_the_same_values(operands, random):
    """Sorting neither loses nodes nor changes what they compute, nor does renaming them."""
    nodes = [X]
    for k, used in enumerate(operands, 1):
        function = "tanh" if len(used) == 1 else "add"
        nodes.append(Node(f"n{k}", Map(function), tuple("x" if i == 0 else f"n{i}" for i in used), (2,)))
    consumed = {name for node in nodes for name in node.operands}
    outputs = {n.name: n.name for n in nodes[1:] if n.name not in consumed}
    expected = pcn.backprop(Graph(nodes, outputs), {"x": np.array([0.3, -0.4])}).values
    renamed = {n.name: f"other_{n.name}" if not n.is_leaf else n.name for n in nodes}
    shuffled = [Node(renamed[n.name], n.source, tuple(renamed[o] for o in n.operands), n.shape) for n in nodes]
    random.shuffle(shuffled)
    graph = Graph(shuffled, {k: renamed[v] for k, v in outputs.items()})
    got = pcn.backprop(graph, {"x": np.array([0.3, -0.4])}).values
    assert len(got) == len(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[renamed[name]], value)
