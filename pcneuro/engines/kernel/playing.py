"""What changes with time, as the compiled loop takes it: read ahead for the steps to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pcneuro.engines.data import RunData
from pcneuro.engines.kernel.update_steps import Ring, UpdateSteps
from pcneuro.engines.stimuli import Stimulus
from pcneuro.kernels.arguments import (
    CARRIED_COLUMNS,
    FIRST_TIME,
    NUMBERS,
    STIMULUS_COLUMNS,
    UNITS,
    Stimuli,
)
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.ops.base import Slot
from pcneuro.program import Program

ENDLESS = np.iinfo(np.int64).max
"""The number of the last value of what begins again."""


def _place(group: str, name: str, program: Program, updates: UpdateSteps) -> tuple[Slot, tuple[int, int]]:
    """Rows of an input, clamped vertex or current, and the flags that say that it has changed."""
    if group == "inputs":
        return program.leaves[name], updates.inputs[name]
    if group == "currents":
        return program.currents[name], updates.currents[name]
    return program.slot("value", name), updates.clamped[name]


def _begun(program: Program, data: RunData, rings: Mapping[str, Ring]) -> list[list[int]]:
    """What neurons are before a sweep, as of ``Stimuli``: latents at their priors, and the past as it is initially."""
    graph = program.circuit.graph
    latents = [name for name in graph.latents if name not in data.clamped]
    rows = [[*(program.slot(r, n).row for r in ("value", "prediction")), graph.nodes[n].size] for n in latents]
    for name, initial in program.initial.items():
        sender, leaf = graph.sender(name), program.leaves[name]
        known = sender in data.clamped and name not in rings
        rows.append([leaf.row, program.slot("value", sender).row if known else initial.row, leaf.units])
        if name in rings:
            ring = rings[name]
            rows += [[ring.row + k * leaf.units, initial.row, leaf.units] for k in range(ring.steps)]
    return rows


@dataclass
class Playing:
    """The stimuli of a run, and the restarts that are due.

    ``played`` (blocks, stimuli + 1) has the number of the value that each block has now, and of the restart to come.
    """

    stimuli: Sequence[Stimulus]
    table: np.ndarray
    carried: np.ndarray
    sweep: np.ndarray
    zeroed: np.ndarray
    begun: np.ndarray
    held: bool
    played: np.ndarray
    room: np.ndarray
    """A row a block of samples, for the activities that are taken along a sweep."""
    values: np.ndarray
    restarts: np.ndarray
    """All of the run."""
    due: np.ndarray
    """Those of the steps to come."""
    ends: list[tuple[int, np.ndarray]] = field(default_factory=list)
    """By stimulus the number of the last value that was read ahead, and a copy of that, as it was read."""

    @classmethod
    def of(
        cls,
        data: RunData,
        program: Program,
        updates: UpdateSteps,
        sweep: np.ndarray,
        dynamics: AbstractDynamics,
        rings: Mapping[str, Ring],
        sent: Slot,
        shape: tuple[int, int],
        dtype: np.dtype,
    ) -> Playing:
        """Those of ``data`` from its step on, in ``shape`` = (blocks, lanes); ``sent``: rows of what was sent last."""
        blocks, lanes = shape
        rows = []
        for (group, name), stimulus in data.stimuli.items():
            slot, flags = _place(group, name, program, updates)
            last, swept = ENDLESS if stimulus.last is None else stimulus.last, int(group != "currents")
            rows.append([stimulus.every, last, slot.units, stimulus.samples, slot.row, *flags, 0, 0, swept])
        stimuli = list(data.stimuli.values())
        played = np.array([s.position(data.step) for s in stimuli], dtype=np.int64)
        held = dynamics.holds_predictions
        carried = _carried(program, data) if held and (stimuli or program.circuit.plasticity) else []
        further = [program.slot(row.region, name) for row in dynamics.rows[1:] for name in program.first]
        # Neurons that begin anew have sent nothing yet.
        further += [sent] if sent.units else []
        units = sum(row[3] for row in carried)
        return cls(
            stimuli,
            np.array(rows, dtype=np.int64).reshape(-1, STIMULUS_COLUMNS),
            np.array(carried, dtype=np.int64).reshape(-1, CARRIED_COLUMNS),
            sweep,
            np.array([[slot.row, slot.units] for slot in further], dtype=np.int64).reshape(-1, 2),
            np.array(_begun(program, data, rings), dtype=np.int64).reshape(-1, 3),
            held,
            np.tile(np.append(played, 0), (blocks, 1)),
            np.zeros((blocks, units * lanes), dtype=dtype),
            np.zeros(0, dtype=dtype),
            data.restarts,
            data.restarts[:0],
        )

    def steps_at_once(self, room: int) -> int:
        """Steps whose values take so many bytes."""
        step = sum(int(row[UNITS]) * s.samples / s.every for s, row in zip(self.stimuli, self.table, strict=True))
        return max(1, int(room / max(step * self.values.itemsize, 1.0)))

    def read_ahead(self, number: int, steps: int) -> None:
        """Read the values of the steps from ``number`` on."""
        first, last = np.searchsorted(self.restarts, [number, number + steps])
        self.due = self.restarts[first:last]
        self.played[:, -1] = 0
        parts, size, self.ends = [], 0, []
        for row, stimulus in zip(self.table, self.stimuli, strict=True):
            first, last = stimulus.position(number), stimulus.position(number + steps - 1)
            values = stimulus.read(first, last + 1 - first)
            row[NUMBERS], row[FIRST_TIME] = size, first
            parts.append(values.ravel())
            self.ends.append((last, values[-1].copy()))
            size += values.size
        if parts:
            self.values = np.concatenate(parts).astype(self.values.dtype, copy=False)

    def of_block(self, block: int, lanes: int) -> Stimuli:
        """What the loop takes for one block of samples."""
        return self._stimuli(self.played[block], block * lanes, self.room[block])

    def of_all(self) -> Stimuli:
        """What a loop takes that steps all blocks together: what it writes has a row a block."""
        return self._stimuli(self.played, 0, self.room)

    def _stimuli(self, played: np.ndarray, start: int, room: np.ndarray) -> Stimuli:
        return Stimuli(
            self.table,
            self.values,
            played,
            start,
            self.carried,
            self.sweep,
            room,
            self.held,
            self.due,
            self.zeroed,
            self.begun,
        )


def _carried(program: Program, data: RunData) -> list[list[int]]:
    """Of each free vertex where its activity is, and where it is kept in the meantime."""
    rows, kept = [], 0
    for name in program.first:
        if name in data.clamped:
            continue
        predicted, deviates = (program.slot(region, name) for region in ("prediction", "deviation"))
        read = program.slot("value", name).row if name in program.circuit.graph.latents else -1
        rows.append([predicted.row, deviates.row, kept, predicted.units, read])
        kept += predicted.units
    return rows
