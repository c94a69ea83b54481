"""Probes: a variable of a vertex, read every so many steps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """What is to be recorded of one vertex of ``size`` units: every ``every`` steps, beginning with step 0."""

    vertex: str
    variable: str
    every: int
    size: int

    def first(self, step: int) -> int:
        """Number of the first step from ``step`` on before which it records."""
        return -(-step // self.every) * self.every

    def count(self, step: int, steps: int) -> int:
        """How many recordings fall into the ``steps`` steps from step number ``step``."""
        return -(-(step + steps) // self.every) - -(-step // self.every)


VARIABLES = ("value", "error", "prediction", "feedback")
