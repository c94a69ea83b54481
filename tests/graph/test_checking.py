"""The check of a trace: a graph that is not what the function computes is an error that says where the two part."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
import scipy.sparse

import pcneuro as pcn
from pcneuro.errors import PcneuroWarning, TraceError
from tests.helpers import assert_close

X = np.array([1.0, 2.0, 4.0])


def is_plain(x):
    """Whether this is no traced array."""
    return not hasattr(x, "recorder")


def traced(function, check=True, **leaves):
    """The graph of a function of a parameter x, and of leaves."""
    return pcn.trace(function, x=pcn.Parameter(X), check=check, **leaves)


# A difference is an error


def test_the_first_operation_that_parts_is_named_with_its_line_and_both_values():
    def f(x):
        same = np.exp(x)
        gain = 2.0 if is_plain(x) else 3.0
        other = same * gain
        return np.sqrt(other)

    line = f.__code__.co_firstlineno + 3
    with pytest.raises(TraceError) as caught:
        traced(f)
    text = str(caught.value)
    assert "\n" not in text
    assert f"np.multiply (test_checking.py:{line}: other = same * gain) is " in text
    assert f"{2 * np.exp(4.0):.6g} on plain arrays and {3 * np.exp(4.0):.6g} in the graph, at (2,)" in text
    assert "check=False" in text


def test_rounding_changes_no_condition():
    """A condition that is a little off 1 would let an infinity, or a large number, in from the other side."""

    def f(x):
        return np.where(x > 0, x * (2.0 if is_plain(x) else 3.0), 1e18)

    with pytest.raises(TraceError, match="in the graph"):
        traced(f)


def test_the_graph_is_returned_unchecked_where_that_is_asked_for():
    graph = traced(lambda x: x * (2.0 if is_plain(x) else 3.0), check=False)
    assert_close(pcn.backprop(graph).values["out"][0], 3 * X, 1e-15)


def test_a_vertex_is_named_where_no_operation_can_be():
    def f(x):
        h = pcn.vertex(x if is_plain(x) else 2.0 * x, "h")
        return np.tanh(h)

    with pytest.raises(TraceError, match=r"vertex 'h' is 4 on plain arrays and 8 in the graph|np\.tanh"):
        traced(f)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: {"a" if is_plain(x) else "b": 2 * x}, "on plain arrays it returns a, and b while it is traced"),
        (lambda x: "text" if is_plain(x) else 2 * x, "output 'out' is a str on plain arrays"),
        (lambda x: x + (np.nan if is_plain(x) else 0.0), "is nan on plain arrays and"),
        (lambda x: x - (np.inf if is_plain(x) else 0.0), "is -inf on plain arrays and"),
        (lambda x: np.sum(x, axis=0, keepdims=is_plain(x)), "makes an array of shape (1,) on plain arrays"),
    ],
)
def test_every_kind_of_difference_is_found(function, text):
    with pytest.raises(TraceError, match=re.escape(text)):
        traced(function)


@pytest.mark.parametrize("leaf", [pcn.Input((3,)), pcn.Latent((3,)), pcn.Latent((3,), prior=0.0)])
def test_leaves_without_values_have_drawn_ones(leaf):
    with pytest.raises(TraceError, match="the graph is not what"):
        pcn.trace(lambda z: z * (2.0 if is_plain(z) else 3.0), z=leaf)


def test_a_difference_that_rounding_makes_is_none():
    """The sum of deviations from the mean is zero but for rounding, and so is what a chaotic map makes of it."""

    def chaotic(x):
        y = x / 10.0
        for _ in range(200):
            y = 3.9 * y * (1.0 - y)
        return y @ np.ones(3)

    for function in (lambda x: np.sum(x / 3.0 - np.mean(x / 3.0)), chaotic):
        traced(function)


def test_an_error_on_the_leaves_own_values_is_told():
    def f(x):
        if is_plain(x):
            raise ValueError("only while it is traced")
        return 2 * x

    with pytest.raises(TraceError, match=r"f can be traced, but .* raises ValueError: only while it is traced"):
        traced(f)


def test_traced_arrays_that_a_function_keeps_are_told():
    kept = {}

    def f(x):
        return kept.setdefault("y", 2 * x) + 1

    with pytest.raises(TraceError, match="f keeps traced arrays from one call to the next"):
        traced(f)


# What the function sees


def refuses_negative(x):
    """A function that does not take every number."""
    if is_plain(x) and (x < 0).any():
        raise ValueError("x must be positive")
    return np.log(x) * (2.0 if is_plain(x) else 3.0)


def test_draws_that_the_function_refuses_are_drawn_anew():
    with pytest.raises(TraceError, match="the graph is not what"):
        pcn.trace(refuses_negative, x=pcn.Input((3,)))


def test_draws_whose_values_are_not_finite_are_drawn_anew():
    with pytest.raises(TraceError, match="the graph is not what"):
        pcn.trace(lambda x: np.log(x) + (0.0 if is_plain(x) else 1.0), x=pcn.Input((3,)))


def test_indices_are_drawn_where_an_embedding_needs_them():
    with pytest.raises(TraceError, match="the graph is not what"):
        pcn.trace(
            lambda i, w: pcn.ops.embedding(i, w) * (1.0 if is_plain(w) else 2.0),
            i=pcn.Input((3,)),
            w=pcn.Parameter(np.arange(4.0).reshape(2, 2)),
        )


def test_a_function_that_refuses_every_draw_is_not_checked():
    def f(x):
        if is_plain(x):
            raise ValueError("never enough")
        return 2 * x

    assert pcn.trace(f, x=pcn.Input((3,))).outputs


def test_the_function_may_write_to_its_arguments_on_plain_arrays_only():
    leaf = pcn.Parameter(X)

    def f(x):
        y = x + 1.0
        if is_plain(x):
            x[:] = 0.0
        return y

    pcn.trace(f, x=leaf)
    assert leaf.value.tolist() == X.tolist()


def test_numbers_are_numbers_of_numpy():
    seen = []
    pcn.trace(lambda x: seen.append((isinstance(x, float), np.isscalar(x))) or 2 * x, x=pcn.Parameter(0.5))
    assert seen == [(True, True)] * 2


def test_sparse_parameters_are_checked_too():
    matrix = scipy.sparse.csr_array(np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]))
    function = lambda x, w: (x @ w.T) * (1.0 if is_plain(x) else 2.0)  # noqa: E731
    with pytest.raises(TraceError, match="the graph is not what"):
        traced(function, w=pcn.Parameter(matrix))
    graph = traced(lambda x, w: x @ w.T, w=pcn.Parameter(matrix))
    assert_close(pcn.backprop(graph).values["out"][0], matrix @ X, 1e-15)


def test_a_function_prints_once_and_warns_once(capsys):
    def f(x):
        print("called")
        return np.log(x - 2.0)

    with np.errstate(all="warn"):
        pcn.trace(f, x=pcn.Input((3,)))
    assert capsys.readouterr().out == "called\n"


# Random numbers


def test_numbers_that_are_drawn_inside_are_named_in_a_warning():
    rng = np.random.default_rng(0)

    def f(x):
        noise = rng.normal(size=3)
        return x + noise

    line = f.__code__.co_firstlineno + 2
    with pytest.warns(PcneuroWarning) as caught:
        graph = traced(f)
    (text,) = [str(w.message) for w in caught]
    assert f"an array of shape (3,) (test_checking.py:{line}: return x + noise)" in text
    assert "noise=pcn.Input(shape)" in text
    first = np.random.default_rng(0).normal(size=3)
    assert_close(pcn.backprop(graph).values["out"][0], X + first, 1e-15)


@pytest.mark.parametrize("draw", [lambda: np.random.rand(), lambda: random.random()])  # noqa: NPY002
def test_the_common_generators_are_left_as_one_call_leaves_them(draw):
    def f(x):
        return x * draw()

    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    f(X)
    expected = draw()
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    with pytest.warns(PcneuroWarning, match="f returns other values at every call"):
        traced(f)
    assert draw() == expected


@pytest.mark.parametrize("seed", [lambda: np.random.default_rng(3), lambda: np.random.seed(3) or np.random])  # noqa: NPY002
def test_numbers_from_a_generator_that_the_function_makes_are_constants(seed):
    graph = traced(lambda x: x * seed().normal(size=3))
    assert_close(pcn.backprop(graph).values["out"][0], X * seed().normal(size=3), 1e-15)


def test_a_function_that_counts_is_warned_of():
    calls = []

    def f(x):
        calls.append(None)
        return x * len(calls)

    with pytest.warns(PcneuroWarning, match=r"f returns other values at every call: an array of shape \(\) "):
        traced(f)


def test_what_a_difference_costs_is_one_forward_pass(monkeypatch):
    """Where nothing differs, each node is computed once, and the function called once more."""
    from pcneuro.graph.graph import Node

    computed, calls = [], []
    compute = Node.compute
    monkeypatch.setattr(Node, "compute", lambda self, *a: computed.append(self.name) or compute(self, *a))
    graph = traced(lambda x: calls.append(None) or np.tanh(x) * np.exp(x))
    assert len(calls) == 2
    assert computed == [name for name, node in graph.nodes.items() if not node.is_leaf]
