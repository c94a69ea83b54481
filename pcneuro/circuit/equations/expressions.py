"""Formulas as text that Brian2 reads: arithmetic on formula trees, and functions and names that Brian2 has."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable

from pcneuro.ops.formula import Formula, to_text
from pcneuro.ops.primitives import PRIMITIVES

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
    primitive = PRIMITIVES.get(name)
    return primitive.brian2(*known) if primitive and primitive.brian2 else (name, *known)


def brian2_text(formula: Formula) -> str:
    """The formula as an expression of the functions that Brian2 has."""
    return to_text(_rewritten(formula))
