"""Formulas as text that Brian2 reads: arithmetic on formula trees, and functions and names that Brian2 has."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Callable, Iterable

from pcneuro.ops.formula import Formula, to_text

_UNITS = (
    "metre|meter|gramme|gram|second|ampere|amp|kelvin|mole|mol|candle|litre|liter|hertz|newton|pascal|joule|watt|coulomb"
    "|volt|farad|ohm|siemens|weber|tesla|henry|lumen|lux|becquerel|gray|sievert|katal|molar|radian|steradian|celsius"
)
_TAKEN = re.compile(
    rf"(?:da|[yzafpnumcdhkMGTPEZY])?(?:{_UNITS})[23]?|kilogram(?:me)?[23]?|[mk]gram|m[VASM]|[unp]A|[pun]F|[nu]S|[mun]s"
    r"|[kM]?Hz|[cmu]m[23]?|[un]M|xi(?:_.*)?|t|dt|t_in_timesteps|i|j|N|lastspike|not_refractory|e|pi|inf|.*_(?:pre|post)"
    "|abs|arccos|arcsin|arctan|ceil|clip|cos|cosh|erf|exp|expm1|exprel|floor|int|log|log10|log1p|poisson|rand|randn|sign"
    "|sin|sinh|sqrt|tan|tanh|timestep"
)
"""Names that mean something else to Brian2: its units, special variables, constants and functions."""

_REWRITTEN: dict[str, Callable[..., Formula]] = {
    "absolute": lambda x: ("abs", x),
    "relu": lambda x: ("clip", x, 0.0, "inf"),
    "positive": lambda x: ("clip", ("sign", x), 0.0, 1.0),
    "heaviside": lambda x: ("add", 0.5, ("multiply", 0.5, ("sign", x))),
    "sigmoid": lambda x: ("reciprocal", ("add", 1.0, ("exp", ("negative", x)))),
    "cbrt": lambda x: ("multiply", ("sign", x), ("power", ("abs", x), 1 / 3)),
    "exp2": lambda x: ("power", 2.0, x),
    "log2": lambda x: ("divide", ("log", x), ("log", 2.0)),
    "arcsinh": lambda x: ("log", ("add", x, ("sqrt", ("add", ("square", x), 1.0)))),
    "arccosh": lambda x: ("log", ("add", x, ("sqrt", ("subtract", ("square", x), 1.0)))),
    "arctanh": lambda x: ("multiply", 0.5, ("log", ("divide", ("add", 1.0, x), ("subtract", 1.0, x)))),
    "maximum": lambda x, y: ("clip", x, y, "inf"),
    "minimum": lambda x, y: ("clip", x, "-inf", y),
    "logaddexp": lambda x, y: (
        "add",
        ("clip", x, y, "inf"),
        ("log1p", ("exp", ("negative", ("abs", ("subtract", x, y))))),
    ),
    "hypot": lambda x, y: ("sqrt", ("add", ("square", x), ("square", y))),
    "multiply_or_zero": lambda x, y: ("multiply", x, y),
    "tanh_slope": lambda y: ("subtract", 1.0, ("square", y)),
    "sigmoid_slope": lambda y: ("multiply", y, ("subtract", 1.0, y)),
}
"""Functions that Brian2 does not have, by those that it has. ``erf`` is neither: Brian2 must be given it.

Where a derivative is a limit at one point (that of x**y at x = 0), Brian2's is not finite there.
"""


def is_taken(name: str) -> bool:
    """Whether a name means something else to Brian2, or to Python."""
    return bool(_TAKEN.fullmatch(name)) or keyword.iskeyword(name)


def times(a: Formula, b: Formula) -> Formula:
    """The product of two formulas, without factors of one, and zero where one is zero."""
    if a == 0.0 or b == 0.0:
        return 0.0
    for one, other in ((a, b), (b, a)):
        if one == 1.0:
            return other
        if one == -1.0:
            return ("negative", other)
    return ("multiply", a, b)


def plus(terms: Iterable[Formula]) -> Formula:
    """The sum of formulas, zero where there are none."""
    total: Formula = 0.0
    for term in terms:
        if term != 0.0:
            total = term if total == 0.0 else ("add", total, term)
    return total


def occurrences(formula: Formula) -> Counter[str]:
    """How often each variable stands in a formula."""
    if isinstance(formula, str):
        return Counter([formula])
    if isinstance(formula, float):
        return Counter()
    return sum((occurrences(argument) for argument in formula[1:]), Counter())


def operations(formula: Formula) -> int:
    """Number of functions and arithmetic signs in a formula."""
    return 1 + sum(operations(a) for a in formula[1:]) if isinstance(formula, tuple) else 0


def _rewritten(formula: Formula) -> Formula:
    if not isinstance(formula, tuple):
        return formula
    name, *arguments = formula
    known = [_rewritten(a) for a in arguments]
    return _REWRITTEN[name](*known) if name in _REWRITTEN else (name, *known)


def brian2_text(formula: Formula) -> str:
    """The formula as an expression of the functions that Brian2 has."""
    return to_text(_rewritten(formula))
