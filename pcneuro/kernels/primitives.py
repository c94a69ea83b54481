"""The primitive functions of which every formula is made: one table of all their forms.

A row holds a primitive for vectors of lanes (``vector``, LLVM instructions), for single numbers (``single``, text that
Numba compiles), on arrays (``array``, the NumPy twin), its derivatives as expressions, and, where Brian2 lacks it, the
same by functions that Brian2 has. Kernels of rows, the machine that evaluates formulas of single units, its codes, the
grammar of expressions and the exporters are made from these rows, so that a new primitive is a new row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.kernels.primitive import Primitive
from pcneuro.kernels.transcendental import arithmetic as a
from pcneuro.kernels.transcendental import bessel, twins
from pcneuro.kernels.transcendental import exponential as e
from pcneuro.kernels.transcendental import logarithm as l
from pcneuro.kernels.transcendental import numbers as n
from pcneuro.kernels.transcendental import special as s
from pcneuro.kernels.transcendental import trigonometric as t
from pcneuro.kernels.vectors import Real, sqrt

PRIMITIVES: dict[str, Primitive] = {}
"""Primitive by its name."""


def _add(
    arity: int,
    vector: Callable[..., Real],
    single: str,
    *derivatives: str,
    array: Callable[..., Any] | None = None,
    brian2: Callable[..., Any] | None = None,
    **facts: Any,
) -> None:
    """Put a primitive into the table by the name of ``vector``; ``array`` is else NumPy's function of that name."""
    name = vector.__name__
    PRIMITIVES[name] = Primitive(name, arity, vector, single, array or getattr(np, name), derivatives, brian2, **facts)


def _as_number(condition: Callable[..., Any]) -> Callable[..., Any]:
    """A condition as a function whose value is a number, 1 or 0, of the operands' floating-point type."""
    return lambda x, y: condition(x, y).astype(np.result_type(x, y, np.float32))


def _add_lane(
    function: Callable[..., float],
    arity: int,
    *derivatives: str,
    brian2: Callable[..., Any] | None = None,
    **facts: Any,
) -> None:
    """Put a function of numbers into the table by its name; its twin is ``array``, or NumPy's, or scipy.special's."""
    name = getattr(function, "py_func", function).__name__
    array = facts.pop("array", None) or getattr(np, name, None) or twins.special(name)
    operands = ("x", "y")[:arity]
    PRIMITIVES[name] = Primitive(
        name, arity, None, f"{name}({', '.join(operands)})", array, derivatives, brian2, lane=function, **facts
    )


