"""What a primitive function is: a row of the table in ``primitives``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pcneuro.kernels.vectors import Format, Real


@dataclass(frozen=True)
class Primitive:
    """A function of one or two numbers x and y, in all its forms.

    ``derivatives`` are expressions of x, y and the value ``out``, one for each operand; what appears in derivatives
    only has none itself. ``single`` is a Python expression of x and y in float64. ``brian2`` makes a formula of the
    operands' formulas: tuples (function, formula, ...) of functions that Brian2 has.

    A ``cheap`` one takes less than finding its operands does. One that ``jumps`` is linear piece by piece, so that
    constant derivatives do not make it linear. Where |x| is above ``farthest``, if that is given, libm's function of
    this name is called instead of ``vector``, number by number. One without ``vector`` is ``lane``, a function of
    numbers in float64, called for each of them.
    """

    name: str
    arity: int
    vector: Callable[..., Real] | None
    single: str
    array: Callable[..., Any]
    derivatives: tuple[str, ...]
    brian2: Callable[..., Any] | None
    cheap: bool = False
    jumps: bool = False
    farthest: Callable[[Format], float] | None = None
    lane: Callable[..., float] | None = None
