"""Many steps in one go in the kernel engine: what ``FastForward`` asks for.

Errors are pulled back one hop at a time, those of all paths of k hops together, as ``schedules.hops`` has it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.engines.abstract import HopDistribution, Stepped
from pcneuro.engines.kernel.update_steps import driving
from pcneuro.kernels.dispatch import IDENTITY, SCALAR
from pcneuro.ops.base import Slot
from pcneuro.program import Program
from pcneuro.program.lowering import Code, Lowering, as_array
from pcneuro.recording.probe import Probe

if TYPE_CHECKING:
    from pcneuro.engines.kernel.blocks import AbstractBlocks


@dataclass
class Family:
    """What some populations send: instructions of hop k = 1, 2, ..., and the vertices that each hop reaches."""

    weights: int
    """Shared row of the weight of no hop, behind which those of hops follow."""
    erring: set[str]
    """The vertices that the last hop here ends at."""
    hops: list[Code] = field(default_factory=list)
    reached: list[set[str]] = field(default_factory=list)


class Leap:
    """Instructions for what is clamped now.

    Weights of hops stand in shared rows that are free for them: of what clamped populations send at ``growth_row``, of
    what free ones start from at ``decay_row``. But for that of no hop they are divided by a step's share of the leak,
    since ``gain`` multiplies them.
    """

    def __init__(self, program: Program, clamped: Collection[str]) -> None:
        self.program = program
        self.low = Lowering(program.ints.size)
        self.one = next(row for row, values in program.constants.items() if values.size == 1 and values[0] == 1.0)
        self.driving = driving(program)
        self.free = [name for name in program.first if name not in clamped]
        self.held = [name for name in program.first if name in clamped and program.circuit.has_prediction(name)]
        self.sent = Family(program.growth_row, set(self.held))
        self.left = Family(program.decay_row, set(self.free))
        energies = [c for name, c in program.energy.items() if name in clamped]
        self.errors = [i for part in (program.code["error"], *energies) for i in part]
        self.arrays: dict[tuple[int, ...], np.ndarray] = {}
        self.hush, self.still = self._silent(self.held), self._silent(self.free)
        for name in self.free:
            d = program.slot("deviation", name)
            self.low.emit("multiply", d.row, d.row, IDENTITY, 0, program.decay_row, SCALAR, 1, d.units)
        self.fade = self.low.taken()
        self._keep()

    def extend(self, family: Family, reach: int) -> int:
        """Add hops up to so many, or until nothing is left; returns how many there are to do."""
        self.low = Lowering(self.program.ints.size)
        while family.erring and len(family.hops) < reach:
            code, driven = self._hop(family.erring)
            if driven:
                carried = driven.intersection(self.free)
                code += self._arrive(carried, family.weights + len(family.hops) + 1)
                code += self._silent(family.erring.difference(carried))
                family.hops.append(code)
                family.reached.append(driven)
            family.erring = driven.intersection(self.free)
        self._keep()
        return min(len(family.hops), reach)

    def _keep(self) -> None:
        """Give the program the arguments of what has been emitted. Others, for other clamps, add to it, too."""
        if self.low.ints:
            self.program.ints = np.concatenate([self.program.ints, *self.low.ints])
        self.low = Lowering(self.program.ints.size)

    def opening(self, family: Family, rested: bool) -> Code:
        """What brings the errors that a family starts with, and no others."""
        if family is self.left:
            return self.errors + self.hush + self.fade
        return self.errors + ([] if rested else self.still)

    def whole(self, families: Sequence[Family], counts: Sequence[int]) -> np.ndarray:
        """All that so many hops of these families take."""
        key = tuple(counts)
        if key not in self.arrays:
            code: Code = []
            for family, count in zip(families, counts, strict=True):
                code += self.opening(family, len(families) == 1)
                for hop in family.hops[:count]:
                    code += hop
            self.arrays[key] = as_array(code)
        return self.arrays[key]

    def _silent(self, vertices: Collection[str]) -> Code:
        for name in self.program.first:
            if name in vertices:
                self._zero(self.program.slot("error", name))
        return self.low.taken()

    def _zero(self, slot: Slot) -> None:
        self.low.emit("combine", slot.row, IDENTITY, slot.units, 0, 0, IDENTITY, 0, 0, IDENTITY, 2, self.one, 0)

    def _arrive(self, carried: Collection[str], weight: int) -> Code:
        """deviation += weight * drive / precision; then what was pulled is the error to pull."""
        for name in self.free:
            if name in carried:
                d, g, e = (self.program.slot(region, name) for region in ("deviation", "drive", "error"))
                gain, n = self.program.gain_row + self.program.first[name], d.units
                self.low.emit("combine", d.row, IDENTITY, n, 1, g.row, IDENTITY, 0, gain, IDENTITY, 1, weight, n)
                self.low.emit("combine", e.row, IDENTITY, n, 0, g.row, IDENTITY, 0, 0, IDENTITY, 2, self.one, n)
        return self.low.taken()

    def _hop(self, erring: Collection[str]) -> tuple[Code, set[str]]:
        """Pull what these vertices send to the vertices next upstream: instructions, and those vertices."""
        code: Code = []
        flowing: set[str] = set()
        driven: set[str] = set()
        for name in self.driving:
            every = self.program.pulls.get(name, [])
            parts = [part for consumer, part in every if self._sends(consumer, erring, flowing)]
            if not parts:
                continue
            if parts[0] is not every[0][1]:
                # The first writes, all others add.
                self._zero(self.program.collected[name])
                code += self.low.taken()
            code += [instruction for part in parts for instruction in part]
            (driven if name in self.program.first else flowing).add(name)
        return code, driven

    def _sends(self, consumer: str, erring: Collection[str], flowing: Collection[str]) -> bool:
        """Whether there is anything in a node's adjoint."""
        if consumer not in self.program.first:
            consumer = self.program.passed.get(consumer, consumer)
        return consumer in (erring if consumer in self.program.first else flowing)


