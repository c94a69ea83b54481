"""At which neuron a chip has each unit of a circuit: value neurons, and dendrites with what is worked out in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pcneuro.circuit.units import Source, SynapticSum, UnitFunction, UnitGraph, sources_of
from pcneuro.engines.events.branches import Branches
from pcneuro.engines.events.dendrites import neurons_of
from pcneuro.recording.events import population_sizes

NOWHERE = -1


@dataclass(frozen=True, eq=False)
class _OwnNodes:
    """A unit graph whose populations are nodes as they are (``engines.events.dendrites.Numbered``)."""

    units: UnitGraph

    @cached_property
    def number(self) -> range:
        return range(len(self.units.populations))

    @property
    def reads(self) -> dict[tuple[int, str], int]:
        return {}

    @cached_property
    def ends(self) -> np.ndarray:
        return np.cumsum([population.size for population in self.units.populations])

    @property
    def nodes(self) -> int:
        return int(self.ends[-1]) if self.ends.size else 0

    @property
    def owner(self) -> dict[int, str]:
        return self.units.owners

    def nodes_of(self, population: int) -> slice:
        end = int(self.ends[population])
        return slice(end - self.units.populations[population].size, end)

    def read_by(self, number: int, operand: str) -> int:
        function = self.units.populations[number]
        assert isinstance(function, UnitFunction)
        source = function.operands[operand]
        assert isinstance(source, int)
        return source


class Homes:
    """Neuron at which each unit of a circuit is, numbered through ``population_sizes``.

    Sums over synapses, and functions of them, are in the dendrite of the error neuron whose prediction they go into, of
    several the first. What only moves value neurons, or is a function of them unit by unit, on the way to sums is at
    the value neuron: it sends from there. Where there are several, it is at the first, and without ``inputs`` at the
    first that is none of these.
    """

    def __init__(self, branches: Branches, inputs: bool) -> None:
        self.branches, self.units, self.inputs = branches, branches.units, inputs
        circuit = self.units.circuit
        self.sizes = population_sizes(circuit)
        ends = np.cumsum([0, *self.sizes.values()])
        self.begins = dict(zip(self.sizes, ends.tolist(), strict=False))
        self.of_inputs = np.zeros(int(ends[-1]), dtype=bool)
        """Neuron -> whether it is one of an input."""
        for name in circuit.graph.inputs:
            begin = self.begins[f"{name}.value"]
            self.of_inputs[begin : begin + circuit.graph.nodes[name].size] = True
        self.relays = self._relays()
        """Populations that are at value neurons."""
        self._nodes = _OwnNodes(self.units)
        self._in_dendrites = neurons_of(self._nodes)
        self.neurons: list[np.ndarray] = []
        """Population of the unit graph -> (units,) int64, or NOWHERE: of what goes into no prediction."""
        for number in range(len(self.units.populations)):
            self.neurons.append(self._of(number))

    def _relays(self) -> set[int]:
        """Populations between value neurons and sums: those that move units, or are functions unit by unit."""
        populations, units = self.units.populations, self.units
        ends = {*units.predictions.values(), *units.means.values()}
        relays = {n for n, p in enumerate(populations) if n not in ends and self._one_to_one(n)}
        before = -1
        while len(relays) != before:
            before = len(relays)
            relays = {n for n in relays if self._relays_all(n, relays)}
        return relays

    def _one_to_one(self, number: int) -> bool:
        population = self.units.populations[number]
        if isinstance(population, SynapticSum):
            return bool(population.table.fixed and (np.bincount(population.post, minlength=1) <= 1).all())
        return isinstance(population, UnitFunction)

    def _relays_all(self, number: int, relays: set[int]) -> bool:
        populations = self.units.populations
        behind = [n for n, _ in self.branches.readers[number]]
        return (
            bool(behind)
            and all(isinstance(populations[n], SynapticSum) or n in relays for n in behind)
            and all(isinstance(populations[n], Source) or n in relays for n in sources_of(populations[number]))
        )

    def _of(self, number: int) -> np.ndarray:
        population = self.units.populations[number]
        if isinstance(population, Source):
            graph = self.units.circuit.graph
            name = graph.sender(population.name) if population.name in graph.recurrent else population.name
            return self.begins[f"{name}.value"] + np.arange(population.size)
        owner = self.units.owners.get(number)
        homes = np.full(population.size, NOWHERE, dtype=np.int64)
        if owner is not None:
            homes = self.begins[f"{owner}.error"] + self._in_dendrites[self._nodes.nodes_of(number)]
        if number not in self.relays:
            return homes
        if isinstance(population, SynapticSum):
            homes[population.post] = self.neurons[population.source][population.pre]
            return homes
        moved = np.full(population.size, NOWHERE, dtype=np.int64)
        for source in sources_of(population):
            here = self.neurons[source]
            better = np.zeros(population.size, dtype=bool)
            if not self.inputs:
                better = self.of_inputs[moved] & ~self.of_inputs[here] & (here != NOWHERE)
            moved = np.where((moved == NOWHERE) | better, here, moved)
        return np.where(moved == NOWHERE, homes, moved)
