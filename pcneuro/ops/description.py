"""What an operator says of itself to those who build circuits, write equations, or export: one description for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.ops.formula import Formula, to_text, variables_of

_FACTORS = ("multiply", "multiply_or_zero", "divide", "power")
"""Primitives whose two operands weigh each other."""


@dataclass(frozen=True)
class UnitFormula:
    """``out = formula`` of the operands, unit by unit, with broadcasting.

    ``variables`` are the operands' names in the formula, in their order; ``slopes`` the partial derivative by each, a
    formula of the variables and of ``out``.
    """

    formula: Formula
    variables: tuple[str, ...]
    slopes: tuple[Formula, ...]

    @property
    def expression(self) -> str:
        """The formula as text."""
        return to_text(self.formula)

    @property
    def derivatives(self) -> tuple[str, ...]:
        """The partial derivatives as text."""
        return tuple(to_text(slope) for slope in self.slopes)

    def derivative(self, k: int) -> Formula:
        """The partial derivative by operand k."""
        return self.slopes[k]

    def multiplies(self, j: int, k: int) -> bool:
        """Whether operands j and k are two sides of a product, quotient or power."""
        return _multiplied(self.formula, self.variables[j], self.variables[k])

    def modulates(self, j: int, k: int) -> bool:
        """Whether the derivative by operand k depends on operand j."""
        return self.variables[j] in variables_of(self.derivative(k))


def _multiplied(formula: Formula, a: str, b: str) -> bool:
    if not isinstance(formula, tuple):
        return False
    name, *arguments = formula
    if name in _FACTORS:
        left, right = (variables_of(argument) for argument in arguments)
        if (a in left and b in right) or (b in left and a in right):
            return True
    return any(_multiplied(argument, a, b) for argument in arguments)


@dataclass(frozen=True, eq=False)
class Description:
    """What an operator is: always in single units, and in words that say more where there are such.

    What follows from it is asked here, so that nobody needs to know which operators there are.
    """

    units: Callable[..., Any]
    """What it is as synapses and functions of single units: ``AbstractOperator.units``."""
    formula: UnitFormula | None = None
    """Where it is a formula, unit by unit."""
    subscripts: str | None = None
    """Where it is an einsum of two operands: a projection if one is a parameter, else a product of activities."""
    copied: np.ndarray | None = None
    """Where it only copies: the unit that each unit of the output copies, all operands' units one behind the other."""
    pattern: tuple[np.ndarray, np.ndarray, int] | None = None
    """Where its weights are those of a sparse matrix: where they stand by rows, as starts, columns and width."""
    convolution: Mapping[str, tuple[int, ...]] | None = None
    """Where it is a convolution: its ``stride``, ``padding`` and ``dilation``."""
    moves: bool = False
    """Whether it only moves, copies, sums up or multiplies units of one array, without weights."""
    passes_on: bool = False
    """Whether it is its one operand as it is: a property of the synapses that read it, without neurons of its own."""
    only_back: tuple[int, ...] = ()
    """Operands that only what comes back depends on: weights that errors have for themselves."""

    @property
    def reads_unit_by_unit(self) -> bool:
        """Whether weights among its operands are read as activities are, unit by unit, and not by synapses."""
        return self.formula is not None or self.copied is not None

    def multiplies(self, j: int, k: int) -> bool:
        """Whether operand j multiplies operand k, as weights and gains do, and is not only added to it as a bias is."""
        if j in self.only_back:
            return False
        return not self.moves if self.formula is None else self.formula.multiplies(j, k)

    def modulates(self, j: int, k: int) -> bool:
        """Whether the derivative by operand k depends on operand j, so that the two together are not linear."""
        return True if self.formula is None else self.formula.modulates(j, k)

    def contracts(self, weighted: bool) -> bool:
        """Whether what it connects are synapses of a projection; ``weighted`` tells that parameters multiply there."""
        return self.subscripts is not None or (weighted and self.formula is None and not self.moves)
