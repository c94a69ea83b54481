"""The empirical certificate: interventions on a simulator's state that have to leave an update as it is, or not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pcneuro.analysis.audit.report import Interventions
from pcneuro.analysis.audit.single import Singles
from pcneuro.analysis.audit.states import Simulated
from pcneuro.analysis.audit.structure import Structure
from pcneuro.analysis.audit.updates import CLASSES, OWN, POST, PRE, Update, Variable
from pcneuro.errors import DataError

TIMES = (-10.0, 0.1)
"""What variables are multiplied by, besides: two states may have signs and sizes in common, and a rule read these."""


@dataclass
class Found:
    """What interventions on one update have come to so far."""

    made: int = 0
    unchanged: int = 0
    answered: dict[str, bool] = field(default_factory=dict)
    singles: int = 0
    singles_unchanged: int = 0
    culprits: set[Variable] = field(default_factory=set)
    """Variables that are not adjacent, and that changed the update alone."""
    read: set[Variable] = field(default_factory=set)
    """Of a rule of any kind: variables that are adjacent, and that changed the update alone."""

    @property
    def interventions(self) -> Interventions:
        """As the report has it."""
        return Interventions(self.made, self.unchanged, self.answered, self.singles, self.singles_unchanged)


class Certificate:
    """Interventions by pairs of random states: each variable has its value of the one state, or of the other."""

    def __init__(self, structure: Structure, pairs: Sequence[Simulated], singles: int, seed: int) -> None:
        self.structure, self.pairs, self.count = structure, pairs, singles
        self.rng = np.random.default_rng(seed)
        self.single = Singles(structure)

    def of(self, update: Update) -> Found:
        """Intervene on all that an update has to do with, and on all that it has nothing to do with."""
        found = Found()
        outside = self.structure.variables - update.adjacent
        for pair in self.pairs:
            at = _Base(pair, update)
            for times in (None, *TIMES):
                changed = at.changes(outside, times, anew=True)
                if changed is None:
                    continue
                found.made += 1
                found.unchanged += not changed
                if changed:
                    found.culprits |= {v for v in outside - found.culprits if at.changes((v,), times, anew=True)}
            if update.derived:
                for name, variables in update.reads.items():
                    found.answered[name] = found.answered.get(name, False) or at.answers(variables)
            else:
                found.read |= {v for v in update.allowed - found.read if at.answers((v,))}
        if not update.derived:
            # What a rule reads is not known before: it may leave out some of what is there, but not all.
            found.answered = dict.fromkeys(self.read(update, found), True) or {"any": False}
        self._singles(update, found)
        return found

    def read(self, update: Update, found: Found) -> Mapping[str, Collection[Variable]]:
        """What an update reads, by class: of a rule of any kind what answered."""
        if update.derived:
            return update.reads
        classes: dict[str, set[Variable]] = {}
        for variable in found.read:
            itself = variable.name == update.name
            classes.setdefault(OWN if itself else POST if variable.name in update.children else PRE, set()).add(
                variable
            )
        return {name: classes[name] for name in CLASSES if name in classes}

    def _singles(self, update: Update, found: Found) -> None:
        """Of some neurons, or entries of a parameter, change all units that have nothing to do with them."""
        if update.of_mean or not update.allowed or not self.pairs:
            return
        pair, outside = self.pairs[0], self.structure.variables - update.adjacent
        base = _by_unit(update, pair.mixed(update, (), {}))
        # Errors are predicted from what is put there, for which an operator may have no value.
        tried = (None,) if update.kind == "error" else (None, *TIMES)
        for unit, masks in self.single.known(update, base.shape[1], self.count, self.rng):
            found.singles += 1
            mixed = (_by_unit(update, pair.mixed(update, outside, masks, anew=t is None, times=t)) for t in tried)
            found.singles_unchanged += all(same(each[:, unit], base[:, unit]) for each in mixed)


class _Base:
    """An update in the one state of a pair, and whether it is another one where variables are moved."""

    def __init__(self, pair: Simulated, update: Update) -> None:
        self.pair, self.update = pair, update
        self.array = pair.mixed(update, (), {})

    def changes(self, moved: Collection[Variable], times: float | None, anew: bool) -> bool | None:
        """Whether the update changes; None where an operator has no value for what is so many ``times`` a state."""
        try:
            return not same(self.pair.mixed(self.update, moved, {}, anew=anew, times=times), self.array)
        except (DataError, ArithmeticError, np.linalg.LinAlgError):
            if times is None:
                raise
            return None

    def answers(self, variables: Collection[Variable]) -> bool:
        """Whether the update changes with what it reads: to the other state, or to other signs and sizes."""
        alone = len(variables) == 1
        return bool(self.changes(variables, None, alone)) or any(self.changes(variables, t, False) for t in TIMES)


def _by_unit(update: Update, array: np.ndarray) -> np.ndarray:
    """An update as (samples, units); of what learns, which sums over samples, as (1, entries)."""
    return array.reshape(len(array) if update.kind in ("value", "error") else 1, -1)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays are the same bit for bit, but for the sign of zeros."""
    return (one + 0.0).tobytes() == (other + 0.0).tobytes()
