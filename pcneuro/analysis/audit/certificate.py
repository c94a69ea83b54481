"""The empirical certificate: interventions on a simulator's state that have to leave an update as it is, or not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pcneuro.analysis.audit.report import Interventions
from pcneuro.analysis.audit.single import Singles
from pcneuro.analysis.audit.states import Simulated
from pcneuro.analysis.audit.structure import Structure
from pcneuro.analysis.audit.updates import CLASSES, GATE, OWN, POST, PRE, Update, Variable


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
            base = pair.mixed(update, (), {})

            def changes(moved: Collection[Variable], pair: Simulated = pair, base: np.ndarray = base) -> bool:
                return not same(pair.mixed(update, moved, {}, anew=moved is outside or len(moved) == 1), base)

            found.made += 1
            if changes(outside):
                found.culprits |= {variable for variable in outside if changes((variable,))}
            else:
                found.unchanged += 1
            if update.derived:
                for name, variables in update.reads.items():
                    answer = found.answered.get(name, False) or changes(variables)
                    # All units of a small population may be on the same side of a threshold in both states.
                    found.answered[name] = answer or (name == GATE and self._turns(pair, update, variables, base))
            else:
                found.read |= {variable for variable in update.allowed - found.read if changes((variable,))}
        if not update.derived:
            # What a rule reads is not known before: it may leave out some of what is there, but not all.
            found.answered = dict.fromkeys(self.read(update, found), True) or {"any": False}
        self._singles(update, found)
        return found

    def _turns(self, pair: Simulated, update: Update, gates: Collection[Variable], base: np.ndarray) -> bool:
        """Whether an update changes where what thresholds read has the other sign."""
        return not same(pair.mixed(update, gates, {}, anew=False, turned=True), base)

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

        def of_unit(array: np.ndarray, unit: int) -> np.ndarray:
            return array.reshape(len(array), -1)[:, unit] if neurons else array.ravel()[unit]

        base, neurons = pair.mixed(update, (), {}), update.kind in ("value", "error")
        size = base[0].size if neurons else base.size
        for unit, masks in self.single.known(update, size, self.count, self.rng):
            found.singles += 1
            mixed = pair.mixed(update, outside, masks)
            found.singles_unchanged += same(of_unit(mixed, unit), of_unit(base, unit))


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays are the same bit for bit."""
    return one.tobytes() == other.tobytes()
