"""Formulas: trees of primitives. They are read from text by a closed grammar, differentiated by SymPy, and evaluated.

A formula is a number, the name of a variable, or a tuple (primitive, formula, ...). No text is ever evaluated as Python:
the parser walks Python's syntax tree and knows only arithmetic and the functions of ``FUNCTIONS``.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from pcneuro.errors import ExpressionError
from pcneuro.ops.primitives import LN2, PRIMITIVES

Formula = float | str | tuple[Any, ...]

_BINARY = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}
CONSTANTS = {"pi": math.pi, "e": math.e, "ln2": LN2}
# Names in expressions, Brian2's included -> primitive
FUNCTIONS = {name: name for name in PRIMITIVES if name not in ("positive", "heaviside", "sign")} | {
    "abs": "absolute",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "max": "maximum",
    "min": "minimum",
}


@cache
def parse(text: str, variables: tuple[str, ...], internal: bool = False) -> Formula:
    """Read an expression. ``internal`` admits the primitives that have no derivative of their own."""
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"expression {text!r} does not parse: {error}") from None

    def refuse(got: str) -> ExpressionError:
        return ExpressionError(
            f"expression {text!r} uses {got}: known are the variables {', '.join(variables)}, the constants "
            f"{', '.join(CONSTANTS)}, + - * / **, and {', '.join(sorted(FUNCTIONS))}"
        )

    def walk(node: ast.AST) -> Formula:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            try:
                return float(node.value)
            except OverflowError:
                raise ExpressionError(f"expression {text!r} has a number too large for a float") from None
        if isinstance(node, ast.Name):
            if node.id in variables:
                return node.id
            if node.id in CONSTANTS:
                return CONSTANTS[node.id]
            raise refuse(f"the name {node.id!r}")
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = walk(node.operand)
            return -inner if isinstance(inner, float) else ("negative", inner)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd):
            return walk(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return (_BINARY[type(node.op)], walk(node.left), walk(node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            name = node.func.id if internal and node.func.id in PRIMITIVES else FUNCTIONS.get(node.func.id)
            if name is None:
                raise refuse(f"the function {node.func.id!r}")
            if len(node.args) != PRIMITIVES[name].arity:
                raise ExpressionError(
                    f"expression {text!r}: {node.func.id} takes {PRIMITIVES[name].arity} argument(s), got {len(node.args)}"
                )
            return (name, *(walk(a) for a in node.args))
        raise refuse(f"{ast.unparse(node)!r} ({type(node).__name__})")

    try:
        return walk(tree)
    except RecursionError:
        raise ExpressionError(f"expression of {len(text)} characters is nested too deeply") from None


def evaluate(formula: Formula, variables: Mapping[str, Any]) -> Any:
    """Value of a formula on arrays, by the NumPy twins of the primitives."""
    if isinstance(formula, str):
        return variables[formula]
    if isinstance(formula, float):
        return formula
    name, *arguments = formula
    return PRIMITIVES[name].numpy(*(evaluate(a, variables) for a in arguments))


def _to_sympy(formula: Formula, sympy: Any, symbols: Mapping[str, Any]) -> Any:
    if isinstance(formula, str):
        return symbols[formula]
    if isinstance(formula, float):
        return sympy.Integer(int(formula)) if formula.is_integer() else sympy.Float(formula)
    name, *raw = formula
    a = [_to_sympy(argument, sympy, symbols) for argument in raw]
    table = {
        "negative": lambda x: -x,
        "reciprocal": lambda x: 1 / x,
        "square": lambda x: x**2,
        "absolute": sympy.Abs,
        "exp2": lambda x: 2**x,
        "expm1": lambda x: sympy.exp(x) - 1,
        "log2": lambda x: sympy.log(x) / sympy.log(2),
        "log10": lambda x: sympy.log(x) / sympy.log(10),
        "log1p": lambda x: sympy.log(1 + x),
        "arcsin": sympy.asin,
        "arccos": sympy.acos,
        "arctan": sympy.atan,
        "arcsinh": sympy.asinh,
        "arccosh": sympy.acosh,
        "arctanh": sympy.atanh,
        "positive": lambda x: sympy.Heaviside(x, 0),
        "heaviside": lambda x: sympy.Heaviside(x),
        "add": lambda x, y: x + y,
        "subtract": lambda x, y: x - y,
        "multiply": lambda x, y: x * y,
        "divide": lambda x, y: x / y,
        "power": lambda x, y: x**y,
        "maximum": sympy.Max,
        "minimum": sympy.Min,
        "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
    }
    if name in _WHOLE:
        return _whole(name)(*a)
    return table.get(name, getattr(sympy, name, None))(*a)


# Functions that SymPy keeps whole, so that their derivatives stay exact where the written-out form would overflow or
# lose digits: (number of arguments, derivative by each, given the arguments and the value)
_WHOLE: dict[str, tuple[int, Callable[..., tuple[Any, ...]]]] = {
    "sigmoid": (1, lambda sympy, x, out: (out * (1 - out),)),
    "cbrt": (1, lambda sympy, x, out: (1 / (3 * out**2),)),
    "relu": (1, lambda sympy, x, out: (sympy.Heaviside(x, 0),)),
    "logaddexp": (2, lambda sympy, x, y, out: (sympy.exp(x - out), sympy.exp(y - out))),
}


@cache
def _whole(name: str) -> Any:
    import sympy

    arity, derivative = _WHOLE[name]

    def fdiff(self: Any, argindex: int = 1) -> Any:
        return derivative(sympy, *self.args, self)[argindex - 1]

    return type(name, (sympy.Function,), {"nargs": arity, "fdiff": fdiff})


def _from_sympy(expression: Any, sympy: Any) -> Formula:
    if expression.is_Symbol:
        return str(expression.name)
    if expression.is_number and not expression.free_symbols:
        value = complex(expression)
        if value.imag or not math.isfinite(value.real):
            raise ExpressionError(f"a derivative contains {expression}, which is no finite real number")
        return value.real
    arguments = [_from_sympy(a, sympy) for a in expression.args]
    if expression.is_Add or expression.is_Mul:
        result = arguments[0]
        for argument in arguments[1:]:
            result = ("add" if expression.is_Add else "multiply", result, argument)
        if expression.is_Mul and arguments[0] == -1.0 and len(arguments) == 2:
            return ("negative", arguments[1])
        return result
    if expression.is_Pow:
        base, exponent = arguments
        named = {2.0: "square", -1.0: "reciprocal", 0.5: "sqrt"}
        if isinstance(exponent, float) and exponent in named:
            return (named[exponent], base)
        if isinstance(exponent, float) and exponent == -0.5:
            return ("reciprocal", ("sqrt", base))
        return ("power", base, exponent)
    if isinstance(expression, sympy.Heaviside):
        return ("positive" if len(arguments) > 1 and arguments[1] == 0.0 else "heaviside", arguments[0])
    names = {"Abs": "absolute", "Max": "maximum", "Min": "minimum"} | {
        "asin": "arcsin",
        "acos": "arccos",
        "atan": "arctan",
        "asinh": "arcsinh",
        "acosh": "arccosh",
        "atanh": "arctanh",
    }
    name = type(expression).__name__
    name = names.get(name, name)
    if name not in PRIMITIVES:
        raise ExpressionError(f"its derivative contains {name}, which has no value everywhere")
    if PRIMITIVES[name].arity == 2:
        result = arguments[0]
        for argument in arguments[1:]:
            result = (name, result, argument)
        return result
    return (name, *arguments)


@cache
def derivatives(formula: Formula, variables: tuple[str, ...]) -> tuple[Formula, ...]:
    """Partial derivatives of a formula, by SymPy, over real variables. Where it has a corner: the middle of both sides."""
    import sympy

    symbols = {name: sympy.Symbol(name, real=True) for name in variables}
    expression = _to_sympy(formula, sympy, symbols)
    return tuple(_from_sympy(sympy.diff(expression, symbols[name]), sympy) for name in variables)


# How tightly an operator binds, and its sign; ** binds tighter than a minus before it, and to the right.
_SUM, _TERM, _NEGATIVE, _POWER, _ATOM = range(5)
_SIGNS = {"add": (_SUM, " + "), "subtract": (_SUM, " - "), "multiply": (_TERM, "*"), "divide": (_TERM, "/")}


def _bound(formula: Formula) -> tuple[str, int]:
    """Text of a formula, and how tightly its outermost operator binds."""

    def inside(argument: Formula, least: int) -> str:
        text, binding = _bound(argument)
        return text if binding >= least else f"({text})"

    if isinstance(formula, str):
        return formula, _ATOM
    if isinstance(formula, float):
        text = repr(int(formula)) if formula.is_integer() and abs(formula) < 1e15 else repr(formula)
        return text, _NEGATIVE if text.startswith("-") else _ATOM
    name, *arguments = formula
    if name in _SIGNS:
        binding, sign = _SIGNS[name]
        # The right operand binds tighter, since a - (b + c) and a/(b*c) are not what they are without parentheses,
        # and sums of floats depend on their order.
        return f"{inside(arguments[0], binding)}{sign}{inside(arguments[1], binding + 1)}", binding
    if name == "power":
        return f"{inside(arguments[0], _ATOM)}**{inside(arguments[1], _ATOM)}", _POWER
    if name == "square":
        return f"{inside(arguments[0], _ATOM)}**2", _POWER
    if name == "negative":
        return f"-{inside(arguments[0], _POWER)}", _NEGATIVE
    if name == "reciprocal":
        return f"1/{inside(arguments[0], _NEGATIVE)}", _TERM
    return f"{name}({', '.join(to_text(a) for a in arguments)})", _ATOM


def to_text(formula: Formula) -> str:
    """The formula as an expression that Brian2 and people read, with no parentheses but those that it needs."""
    return _bound(formula)[0]


def variables_of(formula: Formula) -> Sequence[str]:
    """Names of the variables in a formula."""
    if isinstance(formula, str):
        return [formula]
    if isinstance(formula, float):
        return []
    return sorted({name for argument in formula[1:] for name in variables_of(argument)})
