"""Run data: what a circuit is given in a run, as engines take it; and what of it changes with time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines.stimuli import Stimulus

NEVER = np.zeros(0, dtype=np.int64)
"""No steps."""


@dataclass(frozen=True, eq=False)
class RunData:
    """What a circuit is given: arrays of shape (batch, \\*shape).

    ``clamped`` are the vertices that are held, targets included, whose names are ``targets``; ``initial`` are values of
    free vertices after the feedforward sweep (of latent leaves: before it). ``rows`` are those of further rows of the
    state, by variable and vertex: they begin at zero where none are given. Where it ``continues`` the simulation that
    an engine is in, what is on its way through conduction delays goes on; else all has been as in the feedforward
    sweep. ``stimuli`` change with time, by group (``"inputs"``, ``"clamped"``, ``"currents"``) and name; the arrays are
    what they are in the step of number ``step``. Before the steps ``restarts``, in their order, neurons go back to the
    feedforward sweep.
    """

    batch: int
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    clamped: Mapping[str, np.ndarray] = field(default_factory=dict)
    initial: Mapping[str, np.ndarray] = field(default_factory=dict)
    rows: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    continues: bool = False
    stimuli: Mapping[tuple[str, str], Stimulus] = field(default_factory=dict)
    step: int = 0
    restarts: np.ndarray = field(default_factory=lambda: NEVER)
    currents: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Vertex -> what flows into its value neurons beside what comes back from errors; a group of arrays, too."""
    targets: frozenset[str] = frozenset()
    """Clamped vertices that go with the next targets, and not with the next clamps."""

    @classmethod
    def silent(cls, circuit: Circuit) -> RunData:
        """One sample of zeros at all inputs: what a circuit is evaluated at before it is given anything."""
        return cls(1, {name: np.zeros((1, *node.shape)) for name, node in circuit.graph.inputs.items()})

    def at(self, step: int, known: Sequence[tuple[int, np.ndarray]] = ()) -> RunData:
        r"""The same in another step; groups of arrays that are no others there are the very same objects.

        ``known`` has a value of each stimulus that need not be read again: its position, and (batch or 1, \*shape).
        """
        if not self.stimuli:
            return self if step == self.step else replace(self, step=step)
        groups: dict[str, dict[str, np.ndarray]] = {}
        for k, ((group, name), stimulus) in enumerate(self.stimuli.items()):
            before, position = getattr(self, group)[name], stimulus.position(step)
            if position == stimulus.position(self.step):
                continue
            values = known[k][1] if known and known[k][0] == position else stimulus.read(position, 1)[0]
            now = stimulus.spread(values, self.batch).astype(before.dtype, copy=False)
            if not np.array_equal(now, before):
                groups.setdefault(group, dict(getattr(self, group)))[name] = now
        changed: dict[str, Any] = groups
        return replace(self, step=step, **changed)

    def next_change(self, step: int) -> int | None:
        """The first step behind this one at whose begin something may change; None where nothing does any more."""
        changes = [stimulus.next_change(step) for stimulus in self.stimuli.values()]
        changes += self.restarts[np.searchsorted(self.restarts, step, "right") :][:1].tolist()
        return min((change for change in changes if change is not None), default=None)

    def restarts_at(self, step: int) -> bool:
        """Whether neurons go back to the sweep before a step."""
        at = np.searchsorted(self.restarts, step)
        return bool(at < len(self.restarts) and self.restarts[at] == step)

    def same_as(self, other: RunData | None) -> bool:
        """Whether it gives a circuit what another does, now, but for how large currents are: engines follow these."""
        return other is not None and (
            self.inputs is other.inputs
            and self.clamped is other.clamped
            and self.initial is other.initial
            and self.currents.keys() == other.currents.keys()
        )

    def with_currents(self, currents: Mapping[str, np.ndarray], stimuli: Mapping[tuple[str, str], Stimulus]) -> RunData:
        """The same with other currents, and these stimuli."""
        return replace(self, currents=currents, stimuli=stimuli)

    def sample(self, number: int) -> RunData:
        """Inputs and clamps of one sample, as a batch of one."""
        inputs, clamped = (
            {name: array[number : number + 1] for name, array in part.items()} for part in (self.inputs, self.clamped)
        )
        return RunData(1, inputs, clamped)
