"""Expressions of somebody else: refused in a line, or differentiated in bounded time; their size is known before."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pcneuro as pcn
from pcneuro.errors import CircuitFileError, ExpressionError
from pcneuro.ops.derivatives import derivatives
from pcneuro.ops.formula import COMPOSED, FUNCTIONS, MAX_DERIVATIVE, MAX_NODES, evaluate, nodes, parse
from tests.archives_for_tests import rewrite

MOST_SECONDS = 20.0
"""CPU for one expression: some ten times what the slowest known takes, and far below what doubles at each level."""
UNARY = sorted(name for name in FUNCTIONS if name not in ("hypot", "maximum", "minimum", "max", "min", "logaddexp"))


def nested(name: str, levels: int) -> str:
    return f"{name}(" * levels + "x" + ")" * levels


@pytest.mark.parametrize("levels", [7, 15, 60, 98])
def test_functions_that_use_their_operand_twice_do_not_double_the_cost(levels, tmp_path):
    begun = time.process_time()
    with pytest.raises(ExpressionError, match=f"when written out; {MAX_NODES} are the most"):
        pcn.elementwise(nested("gelu", levels))
    path = tmp_path / "circuit"
    gate = pcn.elementwise("tanh(x)")
    pcn.build_circuit(pcn.trace(lambda x: pcn.vertex(gate(x), "h"), x=pcn.Input((2,)))).save(path)
    rewrite(path, lambda f, a: f["nodes"][-1]["attributes"].update(function=nested("gelu", levels)))
    with pytest.raises(CircuitFileError, match="are the most"):
        pcn.load_circuit(path)
    assert time.process_time() - begun < MOST_SECONDS


def test_what_is_within_bounds_is_right():
    """Six levels, with the derivative by complex steps, and in a circuit."""
    text = nested("gelu", 6)
    x = np.linspace(0.5, 2.0, 7)
    slope = derivatives(parse(text, ("x",)), ("x",))[0]
    assert nodes(slope) <= MAX_DERIVATIVE
    difference = (pcn.elementwise(text)(x + 1e-6) - pcn.elementwise(text)(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(evaluate(slope, {"x": x}), difference, rtol=1e-6)
    gate = pcn.elementwise(nested("gelu", 5))
    graph = pcn.trace(lambda w: pcn.vertex(gate(w), "out"), w=pcn.Parameter(x))
    actual = pcn.backprop(pcn.build_circuit(graph), targets={"out": np.zeros((1, 7))}).gradients["w"]
    value, slope = gate(x), derivatives(parse(nested("gelu", 5), ("x",)), ("x",))[0]
    np.testing.assert_allclose(actual, value * evaluate(slope, {"x": x}), rtol=1e-12)


def test_a_shared_part_is_one_object():
    formula = parse(nested("gelu", 6), ("x",))
    slope = derivatives(formula, ("x",))[0]
    for each, most in ((formula, 60), (slope, 300)):
        parts: dict[int, object] = {}

        def collect(part, parts=parts):
            if isinstance(part, tuple) and id(part) not in parts:
                parts[id(part)] = part
                for argument in part[1:]:
                    collect(argument)

        collect(each)
        assert len(parts) < most < nodes(each)


@pytest.mark.parametrize(
    "text",
    ["**".join(["x"] * 95), "(" * 90 + "x" + "**x)" * 90, "/".join(f"(x+{k})" for k in range(2, 100)), "9**9**9**9*x"],
)
def test_expressions_that_grow_when_differentiated(text):
    begun = time.process_time()
    with pytest.raises(ExpressionError):
        pcn.elementwise(text)
    assert time.process_time() - begun < MOST_SECONDS


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "y", "0", "1", "2.5", "-3", "1e308", "1e-320", "9**9", "pi", "1e400", "z", "1j", "''"]),
    lambda inner: st.one_of(
        st.builds("({}{}{})".format, inner, st.sampled_from(["+", "-", "*", "/", "**", "%", ","]), inner),
        st.builds("{}({})".format, st.sampled_from([*UNARY, *COMPOSED, "eval"]), inner),
        st.builds("{}({}, {})".format, st.sampled_from(["hypot", "max", "logaddexp"]), inner, inner),
        st.builds(
            lambda text, name, n: f"{name}(" * n + text + ")" * n, inner, st.sampled_from(UNARY), st.integers(1, 9)
        ),
        st.builds(lambda text, sign: f"({text}{sign}{text})", inner, st.sampled_from(["*", "+", "**", "/"])),
        st.builds(lambda text, n: text[: n % (len(text) + 1)], inner, st.integers(0, 999)),
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("count", [1000, pytest.param(100_000, marks=pytest.mark.long)])
def test_any_text(count):
    @settings(max_examples=count)
    @given(EXPRESSIONS)
    def holds(text):
        begun = time.process_time()
        with contextlib.suppress(ExpressionError), np.errstate(all="ignore"):
            pcn.elementwise(text, ("x", "y"))(0.5, 2.0)
        assert time.process_time() - begun < MOST_SECONDS

    holds()
