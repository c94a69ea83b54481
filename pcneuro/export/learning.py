"""What changes while a circuit runs, as equations of the synapses or neurons that have it, in Brian2's syntax.

A rule says its equation once (``AbstractPlasticity.equation``); here it is put in terms of a place: of synapses from
``_pre`` to ``_post``, or of the neurons of a group. Rules without an interval are differential equations; those with
one are code that is run regularly, at the begin of the step behind an interval, with all sums taken once more before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pcneuro.circuit.equations.expressions import brian2_text
from pcneuro.model.plasticity import AbstractPlasticity
from pcneuro.model.plasticity.abstract import LEARNED
from pcneuro.ops.formula import Formula, substitute

BEHIND_INTERVALS = "before_start"
"""Slot of a step in which what has an interval changes: before data do."""
BEHIND_STATES = "after_groups"
"""Slot in which what is integrated is brought within its bounds."""
NOTED = {False: "noted", True: "noted_w"}
"""Variable of groups, and of synapses: the time before which nothing changes, since it has changed already."""


@dataclass(frozen=True)
class Regular:
    """Code that a group, or synapses, run every so many steps (``every``), in a slot (``when``) of the step."""

    owner: str
    of_synapses: bool
    code: str
    every: int
    when: str
    order: int


@dataclass(frozen=True, eq=False)
class Learning:
    """A ``variable`` of a group, or of synapses, that follows a rule.

    ``name`` is what its values are called in a circuit, ``entries`` which of them each neuron or synapse has (None: all
    in their order), ``drive`` a formula of the variables that are there; ``every`` so many steps it changes.
    """

    name: str
    owner: str
    of_synapses: bool
    variable: str
    entries: np.ndarray | None
    rule: AbstractPlasticity
    every: int | None
    words: Mapping[str, Formula]

    @property
    def slope(self) -> str:
        """tau times its derivative."""
        return brian2_text(substitute(self.rule.slope, {**self.words, LEARNED: self.variable}))

    @property
    def change(self) -> str:
        """Variable of a group that has what is to be added, until all others know theirs."""
        return f"change_{self.variable}"

    @property
    def lines(self) -> list[str]:
        """Equations, or declarations, of all that it has."""
        if self.every is None:
            clocked = " (clock-driven)" if self.of_synapses else ""
            return [f"d{self.variable}/dt = ({self.slope})/({self.rule.tau!r}*ms) : 1{clocked}"]
        more = [] if self.of_synapses else [f"{self.change} : 1"]
        return [f"{self.variable} : 1", *more]

    def _clipped(self, text: str) -> str:
        low, high = (repr(bound) for bound in self.rule.limits)
        return text if self.rule.bounds is None else f"clip({text}, {low}, {high})"

    def regular(self, dt: float) -> Iterator[Regular]:
        """What is run for it. Groups change last, since synapses look at what is in them, and they at each other's."""
        if self.every is None:
            if self.rule.bounds is not None:
                code = f"{self.variable} = {self._clipped(self.variable)}"
                yield Regular(self.owner, self.of_synapses, code, 1, BEHIND_STATES, 0)
            return
        due, rate = f"due = int(t > {NOTED[self.of_synapses]})", repr(self.every * dt / self.rule.tau)
        step = f"{rate}*({self.slope})"
        added = self._clipped(f"{self.variable} + {step if self.of_synapses else self.change}")
        changed = f"{due}\n{self.variable} = due*({added}) + (1 - due)*{self.variable}"
        if not self.of_synapses:
            yield Regular(self.owner, False, f"{self.change} = {step}", self.every, BEHIND_INTERVALS, 0)
        yield Regular(self.owner, self.of_synapses, changed, self.every, BEHIND_INTERVALS, 1 if self.of_synapses else 2)


def note(learnings: Sequence[Learning]) -> list[str]:
    """The declaration that owners of what has an interval need once."""
    return list(dict.fromkeys(f"{NOTED[o.of_synapses]} : second (shared)" for o in learnings if o.every is not None))