def leap(
    engine: AbstractBlocks,
    plan: Leap,
    number: int,
    steps: int,
    reach: int,
    probes: Sequence[Probe],
    shares: HopDistribution,
) -> Stepped:
    """Weigh every hop by the share that has made it by then."""
    program = engine.program
    rested = not any(_holds(engine, program.slot("deviation", name)) for name in plan.free)
    families = [plan.sent] if rested else [plan.left, plan.sent]
    counts = [plan.extend(family, reach) for family in families]
    times = [t.first(number) + t.every * np.arange(t.count(number, steps)) - number for t in probes]
    moments, where = np.array([steps]), np.array([0])
    if probes:
        moments, where = np.unique(np.concatenate([*times, moments]), return_inverse=True)
    reached, just = shares(moments, max(counts))
    tables = [reached if family is plan.sent else just for family in families]
    for family, count, table in zip(families, counts, tables, strict=True):
        weights = table[where[-1], : count + 1] / _leak(engine)
        weights[0] = table[where[-1], 0]
        engine.shared[family.weights : family.weights + count + 1] = weights
    if not probes:
        engine.execute("leap", plan.whole(families, counts))
        return Stepped(steps, True, [])
    taken = [_Trajectory(engine, probe, len(moments)) for probe in probes]
    for family, count, table in zip(families, counts, tables, strict=True):
        code = list(plan.opening(family, rested))
        for hop in range(1, count + 1):
            code += family.hops[hop - 1]
            asked = [t for t in taken if t.probe.vertex in family.reached[hop - 1]]
            if asked:
                engine.execute("leap", as_array(code))
                code = []
            for trajectory in asked:
                trajectory.add(table[:, hop], table[:, hop - 1])
        engine.execute("leap", as_array(code))
        if family is plan.left:
            for trajectory in taken:
                trajectory.start(table[:, 0])
    # The errors of clamped populations, which were read and silenced.
    engine.evaluate()
    rows = np.split(where[:-1], np.cumsum([len(t) for t in times])[:-1])
    return Stepped(steps, True, [t.rows(at) for t, at in zip(taken, rows, strict=True)])


def _holds(engine: AbstractBlocks, slot: Slot) -> bool:
    """Whether anything there is not zero."""
    return bool(engine.buf[:, slot.row * engine.lanes : (slot.row + slot.units) * engine.lanes].any())


def _leak(engine: AbstractBlocks) -> float:
    """Share that the free populations, which must have one rate, leak in a step."""
    program = engine.program
    gains = engine.shared[program.gain_row :][: program.units]
    unit = int(gains.argmax())
    return float(gains[unit] * engine.shared[program.precision_row + unit]) or 1.0


class _Trajectory:
    """What a probe records, at all moments: the sum over hops of what came by them."""

    def __init__(self, engine: AbstractBlocks, probe: Probe, moments: int) -> None:
        self.engine, self.probe, self.slot = engine, probe, engine.program.slot("drive", probe.vertex)
        self.moving = probe.variable == "feedback" or (
            probe.variable in ("value", "error") and probe.vertex not in engine.data.clamped
        )
        self.sum = np.zeros((moments, engine.data.batch, self.slot.units))
        self.before = self._read("deviation") * engine.circuit.precision[probe.vertex].ravel()

    def _read(self, region: str) -> np.ndarray:
        slot = self.engine.program.slot(region, self.probe.vertex)
        return self.engine._read(slot, (slot.units,)).astype(np.float64)

    def start(self, left: np.ndarray) -> None:
        """Add what is left of the start."""
        if self.probe.variable != "feedback":
            self.sum += left[:, None, None] * self.before

    def add(self, here: np.ndarray, one_before: np.ndarray) -> None:
        """Add what is in the drive now, by the shares that have come here, or (feedback) to the populations before."""
        share = one_before if self.probe.variable == "feedback" else here
        self.sum += share[:, None, None] * self._read("drive")

    def rows(self, at: np.ndarray) -> np.ndarray:
        """The recording, (times, batch, units), at these moments."""
        if not self.moving:
            still = self.engine.read(self.probe.vertex, self.probe.variable)
            return np.repeat(still.reshape(1, len(still), -1), len(at), axis=0)
        recorded = self.sum[at]
        if self.probe.variable == "value":
            recorded = self._read("prediction") + recorded / self.engine.circuit.precision[self.probe.vertex].ravel()
        return recorded.astype(self.engine.dtype)
