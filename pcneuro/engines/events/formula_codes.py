"""Formulas of functions as codes, for compiled kernels; and which populations each reads as its operands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pcneuro.circuit.units import UnitFunction, UnitGraph
from pcneuro.kernels.events.formulas import CODES, NUMBER, OPERAND, OUT
from pcneuro.ops.base import Weights


@dataclass(frozen=True, eq=False)
class Formulas:
    """Formulas of all functions, their derivatives and operands, but for operands that are weights."""

    arrays: Mapping[str, np.ndarray]
    """Fields of a ``SynapticNetwork``."""
    gates: tuple[tuple[int, str], ...]
    """(Function of the unit graph, operand) of each block of slopes, in their order."""
    constants: tuple[tuple[int, str], ...]
    """(Function of the unit graph, operand) of each block of weights, in their order."""
    slopes: int
    """Units of all gates."""
    most_operands: int

    def constants_of(self, units: UnitGraph) -> np.ndarray:
        """The weights that functions of this unit graph read, float64."""
        blocks = [np.zeros(0)]
        for number, name in self.constants:
            function = units.populations[number]
            assert isinstance(function, UnitFunction)
            operand = function.operands[name]
            assert isinstance(operand, Weights)
            blocks.append(np.broadcast_to(operand.values, function.size))
        return np.concatenate(blocks)


class Writer:
    """Writes formulas one behind the other: ``codes``, and the ``numbers`` that stand in them."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.numbers: list[float] = []

    def write(self, formula: object, names: list[str]) -> tuple[int, int]:
        """Where the codes of a formula over operands of these names begin and end."""
        begin = len(self.codes)
        self._part(formula, names)
        return begin, len(self.codes)

    def _part(self, part: object, names: list[str]) -> None:
        if isinstance(part, tuple):
            for argument in part[1:]:
                self._part(argument, names)
            self.codes.append(CODES[part[0]])
        elif isinstance(part, str):
            self.codes.extend((OUT, 0) if part == "out" else (OPERAND, names.index(part)))
        else:
            self.codes.extend((NUMBER, len(self.numbers)))
            self.numbers.append(float(part))  # type: ignore[arg-type]
