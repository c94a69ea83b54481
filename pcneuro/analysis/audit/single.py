"""Single neurons and synapses: which units one neuron, or one entry of a parameter, has to do with."""

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
"""Of a circuit, or of a parameter, whose single units are looked at: some 100 MB."""


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a parameter's entries are in a dendrite: each with a unit of ``number``, and one of what it weighs."""

    number: int
    entries: np.ndarray
    post: np.ndarray
    source: int | None
    pre: np.ndarray


class Singles:
    """Looks up, for a neuron or an entry of a parameter, the units that may matter to its update."""

    def __init__(self, structure: Structure) -> None:
        self.structure, self.graph = structure, structure.graph
        try:
            self.units: UnitGraph | None = UnitGraph(structure.circuit)
        except ParameterError:
            self.units = None
        populations = [] if self.units is None else self.units.populations
        self.last = {p.node: n for n, p in enumerate(populations) if not isinstance(p, Source)}
        """Node -> the population that has its activity."""

    def known(self, update: Update, size: int, count: int, rng: np.random.Generator) -> Iterator[tuple[int, Masks]]:
        """For some units of an update, drawn, the units of each variable that may matter to it.

        What is left out may matter as a whole. Nothing where that is not known, or circuits are too large.
        """
        if self.units is None or self.units.synapse_count > MOST_SYNAPSES or not count:
            return
        places = self._places(update) if update.kind == "synapse" else []
        if places is None:
            return
        for unit in rng.choice(size, size=min(count, size), replace=False).tolist():
            if update.kind == "synapse":
                yield unit, self._masks(update, places, unit)
            elif update.kind == "value":
                yield unit, self._of_value(update, unit)
            elif update.kind == "error":
                yield unit, self._of_error(update, unit)
            else:
                yield unit, {variable: self._one(update.children[0], unit) for variable in update.allowed}

    def _one(self, name: str, unit: int) -> np.ndarray:
        """A mask of one unit of a node."""
        mask = np.zeros(self.graph.nodes[name].size, dtype=bool)
        mask[unit] = True
        return mask.reshape(self.graph.nodes[name].shape)

    # Neurons

    def _of_value(self, update: Update, unit: int) -> Masks:
        """A value neuron: the error neurons that it predicts, and their dendrites."""
        units, vertex = self.units, update.name
        assert units is not None
        ahead = [np.zeros(p.size, dtype=bool) for p in units.populations]
        for name in (vertex, *(leaf for leaf in self.graph.recurrent if self.graph.sender(leaf) == vertex)):
            ahead[units.values[name]][unit] = True
        masks = self._behind(update, ahead)
        own = Variable("error", vertex)
        masks[own] = masks.get(own, False) | self._one(vertex, unit)
        return self._without_whole(update, masks)

    def _of_error(self, update: Update, unit: int) -> Masks:
        """An error neuron: its value neuron, and what its prediction is computed from."""
        units, vertex = self.units, update.name
        assert units is not None
        behind = [np.zeros(p.size, dtype=bool) for p in units.populations]
        behind[units.means.get(vertex, units.predictions[vertex])][unit] = True
        self._spread_back(behind, sources=True)
        masks: Masks = {v: self._one(vertex, unit) for v in update.reads[OWN]}
        for name, number in units.values.items():
            shape = self.graph.nodes[name].shape
            sender = self.graph.sender(name) if name in self.graph.recurrent else name
            for variable in (Variable("input", name), Variable("past", name), Variable("value", sender)):
                if variable in update.allowed:
                    masks[variable] = masks.get(variable, False) | behind[number].reshape(shape)
        return masks

    # Synapses

    def _places(self, update: Update) -> list[_Place] | None:
        """Where the entries of a parameter are; None where that is not known, or they are too many."""
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

    def _masks(self, update: Update, places: list[_Place], entry: int) -> Masks:
        """An entry of a parameter: the units before and behind its synapses."""
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
        masks = self._behind(update, ahead)
        self._before(update, before, masks)
        for kind in ("parameter", "node"):
            masks[Variable(kind, update.name)] = self._one(update.name, entry)
        return self._without_whole(update, masks)

    def _behind(self, update: Update, ahead: list[np.ndarray]) -> Masks:
        """Masks of the neurons that marked units act on, and of nodes within their dendrites."""
        assert self.units is not None
        self._spread(ahead)
        masks: Masks = {}
        for child in update.children:
            reached = ahead[self.units.predictions[child]]
            shape = self.graph.nodes[child].shape
            for kind in ("error", "value", "prediction", "node"):
                masks[Variable(kind, child)] = reached.reshape(shape)
        self._inside(update, masks)
        return masks

    def _without_whole(self, update: Update, masks: Masks) -> Masks:
        """The masks of what is adjacent, but of what may matter as a whole."""
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

    def _spread(self, ahead: list[np.ndarray]) -> None:
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
        self._spread_back(behind)
        for variable in update.allowed:
            number = self.last.get(variable.name, -1)
            inside = variable.kind == "node" and number >= 0 and variable.name not in self.structure.dendrites.sources
            if inside and behind[number].size == self.graph.nodes[variable.name].size:
                masks[variable] = behind[number].reshape(self.graph.nodes[variable.name].shape)

    def _spread_back(self, behind: list[np.ndarray], sources: bool = False) -> None:
        """Go back to all units that marked ones are computed from, in their dendrites; with ``sources``, to neurons."""
        populations = self.units.populations  # type: ignore[union-attr]
        for number in reversed(range(len(populations))):
            population = populations[number]
            if isinstance(population, Source) or not behind[number].any():
                continue
            if isinstance(population, UnitFunction):
                for operand in population.operands.values():
                    if isinstance(operand, int):
                        behind[operand] |= behind[number]
            elif sources or not isinstance(populations[population.source], Source):
                behind[population.source][population.pre[behind[number][population.post]]] = True

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
