"""Single synapses: which units before and behind it one entry of a parameter has to do with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pcneuro.analysis.audit.structure import Structure
from pcneuro.analysis.audit.updates import DERIVATIVE, GATE, OWN, PRE, Update, Variable
from pcneuro.circuit.units import Source, SynapticSum, UnitFunction, UnitGraph
from pcneuro.errors import ParameterError
from pcneuro.ops.base import Weights

Masks = dict[Variable, np.ndarray]

MOST_SYNAPSES = 4_000_000
"""Of a parameter whose single synapses are looked at: some 100 MB."""


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a parameter's entries are in a dendrite: each with a unit of ``number``, and one of what it weighs."""

    number: int
    entries: np.ndarray
    post: np.ndarray
    source: int | None
    pre: np.ndarray


class Synapses:
    """Looks up, for an entry of a parameter, the units that may matter to its update."""

    def __init__(self, structure: Structure) -> None:
        self.structure, self.graph = structure, structure.graph
        try:
            self.units: UnitGraph | None = UnitGraph(structure.circuit)
        except ParameterError:
            self.units = None
        populations = [] if self.units is None else self.units.populations
        self.last = {p.node: n for n, p in enumerate(populations) if not isinstance(p, Source)}
        """Node -> the population that has its activity."""

    def places(self, update: Update) -> list[_Place] | None:
        """Where the entries of a parameter are; None where that is not known, or they are too many."""
        if self.units is None:
            return None
        found = list(self._found(update.name))
        users = set(self.graph.consumers[update.name])
        computed = any(self.structure.dendrites.is_weight(user) for user in users)
        if computed or not found or users - {self._node(place.number) for place in found}:
            return None
        return found

    def _node(self, number: int) -> str:
        population = self.units.populations[number]  # type: ignore[union-attr]
        return population.name if isinstance(population, Source) else population.node

    def _found(self, parameter: str) -> Iterator[_Place]:
        assert self.units is not None
        count = 0
        for number, population in enumerate(self.units.populations):
            if isinstance(population, SynapticSum) and population.table.parameter == parameter:
                count += population.pairs.count
                if count > MOST_SYNAPSES:
                    return
                pre, entries, post = population.pairs.all()
                yield _Place(number, _entries(population.table, entries), post, population.source, pre)
            elif isinstance(population, UnitFunction):
                every = np.arange(population.size)
                others: list[int | None] = [x for x in population.operands.values() if isinstance(x, int)]
                for operand in population.operands.values():
                    if isinstance(operand, Weights) and operand.parameter == parameter:
                        rows = every if operand.values.size > 1 else np.zeros(population.size, dtype=np.int64)
                        entries = _entries(operand, rows)
                        for other in others or [None]:
                            yield _Place(number, entries, every, other, every)

    def masks(self, update: Update, places: list[_Place], entry: int) -> Masks | None:
        """Variable -> the units of it that may matter to the entry; what is left out may matter as a whole.

        None where nothing is driven by the entry.
        """
        assert self.units is not None
        ahead = [np.zeros(p.size, dtype=bool) for p in self.units.populations]
        before: dict[str, np.ndarray] = {}
        for place in places:
            at = place.entries == entry
            ahead[place.number][place.post[at]] = True
            source = None if place.source is None else self._followed(place.source)
            if source is not None:
                name = self.structure.itself(self._node(source))
                if self._whole(source):
                    mask = before.setdefault(name, np.zeros(ahead[source].size, dtype=bool))
                    mask[place.pre[at]] = True
        self._spread(ahead, {place.number for place in places})
        masks: Masks = {}
        for child in update.children:
            reached = ahead[self.units.predictions[child]]
            shape = self.graph.nodes[child].shape
            for kind in ("error", "value", "prediction", "node"):
                masks[Variable(kind, child)] = reached.reshape(shape)
        self._inside(update, masks)
        self._before(update, before, masks)
        own = np.zeros(self.graph.nodes[update.name].size, dtype=bool)
        own[entry] = True
        for kind in ("parameter", "node"):
            masks[Variable(kind, update.name)] = own.reshape(self.graph.nodes[update.name].shape)
        # Where a derivative is taken at the weights themselves, or at an activity, any unit of it may matter.
        whole = {v for v in update.reads.get(OWN, ()) if v.kind == "node"}
        held = {v for name in (DERIVATIVE, GATE) for v in update.reads.get(name, ()) if v.kind == "node"}
        whole |= {v for v in held if v.name in self.structure.dendrites.sources}
        return {variable: mask for variable, mask in masks.items() if variable in update.allowed - whole}

    def _followed(self, number: int) -> int:
        """The population that one is the same as: functions that only pass on are of synapses, and have no neurons."""
        population = self.units.populations[number]  # type: ignore[union-attr]
        while isinstance(population, UnitFunction) and population.formula == "x":
            operand = population.operands["x"]
            if not isinstance(operand, int):
                break
            number, population = operand, self.units.populations[operand]  # type: ignore[union-attr]
        return number

    def _whole(self, number: int) -> bool:
        """Whether a population is all that dendrites have of a node."""
        population = self.units.populations[number]  # type: ignore[union-attr]
        return isinstance(population, Source) or self.last[population.node] == number

    def _spread(self, ahead: list[np.ndarray], begun: set[int]) -> None:
        """Go on to all units that are computed from those that are marked, as far as predictions."""
        for number, population in enumerate(self.units.populations):  # type: ignore[union-attr]
            if isinstance(population, SynapticSum) and ahead[population.source].any():
                ahead[number][population.post[ahead[population.source][population.pre]]] = True
            elif isinstance(population, UnitFunction):
                for operand in population.operands.values():
                    if isinstance(operand, int):
                        ahead[number] |= ahead[operand]

    def _inside(self, update: Update, masks: Masks) -> None:
        """Of nodes within dendrites, the units that the marked units of the predictions are computed from."""
        units = self.units
        assert units is not None
        behind = [np.zeros(p.size, dtype=bool) for p in units.populations]
        for child in update.children:
            behind[units.predictions[child]] |= masks[Variable("error", child)].ravel()
        for number in reversed(range(len(units.populations))):
            population = units.populations[number]
            if isinstance(population, Source) or not behind[number].any():
                continue
            if isinstance(population, UnitFunction):
                for operand in population.operands.values():
                    if isinstance(operand, int):
                        behind[operand] |= behind[number]
            elif not isinstance(units.populations[population.source], Source):
                behind[population.source][population.pre[behind[number][population.post]]] = True
        for variable in update.allowed:
            number = self.last.get(variable.name, -1)
            inside = variable.kind == "node" and number >= 0 and variable.name not in self.structure.dendrites.sources
            if inside and behind[number].size == self.graph.nodes[variable.name].size:
                masks[variable] = behind[number].reshape(self.graph.nodes[variable.name].shape)

    def _before(self, update: Update, before: dict[str, np.ndarray], masks: Masks) -> None:
        """Of what the synapses weigh, the units before them; of what is not known of, all."""
        for variable in update.reads.get(PRE, ()):
            if variable.name not in before:
                masks.pop(variable, None)
        for name, mask in before.items():
            shape = self.graph.nodes[name].shape
            for variable in (Variable("node", name), Variable("value", name)):
                if variable in update.allowed:
                    known = masks.get(variable) if name in update.children else None
                    masks[variable] = mask.reshape(shape) if known is None else known | mask.reshape(shape)


def _entries(table: Weights, rows: np.ndarray) -> np.ndarray:
    """Entries of the parameter that rows of a table of weights are."""
    return rows if table.index is None else table.index[rows]
