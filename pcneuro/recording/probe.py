"""Probes: a variable of a vertex, read every so many steps."""

from __future__ import annotations

from dataclasses import dataclass

from pcneuro.circuit.structure import ErrorHalf


@dataclass(frozen=True)
class Probe:
    """What is to be recorded of one vertex of ``size`` units: every ``every`` steps, beginning with step 0.

    Or of a parameter of so many entries, which has the ``variable`` of one.
    """

    vertex: str
    variable: str
    every: int
    size: int
    shape: tuple[int, ...] = ()
    """That of a parameter."""
    half: ErrorHalf | None = None
    """Which neurons of a pair hold it, where it is of one of the two."""
    place: tuple[tuple[str, str], ...] = ()
    """Attribute -> text: where in the cortex the population is of whose neurons it is, in a circuit with a scheme."""

    @property
    def of_parameter(self) -> bool:
        """Whether it records a parameter."""
        return self.variable == PARAMETER

    def rows(self, batch: int) -> int:
        """How many rows of units a recording has: those of all samples share a parameter."""
        return 1 if self.of_parameter else batch

    def first(self, step: int) -> int:
        """Number of the first step from ``step`` on before which it records."""
        return -(-step // self.every) * self.every

    def count(self, step: int, steps: int) -> int:
        """How many recordings fall into the ``steps`` steps from step number ``step``."""
        return -(-(step + steps) // self.every) - -(-step // self.every)


POPULATION_OF = {"value": "value", "error": "error", "prediction": "error", "feedback": "value"}
"""Variable -> the kind of population whose neurons have it: their activity, or what they are driven by."""
VARIABLES = tuple(POPULATION_OF)
PARAMETER = "parameter"
"""The variable of what is recorded of a parameter."""
