"""Formulas are trees; their text must be read back as what it was written from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pcneuro as pcn
from pcneuro.errors import ExpressionError
from pcneuro.ops.formula import Formula, evaluate, parse, substitute, to_text
from pcneuro.ops.maps import FUNCTIONS, Map, elementwise

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
def test_description_says_the_operator_and_its_derivatives(name: str) -> None:
    operator = Map(name)
    written = operator.description.formula
    operands = [np.array([[0.3, 0.6]]), np.array([[0.4, 0.2]]), np.array([[0.1, 0.2]]), np.ones((1, 2))][
        : len(written.variables)
    ]
    operands = [1 + a for a in operands] if name == "arccosh" else operands
    operands = [np.array([[1.0, 2.0]]), operands[1]] if name == "polygamma" else operands
    variables = dict(zip(written.variables, operands, strict=True))
    output = evaluate(parse(written.expression, written.variables, True), variables)
    assert output == pytest.approx(operator.forward(*operands))
    for k, text in enumerate(written.derivatives):
        derivative = evaluate(parse(text, (*written.variables, "out"), True), variables | {"out": output})
        assert derivative * np.ones((1, 2)) == pytest.approx(operator.vjp(k, np.ones((1, 2)), output, *operands))


def test_description_of_an_expression_has_the_users_names() -> None:
    assert Map("a*tanh(b/2)", ("a", "b")).description.formula.variables == ("a", "b")
    assert elementwise("a*tanh(b/2)", ("a", "b"))(2.0, 0.0) == 0.0


# The grammar is closed: a saved circuit is text that somebody else may have written


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("__import__('os').system('x')", "(Call)"),
        ("x.__class__", "(Attribute)"),
        ("lambda: x", "(Lambda)"),
        ("[x for x in x]", "(ListComp)"),
        ("x if x else x", "(IfExp)"),
        ("x[0]", "(Subscript)"),
        ("x and x", "(BoolOp)"),
        ("x < 1", "(Compare)"),
        ("x % 2", "(BinOp)"),
        ("~x", "(UnaryOp)"),
        ("(x, x)", "(Tuple)"),
        ("f'{x}'", "(JoinedStr)"),
        ("'a'", "(Constant)"),
        ("1j", "(Constant)"),
        ("True", "(Constant)"),
        ("sin(*x)", "(Starred)"),
        ("sin(x=x)", "(Call)"),
        ("(sin)(x)(x)", "(Call)"),
        ("eval(x)", "the function 'eval'"),
        ("x(2)", "the function 'x'"),
        ("sin", "the name 'sin'"),
        ("é", "the name 'é'"),
        ("heaviside(x)", "the function 'heaviside'"),
        ("exceeds(x, x)", "the function 'exceeds'"),
    ],
)
def test_what_is_no_expression_is_refused_by_name(text, got):
    with pytest.raises(ExpressionError) as caught:
        elementwise(text)
    assert f"expression {text!r} uses " in str(caught.value)
    assert got in str(caught.value)
    assert "known are the variables x, the constants pi, e, ln2" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not parse"),
        ("x +", "does not parse"),
        ("x; x", "does not parse"),
        ("x = 1", "does not parse"),
        ("(x := 1)", "NamedExpr"),
        ("import os", "does not parse"),
        ("x\n+ 1", "does not parse"),
        ("x\0", "does not parse"),
        ("1if x else 2", "does not parse"),
        ("0777", "does not parse"),
        ("1e999*x", "a number too large for a float"),
        ("9" * 500, "a number too large for a float"),
        ("9" * 5000, "5000 characters; 2000 are the most"),
        ("-" * 150 + "x", "nested more than 100 deep"),
        ("+".join(["x"] * 150), "nested more than 100 deep"),
        ("sin(" * 150 + "x" + ")" * 150, "nested more than 100 deep"),
        ("(" * 900 + "x" + ")" * 900, "does not parse"),
        ("sin(x, x)", "sin takes 1 argument(s), got 2"),
        ("gelu()", "gelu takes 1 argument(s), got 0"),
        ("9**9**9**9", "a constant part of it is not finite"),
        ("x*log(0)", "a constant part of it is not finite"),
        ("x/0", "a constant part of it is not finite"),
        ("log(-2) + x", "a constant part of it is not finite"),
    ],
)
def test_what_does_not_parse_is_told_in_one_short_line(text, why):
    with pytest.raises(ExpressionError) as caught:
        elementwise(text)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_variables_are_names_and_different():
    for variables, text in (
        (("out",), "is no name"),
        (("1",), "is no name"),
        (("a", "a"), "twice"),
        ((), "no variables"),
    ):
        with pytest.raises(ExpressionError, match=text):
            elementwise("2.0", variables)
    assert elementwise("pi*e", ("e",))(2.0) == pytest.approx(2 * np.pi)
    assert elementwise(" x + 1 ")(2.0) == 3.0


def test_a_hostile_but_valid_expression_takes_no_time():
    """Powers of powers are not worked out: this one would have 2^90 digits."""
    function = elementwise("square(" * 90 + "x + x" + ")" * 90)
    assert function(0.5) == 1.0
    assert elementwise("(x + x)**1e18")(0.25) == 0.0


def test_functions_of_the_package_can_be_composed():
    x = np.linspace(-2, 2, 9)
    expected = pcn.ops.softplus(pcn.ops.gelu(2 * x)) + abs(x)
    np.testing.assert_allclose(elementwise("softplus(gelu(2*x)) + abs(x)")(x), expected, rtol=1e-15)


@given(_FORMULAS)
def test_substitution_is_composition(formula: Formula) -> None:
    inner = {"x": ("tanh", "y"), "y": ("multiply", 0.5, "x")}
    x, y = np.float64(0.7), np.float64(1.3)
    with np.errstate(all="ignore"):
        try:
            expected = evaluate(formula, {"x": np.tanh(y), "y": 0.5 * x})
        except (ZeroDivisionError, OverflowError):
            return
        got = evaluate(substitute(formula, inner), {"x": x, "y": y})
    assert got == pytest.approx(expected, rel=1e-14, nan_ok=True)