_add(1, a.negative, "-x", "-1", cheap=True)
_add(1, a.absolute, "abs(x)", "sign(x)", cheap=True, brian2=lambda x: ("abs", x))
_add(1, sqrt, "np.sqrt(x)", "0.5*reciprocal(out)", cheap=True)
_add(
    1,
    s.cbrt,
    "math.copysign(abs(x) ** (1.0 / 3.0), x)",
    "reciprocal(3*square(out))",
    brian2=lambda x: ("multiply", ("sign", x), ("power", ("abs", x), 1 / 3)),
)
_add(1, e.exp, "np.exp(x)", "out")
_add(1, e.exp2, "np.exp2(x)", "ln2*out", brian2=lambda x: ("power", 2.0, x))
_add(1, e.expm1, "np.expm1(x)", "exp(x)")
_add(1, l.log, "np.log(x)", "reciprocal(x)")
_add(1, l.log2, "np.log2(x)", "reciprocal(ln2*x)", brian2=lambda x: ("divide", ("log", x), ("log", 2.0)))
_add(1, l.log10, "np.log10(x)", "reciprocal(2.302585092994046*x)")
_add(1, l.log1p, "np.log1p(x)", "reciprocal(1 + x)")
_add(1, t.sin, "np.sin(x)", "cos(x)", farthest=t.farthest)
_add(1, t.cos, "np.cos(x)", "-sin(x)", farthest=t.farthest)
_add(1, t.tan, "np.tan(x)", "1 + square(out)", farthest=t.farthest)
_add(1, t.arcsin, "np.arcsin(x)", "reciprocal(sqrt(1 - square(x)))")
_add(1, t.arccos, "np.arccos(x)", "-reciprocal(sqrt(1 - square(x)))")
_add(1, t.arctan, "np.arctan(x)", "reciprocal(1 + square(x))")
_add(1, e.sinh, "np.sinh(x)", "cosh(x)")
_add(1, e.cosh, "np.cosh(x)", "sinh(x)")
_add(1, e.tanh, "np.tanh(x)", "1 - square(out)")
_add(
    1,
    l.arcsinh,
    "np.arcsinh(x)",
    "reciprocal(sqrt(1 + square(x)))",
    brian2=lambda x: ("log", ("add", x, ("sqrt", ("add", ("square", x), 1.0)))),
)
_add(
    1,
    l.arccosh,
    "np.arccosh(x)",
    "reciprocal(sqrt(square(x) - 1))",
    brian2=lambda x: ("log", ("add", x, ("sqrt", ("subtract", ("square", x), 1.0)))),
)
_add(
    1,
    l.arctanh,
    "np.arctanh(x)",
    "reciprocal(1 - square(x))",
    brian2=lambda x: ("multiply", 0.5, ("log", ("divide", ("add", 1.0, x), ("subtract", 1.0, x)))),
)
_add(1, a.sign, "np.sign(x)", "0", cheap=True, jumps=True)
_add(1, a.floor, "np.floor(x)", "0", cheap=True, jumps=True)
# Brian2 has floor only, and halves go up there.
_add(1, a.rint, "np.rint(x)", "0", cheap=True, jumps=True, brian2=lambda x: ("floor", ("add", x, 0.5)))
_add(
    1,
    a.finite,
    "1.0 if abs(x) < np.inf else 0.0",
    "0",
    cheap=True,
    jumps=True,
    array=lambda x: np.isfinite(x).astype(np.result_type(x)),
    brian2=lambda x: 1.0,
)
_add(
    1,
    a.missing,
    "1.0 if x != x else 0.0",
    "0",
    cheap=True,
    jumps=True,
    array=lambda x: np.isnan(x).astype(np.result_type(x)),
    brian2=lambda x: 0.0,
)
_add(1, a.reciprocal, "1.0 / x", "-square(out)", cheap=True, array=lambda x: 1.0 / x)
_add(1, a.square, "x * x", "2*x", cheap=True)
_add(
    1,
    e.sigmoid,
    "1.0 / (1.0 + np.exp(-x))",
    "out*(1 - out)",
    array=lambda x: 1 / (1 + np.exp(-x)),
    brian2=lambda x: ("reciprocal", ("add", 1.0, ("exp", ("negative", x)))),
)
_add(
    1,
    a.relu,
    "x if x > 0.0 or x != x else 0.0",
    "positive(x)",
    cheap=True,
    array=lambda x: np.maximum(x, 0),
    brian2=lambda x: ("clip", x, 0.0, "inf"),
)
_add(
    1,
    a.positive,
    "1.0 if x > 0.0 else 0.0 if x == 0.0 else x * 0.0",
    "0",
    cheap=True,
    jumps=True,
    array=lambda x: np.heaviside(x, 0),
    brian2=lambda x: ("clip", ("sign", x), 0.0, 1.0),
)
_add(
    1,
    a.heaviside,
    "1.0 if x > 0.0 else 0.5 if x == 0.0 else x * 0.0",
    cheap=True,
    array=lambda x: np.heaviside(x, 0.5),
    brian2=lambda x: ("add", 0.5, ("multiply", 0.5, ("sign", x))),
)
# Brian2 must be given it.
_add(1, s.erf, "math.erf(x)", "1.1283791670955126*exp(-square(x))", array=twins.special("erf"))
_add(2, a.add, "x + y", "1", "1", cheap=True)
_add(2, a.subtract, "x - y", "1", "-1", cheap=True)
_add(2, a.multiply, "x * y", "y", "x", cheap=True)
_add(2, a.divide, "x / y", "reciprocal(y)", "-out/y", cheap=True)
_add(2, l.power, "x**y", "multiply_or_zero(y, x**(y - 1))", "multiply_or_zero(out, log(x))")
_add(
    2,
    a.maximum,
    "np.maximum(x, y)",
    "heaviside(x - y)",
    "heaviside(y - x)",
    cheap=True,
    brian2=lambda x, y: ("clip", x, y, "inf"),
)
_add(
    2,
    a.minimum,
    "np.minimum(x, y)",
    "heaviside(y - x)",
    "heaviside(x - y)",
    cheap=True,
    brian2=lambda x, y: ("clip", x, "-inf", y),
)
_add(
    2,
    l.logaddexp,
    "np.logaddexp(x, y)",
    "exp(x - out)",
    "exp(y - out)",
    brian2=lambda x, y: (
        "add",
        ("clip", x, y, "inf"),
        ("log1p", ("exp", ("negative", ("abs", ("subtract", x, y))))),
    ),
)
_add(
    2,
    s.hypot,
    "np.hypot(x, y)",
    "multiply_or_zero(x, reciprocal(out))",
    "multiply_or_zero(y, reciprocal(out))",
    brian2=lambda x, y: ("sqrt", ("add", ("square", x), ("square", y))),
)
# Where a derivative is a limit at one point (that of x**y at x = 0), Brian2's is not finite there.
_add(
    2,
    a.multiply_or_zero,
    "x * y if x != 0.0 else 0.0",
    "y",
    "x",
    cheap=True,
    array=twins.multiply_or_zero,
    brian2=lambda x, y: ("multiply", x, y),
)
_add(
    1,
    a.tanh_slope,
    "(1.0 - x) * (1.0 + x)",
    cheap=True,
    array=lambda y: (1 - y) * (1 + y),
    brian2=lambda y: ("subtract", 1.0, ("square", y)),
)
_add(
    1,
    a.sigmoid_slope,
    "x * (1.0 - x)",
    cheap=True,
    array=lambda y: y * (1 - y),
    brian2=lambda y: ("multiply", y, ("subtract", 1.0, y)),
)
# Truth values, as numbers: their derivatives are 0 wherever there are any.
_add(
    2,
    a.less,
    "1.0 if x < y else 0.0",
    "0",
    "0",
    cheap=True,
    jumps=True,
    array=_as_number(np.less),
    brian2=lambda x, y: ("clip", ("sign", ("subtract", y, x)), 0.0, 1.0),
)
_add(
    2,
    a.less_equal,
    "1.0 if x <= y else 0.0",
    "0",
    "0",
    cheap=True,
    jumps=True,
    array=_as_number(np.less_equal),
    brian2=lambda x, y: ("add", 1.0, ("clip", ("sign", ("subtract", y, x)), -1.0, 0.0)),
)
_add(
    2,
    a.equal,
    "1.0 if x == y else 0.0",
    "0",
    "0",
    cheap=True,
    jumps=True,
    array=_as_number(np.equal),
    brian2=lambda x, y: ("subtract", 1.0, ("abs", ("sign", ("subtract", x, y)))),
)
_add(
    2,
    a.fmax,
    "np.fmax(x, y)",
    "exceeds(x, y)",
    "exceeds(y, x)",
    cheap=True,
    brian2=lambda x, y: ("clip", x, y, "inf"),
)
_add(
    2,
    a.fmin,
    "np.fmin(x, y)",
    "exceeds(-x, -y)",
    "exceeds(-y, -x)",
    cheap=True,
    brian2=lambda x, y: ("clip", x, "-inf", y),
)
_add(
    2,
    a.exceeds,
    "1.0 if x > y or y != y else 0.5 if x == y else 0.0",
    cheap=True,
    array=twins.exceeds,
    brian2=lambda x, y: ("add", 0.5, ("multiply", 0.5, ("sign", ("subtract", x, y)))),
)
# Brian2 does not tell the zeros apart.
_add(
    2,
    a.copysign,
    "math.copysign(x, y)",
    "sign(x)*copysign(1, y)",
    "0",
    cheap=True,
    jumps=True,
    brian2=lambda x, y: ("multiply", ("abs", x), ("sign", y)),
)


