"""Instructions for what drives parameters while a circuit runs, and rows for variances that are learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pcneuro.circuit.plasticity import CircuitAnatomy
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.ops.base import Slot
from pcneuro.program.lowering import Lowering
from pcneuro.program.program import Program


@dataclass(frozen=True)
class _Drive:
    """Where a rule finds things in a program; see ``model.plasticity.abstract.DriveCode``."""

    low: Lowering
    program: Program
    dynamics: AbstractDynamics
    read: Mapping[str, Slot]
    learned: Slot
    drive: int

    @property
    def share(self) -> int:
        return self.program.share_row

    @property
    def anatomy(self) -> CircuitAnatomy:
        return self.program.circuit.anatomy

    def emit(self, kernel: str, *arguments: int) -> None:
        self.low.emit(kernel, *arguments)

    def constant(self, value: float) -> int:
        return self.low.constant(value)

    def parameter(self, name: str) -> tuple[int, int]:
        return self.learned.row, self.learned.units

    def presynaptic(self, node: str) -> tuple[int, int]:
        return self.read[node].row, self.read[node].units

    def activity(self, vertex: str) -> tuple[int, int, int]:
        first, *added = (self.program.slot(region, vertex) for region in self.dynamics.activity)
        return first.row, added[0].row if added else -1, first.units

    def deviation(self, vertex: str) -> tuple[int, int]:
        slot = self.program.slot("deviation", vertex)
        return slot.row, slot.units


def write_drives(low: Lowering, program: Program, dynamics: AbstractDynamics, read: Mapping[str, Slot]) -> None:
    """Add the rows and instructions of a circuit's rules of plasticity to a program."""
    circuit = program.circuit
    for learned, values in circuit.variances.items():
        program.leaves[learned] = low.reserve(values.size, False)
    if any(not rule.hebbian for rule in circuit.plasticity.values()):
        program.share_row = low.reserve(1, False).row
    for (name, rule), learned in zip(circuit.plasticity.items(), circuit.rules, strict=True):
        if rule.hebbian:
            program.drives[learned] = program.adjoints[rule.follows(name)], []
            continue
        slot = program.leaves[learned]
        drive = low.reserve(slot.units, False)
        rule.emit(name, _Drive(low, program, dynamics, read, slot, drive.row))
        program.drives[learned] = drive, low.taken()
