"""Formulas are trees; their text must be read back as what it was written from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcneuro.ops.elementwise import FUNCTIONS, Map, elementwise
from pcneuro.ops.formula import Formula, evaluate, parse, to_text

_LEAVES = st.sampled_from(["x", "y", 2.0, 3.0, 0.5, -2.0])
_FORMULAS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["add", "subtract", "multiply", "divide", "power"]), inner, inner),
        st.tuples(st.sampled_from(["negative", "square", "reciprocal", "tanh"]), inner),
    ),
    max_leaves=8,
)


@given(_FORMULAS)
def test_text_is_read_back_as_the_same_function(formula: Formula) -> None:
    # NumPy's numbers, so that a division by zero is infinite in both and not an error of Python's floats.
    variables = {"x": np.float64(0.7), "y": np.float64(1.3)}
    text = to_text(formula)
    with np.errstate(all="ignore"):
        try:
            expected = evaluate(formula, variables)
        except (ZeroDivisionError, OverflowError):
            return
        assert evaluate(parse(text, ("x", "y"), True), variables) == pytest.approx(expected, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (("power", ("square", "x"), "y"), "(x**2)**y"),
        (("power", -2.0, "x"), "(-2)**x"),
        (("subtract", "x", ("subtract", "y", 1.0)), "x - (y - 1)"),
        (("multiply", ("add", "x", "y"), ("tanh", ("add", "x", "y"))), "(x + y)*tanh(x + y)"),
        (("negative", ("square", "x")), "-x**2"),
    ],
)
def test_parentheses_where_they_are_needed(formula: Formula, text: str) -> None:
    assert to_text(formula) == text


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_role_says_the_operator_and_its_derivatives(name: str) -> None:
    operator = Map(name)
    role = operator.role
    operands = [np.array([[0.3, 0.6]]), np.array([[0.4, 0.2]])][: len(role.variables)]
    operands = [1 + a for a in operands] if name == "arccosh" else operands
    variables = dict(zip(role.variables, operands, strict=True))
    output = evaluate(parse(role.expression, role.variables, True), variables)
    assert output == pytest.approx(operator.forward(*operands))
    for k, text in enumerate(role.derivatives):
        derivative = evaluate(parse(text, (*role.variables, "out"), True), variables | {"out": output})
        assert derivative * np.ones((1, 2)) == pytest.approx(operator.vjp(k, np.ones((1, 2)), output, *operands))


def test_role_of_an_expression_has_the_users_names() -> None:
    assert Map("a*tanh(b/2)", ("a", "b")).role.variables == ("a", "b")
    assert elementwise("a*tanh(b/2)", ("a", "b"))(2.0, 0.0) == 0.0