def _whole(x: Any, y: Any) -> Any:
    return ("floor", ("divide", x, y))


def _truncated(x: Any, y: Any) -> Any:
    quotient = ("divide", x, y)
    return ("multiply", ("sign", quotient), ("floor", ("abs", quotient)))


# The multiple that is taken away is found again from what is left.
_add_lane(
    n.remainder,
    2,
    "1",
    "rint((out - x)/y)",
    jumps=True,
    brian2=lambda x, y: ("subtract", x, ("multiply", y, _whole(x, y))),
)
_add_lane(
    n.fmod,
    2,
    "1",
    "rint((out - x)/y)",
    jumps=True,
    brian2=lambda x, y: ("subtract", x, ("multiply", y, _truncated(x, y))),
)
_add_lane(n.floor_divide, 2, "0", "0", jumps=True, brian2=_whole)
_add_lane(
    n.arctan2,
    2,
    "multiply_or_zero(multiply_or_zero(y, reciprocal(hypot(x, y))), reciprocal(hypot(x, y)))",
    "-multiply_or_zero(multiply_or_zero(x, reciprocal(hypot(x, y))), reciprocal(hypot(x, y)))",
    # Not on the half-line where y is 0 and x negative
    brian2=lambda x, y: (
        "multiply",
        2.0,
        ("arctan", ("divide", x, ("add", ("sqrt", ("add", ("square", x), ("square", y))), y))),
    ),
)
# Brian2 must be given those that follow here, and has no limit of sinc at 0.
_add_lane(
    n.sinc,
    1,
    "sinc_slope(x)",
    array=twins.sinc,
    brian2=lambda x: ("divide", ("sin", ("multiply", "pi", x)), ("multiply", "pi", x)),
)
_add_lane(n.sinc_slope, 1, array=twins.sinc_slope)
_add_lane(n.exprel, 1, "exprel_slope(x)")
_add_lane(n.exprel_slope, 1, array=twins.exprel_slope)
_add_lane(
    n.logit,
    1,
    "reciprocal(x*(1 - x))",
    brian2=lambda x: ("log", ("divide", x, ("subtract", 1.0, x))),
)
_add_lane(n.erfc, 1, "-1.1283791670955126*exp(-square(x))", brian2=lambda x: ("subtract", 1.0, ("erf", x)))
_add_lane(n.ndtri, 1, "2.5066282746310002*exp(0.5*square(out))")
_add_lane(n.erfinv, 1, "0.886226925452758*exp(square(out))")
_add_lane(n.log_ndtr, 1, "log_ndtr_slope(x)")
_add_lane(n.log_ndtr_slope, 1, array=twins.log_ndtr_slope)
_add_lane(n.gammaln, 1, "digamma(x)")
_add_lane(n.gamma, 1, "multiply_or_zero(out, digamma(x))")
_add_lane(n.digamma, 1, "polygamma(1, x)")
# Orders are whole numbers.
_add_lane(n.polygamma, 2, "0", "polygamma(x + 1, y)", array=twins.polygamma)
# The modified Bessel functions; I1(x)/x is 1/2 at 0.
_RATIO = "(out + 0.5*equal(x, 0))/(x + equal(x, 0))"
_add_lane(bessel.i0, 1, "i1(x)", array=twins.in_double("i0"))
_add_lane(bessel.i1, 1, f"i0(x) - {_RATIO}", array=twins.in_double("i1"))
_add_lane(bessel.i0e, 1, "i1e(x) - sign(x)*out", array=twins.in_double("i0e"))
_add_lane(bessel.i1e, 1, f"i0e(x) - {_RATIO} - sign(x)*out", array=twins.in_double("i1e"))
_add_lane(n.entr, 1, "-log(x) - 1", brian2=lambda x: ("multiply", ("negative", x), ("log", x)))
_add_lane(
    n.rel_entr,
    2,
    "log(x) - log(y) + 1",
    "-x/y",
    brian2=lambda x, y: ("multiply", x, ("log", ("divide", x, y))),
)
