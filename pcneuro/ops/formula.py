"""Formulas: trees of primitives. They are read from text by a closed grammar, written as text, and evaluated.

A formula is a number, the name of a variable, or a tuple (primitive, formula, ...). No text is ever evaluated as
Python: the parser walks Python's syntax tree and knows only arithmetic and the functions of ``FUNCTIONS``.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from pcneuro.errors import ExpressionError, told
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
FUNCTIONS = {name: name for name, primitive in PRIMITIVES.items() if primitive.derivatives} | {
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


_CHOICE = "multiply_or_zero(x, y) + multiply_or_zero(1 - x, z)"


@dataclass(frozen=True)
class Composed:
    """A function that is written with others: its expression, and the derivative by each of its variables."""

    text: str
    derivatives: tuple[str, ...]
    variables: tuple[str, ...] = ("x",)


COMPOSED = {
    "softplus": Composed("logaddexp(x, 0)", ("sigmoid(x)",)),
    # The square root of a sum of squares, which nothing comes back through where it is zero
    "root": Composed("sqrt(x)", ("0.5*multiply_or_zero(sign(x), reciprocal(out))",)),
    # Gaussian error linear unit, exact form: x times the normal distribution function
    "gelu": Composed(
        "x*(0.5 + 0.5*erf(x*0.7071067811865476))",
        ("0.5 + 0.5*erf(x*0.7071067811865476) + x*exp(-0.5*square(x))*0.3989422804014327",),
    ),
    # Conditions are 1 or 0. What is not chosen does not matter, even if it is not finite.
    "where": Composed(_CHOICE, ("0", "x", "1 - x"), ("x", "y", "z")),
    "not_equal": Composed("1 - equal(x, y)", ("0", "0"), ("x", "y")),
    "logical_not": Composed("1 - x", ("0",)),
    "logical_and": Composed("x*y", ("0", "0"), ("x", "y")),
    "logical_or": Composed("maximum(x, y)", ("0", "0"), ("x", "y")),
    "logical_xor": Composed("abs(x - y)", ("0", "0"), ("x", "y")),
    "ceil": Composed("-floor(-x)", ("0",)),
    "trunc": Composed("copysign(floor(abs(x)), x)", ("0",)),
    "radians": Composed("x*0.017453292519943295", ("0.017453292519943295",)),
    "degrees": Composed("x*57.29577951308232", ("57.29577951308232",)),
    "exp10": Composed("10**x", ("2.302585092994046*out",)),
    # np.heaviside; the primitive of that name has one operand.
    "step_or": Composed(
        "positive(x) + multiply_or_zero(1 - square(sign(x)), y)", ("0", "1 - square(sign(x))"), ("x", "y")
    ),
    # np.nan_to_num: y, z, w in place of NaN and the infinities
    "numbers_or": Composed(
        "multiply_or_zero(finite(x), x) + multiply_or_zero(missing(x), y)"
        " + multiply_or_zero((1 - finite(x))*positive(fmax(x, 0)), z)"
        " + multiply_or_zero((1 - finite(x))*positive(fmax(-x, 0)), w)",
        (
            "finite(x)",
            "missing(x)",
            "(1 - finite(x))*positive(fmax(x, 0))",
            "(1 - finite(x))*positive(fmax(-x, 0))",
        ),
        ("x", "y", "z", "w"),
    ),
    "logaddexp2": Composed(
        "logaddexp(x*ln2, y*ln2)/ln2",
        ("exp2(x - out)", "exp2(y - out)"),
        ("x", "y"),
    ),
    "log_expit": Composed("-logaddexp(0, -x)", ("sigmoid(-x)",)),
    "ndtr": Composed("0.5*erfc(x*-0.7071067811865476)", ("exp(-0.5*square(x))*0.3989422804014327",)),
    "erfcinv": Composed("ndtri(0.5*x)*-0.7071067811865476", ("-0.886226925452758*exp(square(out))",)),
    # The logarithm where y is 0. What is not chosen is divided by another number than 0.
    "boxcox": Composed(
        "where(less(abs(y), 1e-19), log(x), expm1(y*log(x))/(y + less(abs(y), 1e-19)))",
        (
            "x**(y - 1)",
            "where(less(abs(y*log(x)), 1), square(log(x))*exprel_slope(y*log(x)),"
            " (multiply_or_zero(exp(y*log(x)), y*log(x)) - expm1(y*log(x)))"
            "/(square(y) + less(abs(y*log(x)), 1)))",
        ),
        ("x", "y"),
    ),
    "cosm1": Composed("-2*square(sin(0.5*x))", ("-sin(x)",)),
    "xlogy": Composed("multiply_or_zero(x, log(y))", ("log(y)", "multiply_or_zero(x, reciprocal(y))"), ("x", "y")),
    "xlog1py": Composed(
        "multiply_or_zero(x, log1p(y))", ("log1p(y)", "multiply_or_zero(x, reciprocal(1 + y))"), ("x", "y")
    ),
    "kl_div": Composed("rel_entr(x, y) - x + y", ("log(x) - log(y)", "1 - x/y"), ("x", "y")),
}
CONDITIONS = ("less", "less_equal", "equal", "not_equal", "logical_not", "logical_and", "logical_or", "logical_xor")
"""Functions whose values are truth values."""

MAX_LENGTH, MAX_DEPTH = 2000, 100
"""Longest text and deepest nesting of an expression, which may come from a file that somebody else wrote."""
MAX_NODES, MAX_DERIVATIVE = 1000, 10_000
"""Most numbers, variables and functions in an expression, and in a derivative of one, when they are written out."""


@cache
def parse(text: str, variables: tuple[str, ...], internal: bool = False) -> Formula:
    """Read an expression. ``internal`` admits the primitives that have no derivative of their own.

    Raises ExpressionError for whatever is not in the grammar.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"the expression that begins {text[:40]!r} has {len(text)} characters; {MAX_LENGTH} are the most"
        )
    try:
        with warnings.catch_warnings():
            # What Python's parser warns of is no expression of this grammar.
            warnings.simplefilter("error")
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"expression {_short(text)} does not parse: {error}") from None
    formula = _Reader(text, variables, internal).read(tree, 0)
    check_nodes(formula, MAX_NODES, f"expression {_short(text)}")
    return formula


