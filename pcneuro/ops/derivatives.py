"""Derivatives of formulas, by SymPy, over real variables.

SymPy sees sums, products, and for everything else functions of ours that it keeps whole: their derivatives are the
primitives' own. So nothing is written out that would overflow or lose digits, and nothing is worked out that a hostile
expression could make large, such as a power of a power of a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from pcneuro.errors import ExpressionError
from pcneuro.ops.formula import MAX_DERIVATIVE, Formula, check_nodes, parse
from pcneuro.ops.primitives import PRIMITIVES

_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "negative": lambda x: -x,
}


@cache
def local_derivatives(name: str) -> tuple[Formula, ...]:
    """Partial derivatives of a primitive, as formulas of its operands x and y and of its value ``out``."""
    return tuple(parse(text, ("x", "y", "out"), internal=True) for text in PRIMITIVES[name].derivatives)


@cache
def derivatives(formula: Formula, variables: tuple[str, ...]) -> tuple[Formula, ...]:
    """Partial derivatives of a formula by each variable. Where it has a corner: the middle of both sides.

    Raises ExpressionError where a constant part of it is not finite.
    """
    import sympy

    symbols = {name: sympy.Symbol(name, real=True) for name in variables}
    try:
        expression = _to_sympy(formula, symbols)
        slopes = tuple(_from_sympy(sympy.diff(expression, symbols[name]), {}) for name in variables)
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None
    for name, slope in zip(variables, slopes, strict=True):
        check_nodes(slope, MAX_DERIVATIVE, f"its derivative by {name}")
    return slopes


def _number(value: float) -> Any:
    import sympy

    if not math.isfinite(value):
        raise ExpressionError("a constant part of it is not finite")
    # Ones and zeros as integers disappear from products and sums.
    return sympy.Integer(int(value)) if value in (-1.0, 0.0, 1.0) else sympy.Float(value)


def _to_sympy(formula: Formula, symbols: Mapping[str, Any]) -> Any:
    if isinstance(formula, str):
        return symbols[formula]
    if isinstance(formula, float):
        return _number(formula)
    name, *arguments = formula
    return _applied(name, [_to_sympy(a, symbols) for a in arguments])


def _applied(name: str, arguments: Sequence[Any]) -> Any:
    if all(a.is_Number for a in arguments):
        with np.errstate(all="ignore"):
            return _number(float(PRIMITIVES[name].array(*(np.float64(float(a)) for a in arguments))))
    if name == "divide":
        return arguments[0] * _applied("reciprocal", arguments[1:])
    return _ARITHMETIC.get(name, _function(name))(*arguments)


@cache
def _function(name: str) -> Any:
    """The SymPy function that stands for a primitive."""
    import sympy

    def fdiff(self: Any, argindex: int = 1) -> Any:
        if name == "power" and self.args[1].is_Number:
            return _power_derivative(*self.args)
        operands = dict(zip(("x", "y"), self.args)) | {"out": self}
        return _to_sympy(local_derivatives(name)[argindex - 1], operands)

    return type(name, (sympy.Function,), {"nargs": PRIMITIVES[name].arity, "fdiff": fdiff})


def _power_derivative(base: Any, exponent: Any) -> Any:
    less = float(exponent) - 1
    factor = {0.0: 1, 1.0: base}.get(less)
    return exponent * (_applied("power", (base, _number(less))) if factor is None else factor)


def _from_sympy(expression: Any, known: dict[Any, Formula]) -> Formula:
    """The formula of a SymPy expression; equal parts of it are one object, and are translated once."""
    if expression not in known:
        known[expression] = _translated(expression, known)
    return known[expression]


def _translated(expression: Any, known: dict[Any, Formula]) -> Formula:
    if expression.is_Symbol:
        return str(expression.name)
    if expression.is_Number:
        value = float(expression)
        if not math.isfinite(value):
            raise ExpressionError(f"its derivative contains {expression}, which is not finite")
        return value
    arguments = [_from_sympy(a, known) for a in expression.args]
    if expression.is_Add:
        return _joined("add", arguments)
    if expression.is_Mul:
        # A number comes first, and 1.0 is not 1 to SymPy.
        number, *factors = arguments
        if number in (-1.0, 1.0):
            product = _joined("multiply", factors)
            return ("negative", product) if number == -1.0 else product
        return _joined("multiply", arguments)
    if expression.is_Pow:
        # What SymPy collected of equal factors: the exponent is a whole number.
        base, exponent = arguments
        return ("square", base) if exponent == 2.0 else ("power", base, exponent)
    return (type(expression).__name__, *arguments)


def _joined(name: str, parts: Sequence[Formula]) -> Formula:
    """A sum or product of many, as a tree no deeper than need be."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return (name, _joined(name, parts[:half]), _joined(name, parts[half:]))
