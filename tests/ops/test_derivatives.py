"""Derivatives of expressions by SymPy, against complex steps and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcneuro.errors import ExpressionError
from pcneuro.ops.derivatives import derivatives
from pcneuro.ops.formula import Formula, evaluate, parse, to_text
from pcneuro.ops.maps import Map

SMOOTH = ["sin", "cos", "tanh", "exp", "arctan", "arcsinh", "square", "sigmoid"]
FORMULAS = st.recursive(
    st.sampled_from(["x", "y", 2.0, 0.5, -1.0, 1.0]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["add", "subtract", "multiply"]), inner, inner),
        st.tuples(st.sampled_from([*SMOOTH, "negative"]), inner),
        # Denominators and bases of powers are positive.
        st.tuples(st.just("divide"), inner, st.tuples(st.just("add"), st.just(2.0), st.tuples(st.just("sin"), inner))),
        st.tuples(st.just("power"), st.tuples(st.just("sigmoid"), inner), inner),
    ),
    max_leaves=6,
)


@given(FORMULAS)
def test_random_formulas_against_complex_steps(formula: Formula) -> None:
    point = {"x": np.array([0.3, -0.8]), "y": np.array([1.1, 0.2])}
    with np.errstate(all="ignore"):
        value = np.asarray(evaluate(formula, point))
        if not np.isfinite(value).all() or np.abs(value).max() > 1e6:
            return
        try:
            actual = derivatives(formula, ("x", "y"))
        except ExpressionError:
            return
        for name, derivative in zip(("x", "y"), actual, strict=True):
            stepped = evaluate(formula, {k: v + 1e-30j * (k == name) for k, v in point.items()})
            expected = np.imag(stepped) / 1e-30 * np.ones(2)
            got = evaluate(derivative, point) * np.ones(2)
            if np.isfinite(expected).all():
                np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9 * max(1, np.abs(value).max()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3*x", "3"),
        ("x - x", "0"),
        ("7", "0"),
        ("x**2", "2*x"),
        ("x**3", "3*x**2"),
        ("-x", "-1"),
        ("sqrt(x)", "0.5*(1/sqrt(x))"),
        ("tanh(x)", "1 + -tanh(x)**2"),
        ("x*y", "y"),
        ("abs(x)", "sign(x)"),
        ("relu(x)", "positive(x)"),
        ("sin(y)", "0"),
    ],
)
def test_texts(text, expected):
    """Simple derivatives stay simple: exporters print them."""
    assert to_text(derivatives(parse(text, ("x", "y")), ("x", "y"))[0]) == expected


@pytest.mark.parametrize(
    ("text", "linear"),
    [("3*x + y", True), ("x*y", True), ("x/y + 2*x", True), ("x*x/x", False), ("x**2 - x*x + x", True), ("y/x", False)],
)
def test_what_is_linear_is_known(text, linear):
    """Where SymPy cancels what is not linear; it keeps quotients whole."""
    assert Map(text, ("x", "y")).linear_in(0) is linear


@pytest.mark.parametrize(
    ("text", "x", "expected"),
    [
        ("x**2 + x**0.5*0", 0.0, 0.0),
        ("relu(x)**2", 0.0, 0.0),
        ("log(1 + exp(x))", -800.0, 0.0),
        ("sigmoid(x)*x", -800.0, 0.0),
        ("log1p(exp(x))", 5.0, 1 / (1 + np.exp(-5.0))),
        ("maximum(x, 0)", 0.0, 0.5),
        ("sqrt(x**2 + 1e-20)", 0.0, 0.0),
        ("logaddexp(x, 0)", 800.0, 1.0),
        ("exp(-x*x)", 40.0, 0.0),
    ],
)
def test_derivatives_where_digits_are_easily_lost(text, x, expected):
    operator = Map(text, ("x",))
    point = np.full((1, 1), x)
    got = operator.vjp(0, np.ones((1, 1)), operator.forward(point), point)
    np.testing.assert_allclose(got, [[expected]], rtol=1e-13, atol=1e-300)