def nodes(formula: Formula) -> int:
    """Numbers, variables and functions in a formula; a part that is used twice counts twice, and is looked at once."""
    known: dict[int, int] = {}

    def count(part: Formula) -> int:
        if not isinstance(part, tuple):
            return 1
        if id(part) not in known:
            known[id(part)] = 1 + sum(count(argument) for argument in part[1:])
        return known[id(part)]

    return count(formula)


def check_nodes(formula: Formula, most: int, what: str) -> None:
    """Raise ExpressionError for a formula that is too large to be written out, as equations and exports have it."""
    count = nodes(formula)
    if count > most:
        raise ExpressionError(
            f"{what} is {told(count)} numbers, variables and functions when written out; {most} are the most"
        )


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


class _Reader:
    """Turns Python's syntax tree into a formula, and refuses whatever is not in the grammar."""

    def __init__(self, text: str, variables: tuple[str, ...], internal: bool) -> None:
        self.text, self.variables = text, variables
        self.functions = FUNCTIONS | {name: name for name in PRIMITIVES} if internal else FUNCTIONS

    def _refuse(self, got: str) -> ExpressionError:
        known = [*FUNCTIONS, *COMPOSED]
        like = get_close_matches(got.split("'")[1] if "'" in got else "", known, n=3)
        return ExpressionError(
            f"expression {_short(self.text)} uses {got}: known are the variables {', '.join(self.variables)}, the "
            f"constants {', '.join(CONSTANTS)}, + - * / **, and {len(known)} functions by NumPy's and SciPy's names, "
            f"such as {', '.join(like or ('exp', 'tanh', 'sigmoid', 'erf', 'where'))}"
        )

    def read(self, node: ast.AST, depth: int) -> Formula:
        """The formula of a part of the tree."""
        if depth > MAX_DEPTH:
            raise ExpressionError(f"expression {_short(self.text)} is nested more than {MAX_DEPTH} deep")
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self._number(number)
            case ast.Name(id=name) if name in self.variables:
                return name
            case ast.Name(id=name) if name in CONSTANTS:
                return CONSTANTS[name]
            case ast.Name(id=name):
                raise self._refuse(f"the name {name!r}")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.read(operand, depth + 1)
                return -inner if isinstance(inner, float) else ("negative", inner)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
                return (_BINARY[type(sign)], self.read(left, depth + 1), self.read(right, depth + 1))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, [self.read(a, depth + 1) for a in arguments])
        raise self._refuse(f"{_short(ast.unparse(node))} ({type(node).__name__})")

    def _number(self, number: int | float) -> float:
        try:
            value = float(number)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise ExpressionError(f"expression {_short(self.text)} has a number too large for a float")
        return value

    def _call(self, name: str, arguments: Sequence[Formula]) -> Formula:
        if name in COMPOSED:
            arity = len(COMPOSED[name].variables)
        elif name in self.functions:
            arity = PRIMITIVES[self.functions[name]].arity
        else:
            raise self._refuse(f"the function {name!r}")
        if len(arguments) != arity:
            raise ExpressionError(
                f"expression {_short(self.text)}: {name} takes {arity} argument(s), got {len(arguments)}"
            )
        if name not in COMPOSED:
            return (self.functions[name], *arguments)
        composed = COMPOSED[name]
        return substitute(parse(composed.text, composed.variables, True), dict(zip(composed.variables, arguments)))


def substitute(formula: Formula, replaced: Mapping[str, Formula]) -> Formula:
    """The formula with other formulas in place of variables."""
    if isinstance(formula, str):
        return replaced[formula]
    if isinstance(formula, float):
        return formula
    return (formula[0], *(substitute(argument, replaced) for argument in formula[1:]))


def evaluate(formula: Formula, variables: Mapping[str, Any]) -> Any:
    """Value of a formula on arrays, by the NumPy twins of the primitives."""
    if isinstance(formula, str):
        return variables[formula]
    if isinstance(formula, float):
        return formula
    name, *arguments = formula
    return PRIMITIVES[name].array(*[evaluate(a, variables) for a in arguments])


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


def jumps(formula: Formula, variable: str) -> bool:
    """Whether a function that is linear only piece by piece is applied to what depends on a variable."""
    if not isinstance(formula, tuple):
        return False
    name, *arguments = formula
    depends = any(variable in variables_of(argument) for argument in arguments)
    return depends and (PRIMITIVES[name].jumps or any(jumps(argument, variable) for argument in arguments))
