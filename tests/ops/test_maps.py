"""Elementwise operators: NumPy's functions and users' expressions, with broadcasting."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import autograd.scipy.special

from pcneuro.ops.formula import CONDITIONS
from pcneuro.ops.maps import FUNCTIONS
from tests.function_libraries import written_out
from tests.helpers import case, check_case, check_engines, every_case, every_variant, learning


@written_out
def elementwise(expression: str, variables: tuple[str, ...] = ("x",)) -> Callable[..., Any]:
    """The expression, evaluated as Python."""
    code = compile(expression, "expression", "eval")
    return lambda *operands: eval(code, {**vars(anp), **dict(zip(variables, operands, strict=True))})


@written_out
def cbrt(x: Any) -> Any:
    return anp.sign(x) * anp.abs(x) ** (1 / 3)


@written_out
def relu(x: Any) -> Any:
    return anp.where(x > 0, x, 0.0)


@written_out
def sigmoid(x: Any) -> Any:
    return 0.5 * (anp.tanh(0.5 * x) + 1)


@written_out
def softplus(x: Any) -> Any:
    return anp.logaddexp(x, 0.0)


@written_out
def gelu(x: Any) -> Any:
    return 0.5 * x * (1 + autograd.scipy.special.erf(x / math.sqrt(2)))


# name: where its values are drawn from
UNARY = {
    "negative": (-2, 2),
    "reciprocal": (0.5, 2),
    "square": (-2, 2),
    "sqrt": (0.3, 3),
    "exp": (-2, 2),
    "exp2": (-2, 2),
    "expm1": (-2, 2),
    "log": (0.3, 3),
    "log2": (0.3, 3),
    "log10": (0.3, 3),
    "log1p": (-0.5, 3),
    "sin": (-4, 4),
    "cos": (-4, 4),
    "tan": (-1, 1),
    "arcsin": (-0.7, 0.7),
    "arccos": (-0.7, 0.7),
    "arctan": (-3, 3),
    "sinh": (-2, 2),
    "cosh": (-2, 2),
    "tanh": (-2, 2),
    "arcsinh": (-3, 3),
    "arccosh": (1.6, 4),
    "arctanh": (-0.7, 0.7),
}
NOT_ANALYTIC = {
    "absolute": (-2, 2),
    "cbrt": (0.3, 2),
    "relu": (-2, 2),
    "sigmoid": (-4, 4),
    "softplus": (-4, 4),
    "gelu": (-3, 3),
}
BINARY = {"add": True, "subtract": True, "multiply": True, "divide": True, "power": True, "logaddexp": False}
BINARY |= {"maximum": False, "minimum": False, "hypot": False}
ROUNDING = {*"sign floor ceil rint trunc positive finite missing remainder fmod floor_divide copysign".split()}
ROUNDING |= {*"fmax fmin arctan2 logaddexp2 sinc step_or numbers_or radians degrees multiply_or_zero".split()}
"""Those of tests/ops/test_rounding.py."""
SPECIAL = {*"exprel logit erf erfc ndtri erfinv log_ndtr gammaln gamma digamma polygamma entr rel_entr exp10".split()}
SPECIAL |= {*"i0 i1 i0e i1e log_expit ndtr erfcinv boxcox cosm1 xlogy xlog1py kl_div".split()}
"""Those of tests/ops/test_special_functions.py."""


def _call(name):
    return lambda np, a, **more: getattr(np, name)(a, *more.values())


CASES = [
    *(case(n, _call(n), (2, 3), low=low, high=high) for n, (low, high) in UNARY.items()),
    *(case(n, _call(n), (2, 3), low=low, high=high, analytic=False) for n, (low, high) in NOT_ANALYTIC.items()),
    *(case(n, _call(n), (2, 3), (2, 3), low=0.5, high=2, analytic=a) for n, a in BINARY.items()),
]
BROADCASTS = [
    case("row", lambda np, a, b: a * b, (3,), (2, 3)),
    case("row behind", lambda np, a, b: a / b, (2, 3), (3,), low=0.5),
    case("column and row", lambda np, a, b: a - b, (2, 1), (1, 3)),
    case("number", lambda np, a, b: a**b, (), (2, 3), low=0.5),
    case("number behind", lambda np, a, b: np.maximum(a, b), (2, 3), (), analytic=False),
    case("axes in front", lambda np, a, b: a * np.sin(b), (2, 1, 2), (3, 1)),
    case("ones", lambda np, a, b: a + b, (1, 1), (1,)),
    case("itself", lambda np, a: a * a + a, (3,)),
    case("array constant on the left", lambda np, a: np.array([1.0, 2.0, 3.0]) * a, (2, 3)),
    case("constant that widens", lambda np, a: a - np.arange(6.0).reshape(2, 3), (3,)),
    case("float32 constant", lambda np, a: np.float32(0.5) * a, (3,)),
    case("integer constant", lambda np, a: np.array([1, 2, 3]) + a, (3,)),
]
EXPRESSIONS = [
    case("x*tanh(x/2)", lambda np, a: np.elementwise("x*tanh(x/2)")(a), (2, 3)),
    case(
        "naka-rushton",
        lambda np, a, b, c: np.elementwise("r**n / (s**n + r**n)", ("r", "s", "n"))(a, b, c),
        (2, 3),
        (3,),
        (),
        low=0.5,
        high=2.0,
    ),
    case("two of three", lambda np, a, b: np.elementwise("exp(-u**2) + v", ("u", "v"))(a, b), (3,), (2, 1)),
    case(
        "corners",
        lambda np, a: np.elementwise("abs(log(x)) + maximum(log(x), 0.2)")(a),
        (2, 3),
        low=0.3,
        high=2.0,
        analytic=False,
    ),
    case("constant factors", lambda np, a: np.elementwise("3*x**2/7 - pi*x + 2**x")(a), (3,)),
    case("roots and powers", lambda np, a: np.elementwise("sqrt(x**2 + 1)/x**1.5")(a), (3,), low=0.5),
    case("nested", lambda np, a: np.elementwise("sin(cos(tanh(x)*x)/(1 + exp(-x)))")(a), (3,)),
]


@every_case([*CASES, *BROADCASTS, *EXPRESSIONS])
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES, learning)
def test_functions_in_circuits_are_the_references(v):
    check_engines(v)


@every_variant([*BROADCASTS, *EXPRESSIONS])
def test_kernel_is_the_reference(v):
    check_engines(v)


def test_every_operator_with_a_name_is_tested():
    others = {"where", "root", *CONDITIONS}
    assert {*UNARY, *NOT_ANALYTIC, *BINARY, *others} | ROUNDING | SPECIAL == FUNCTIONS.keys()
