"""The synapses of a circuit, one entry each, a block at a time: units, weights, parameters, delays.

Whatever a vertex's dendrite sums over is listed, vertex by vertex. What only moves units on the way (a slice, a
transposition) has no synapses of its own: those behind it begin at the value neurons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from pcneuro.circuit.cycles import recurrent_of
from pcneuro.circuit.projections import Dendrites
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.circuit.synapses import Edge, edge_of, places_of
from pcneuro.circuit.units import Source, SynapticSum, UnitFunction, UnitGraph, sources_of
from pcneuro.errors import ParameterError, told
from pcneuro.model.delays import ConstantDelay, DelaysInTurn
from pcneuro.ops.base import Weights
from pcneuro.ops.formula import evaluate, variables_of

BLOCK = 1_000_000
"""Synapses in a block, unless told otherwise: some 60 MB."""

DelayPair = tuple[np.ndarray, np.ndarray | None]
"""Delays forward and back, in ms; None where nothing goes back."""


@dataclass(frozen=True, eq=False)
class SynapseBlock:
    """Some synapses of a vertex's dendrite, as arrays with an entry a synapse.

    Units are numbers in the flattened array of one sample. The child's prediction is what its dendrite makes of
    ``sum(weight * source[pre])`` at each unit ``post`` of ``node``, over all blocks with this child and node.
    """

    source: str
    """The input or vertex whose value neurons are read, by a ``Recurrent`` as they are or were; or a node within the
    dendrite, behind other synapses; or a step of a node that takes several, ``"<node>.1"`` the first (as a softmax:
    exponentials, their sum, quotients)."""
    child: str
    """The vertex whose dendrite, and so whose prediction, they belong to."""
    node: str
    """The node of the graph, the child itself or one before it in its dendrite, that sums over them; or a step of it,
    named likewise."""
    pre: np.ndarray
    """Units of the source, int64."""
    post: np.ndarray
    """Units of the node, int64."""
    weight: np.ndarray
    """float64; 1 where the dendrite computes a function of the activity that is not linear."""
    parameter: str | None
    """The parameter whose entries the weights are; None for constants, and what is computed from parameters."""
    index: np.ndarray | None
    """The entry of the parameter, flattened, of each weight, int64."""
    delay: np.ndarray
    """From the source to the dendrite, float64 in ms; 0 within a dendrite."""
    feedback_delay: np.ndarray | None
    """From the child's errors to the source, likewise; None where nothing is fed back, as to inputs."""

    def __len__(self) -> int:
        return self.pre.size


@dataclass(frozen=True, eq=False)
class _Origin:
    """Where the activity that a sum reads comes from: a population, and through copies of its units or not."""

    population: int
    units: np.ndarray | None = None
    """Unit of the population for each unit that is read; None: the same."""
    copy: int | None = None
    """The first copy on the way, where delays are."""
    copied: np.ndarray | None = None
    """Unit of that copy, likewise."""


class _DelayReader:
    """Delays of a projection's synapses in both directions, in the order in which they are read."""

    def __init__(self, units: UnitGraph, parent: str, child: str, fed_back: bool) -> None:
        self.places, graph = places_of(units, parent, child), units.circuit.graph
        at_once = ConstantDelay(0.0).in_turn(self.places, parent)
        if parent in graph.recurrent:
            self.forward = ConstantDelay(recurrent_of(graph, parent).delay).in_turn(self.places, parent)
        else:
            self.forward = self._in_turn(units.circuit, edge_of(parent, child, "prediction"))
            at_once = self._in_turn(units.circuit, edge_of(parent, child, "feedback"))
        self.back = at_once if fed_back else None

    def _in_turn(self, circuit: AbstractCircuit, edge: Edge) -> DelaysInTurn:
        return circuit.delays.get(edge, ConstantDelay(0.0)).in_turn(self.places, ">".join(edge))

    def read(self, count: int, index: np.ndarray | None = None) -> DelayPair:
        """Delays of the next ``count`` synapses, whose weights are these entries of their array."""
        return self.forward(count, index), None if self.back is None else self.back(count, index)


class _Dendrite:
    """Lists the synapses of one vertex's dendrite, population by population."""

    def __init__(
        self,
        units: UnitGraph,
        names: Sequence[str],
        child: str,
        numbers: Sequence[int],
        fed_back: Container[str],
        block: int,
    ) -> None:
        self.units, self.names, self.child, self.numbers, self.block = units, names, child, numbers, block
        self.readers: dict[str, _DelayReader] = {}
        self.copies: dict[int, DelayPair] = {}
        self.fed_back = fed_back
        self.read = {x for n in numbers for x in _operands(units, n)} | {units.predictions[child]}

    def blocks(self) -> Iterator[SynapseBlock]:
        for number in self.numbers:
            population = self.units.populations[number]
            if isinstance(population, SynapticSum):
                copy = is_copy(population)
                yield from self._copied(number, population) if copy else self._summed(number, population)
            elif isinstance(population, UnitFunction):
                for operand, source in population.operands.items():
                    if isinstance(source, int) and isinstance(self.units.populations[source], Source):
                        yield from self._one_to_one(number, population, operand, source)

    def _reader(self, parent: str) -> _DelayReader:
        if parent not in self.readers:
            self.readers[parent] = _DelayReader(self.units, parent, self.child, parent in self.fed_back)
        return self.readers[parent]

    def _ranges(self, count: int) -> Iterator[tuple[int, int]]:
        return ((first, min(first + self.block, count)) for first in range(0, count, self.block))

    def _copied(self, number: int, copy: SynapticSum) -> Iterator[SynapseBlock]:
        """Remember the delays of what is copied from value neurons; the copy has synapses if a function reads it."""
        parent = self.units.populations[copy.source]
        if isinstance(parent, Source):
            self.copies[number] = self._reader(parent.name).read(copy.size)
        if number in self.read:
            yield from self._summed(number, copy, self._origin(number))

    def _origin(self, number: int) -> _Origin:
        """Where the activity of a population comes from, back through copies."""
        population = self.units.populations[number]
        if not (isinstance(population, SynapticSum) and is_copy(population)):
            return _Origin(number)
        before, through = self._origin(population.source), population.pre
        units = through if before.units is None else before.units[through]
        if before.copy is not None and before.copied is not None:
            return _Origin(before.population, units, before.copy, before.copied[through])
        return _Origin(before.population, units, number, np.arange(population.size))

    def _summed(self, number: int, synapses: SynapticSum, copied: _Origin | None = None) -> Iterator[SynapseBlock]:
        """The synapses of a sum; of a copy with its origin, one to one."""
        origin = copied or self._origin(synapses.source)
        source = self.units.populations[origin.population]
        for first, last in self._ranges(synapses.pairs.count):
            pre, entries, post = synapses.pairs.part(first, last)
            weights, read = synapses.table.take(entries), post if copied else pre
            if not isinstance(source, Source):
                delays: DelayPair = (np.zeros(pre.size), np.zeros(pre.size))
            elif origin.copy is None or origin.copied is None:
                delays = self._reader(source.name).read(pre.size, weights.index)
            else:
                at, (forward, back) = origin.copied[read], self.copies[origin.copy]
                delays = forward[at], None if back is None else back[at]
            units = read if origin.units is None else origin.units[read]
            yield self._block(self.names[origin.population], self.names[number], units, post, weights, delays)

    def _one_to_one(self, number: int, function: UnitFunction, operand: str, source: int) -> Iterator[SynapseBlock]:
        """What a function reads of value neurons, unit by unit."""
        weights, parent = _slope(function, operand), self.units.populations[source]
        assert isinstance(parent, Source)
        for first, last in self._ranges(function.size):
            every = np.arange(first, last)
            some = weights.take(every if weights.values.size > 1 else np.zeros(every.size, dtype=np.int64))
            delays = self._reader(parent.name).read(every.size)
            yield self._block(self.names[source], self.names[number], every, every, some, delays)

    def _block(
        self, source: str, node: str, pre: np.ndarray, post: np.ndarray, weights: Weights, delays: DelayPair
    ) -> SynapseBlock:
        index = None if weights.parameter is None else weights.index
        return SynapseBlock(source, self.child, node, pre, post, weights.values, weights.parameter, index, *delays)


def is_copy(population: SynapticSum) -> bool:
    """Whether each unit of a sum is one unit of its source."""
    table = population.table
    if not (population.listed and table.fixed and table.values.size == 1 and table.values[0] == 1.0):
        return False
    return population.pairs.count == population.size and np.array_equal(population.post, np.arange(population.size))


def _operands(units: UnitGraph, number: int) -> list[int]:
    population = units.populations[number]
    return list(sources_of(population)) if isinstance(population, UnitFunction) else []


def step_names(units: UnitGraph) -> list[str]:
    """Names of all populations: a node's last is called like the node, those before it ``"<node>.1"`` and on."""
    last = {p.node: number for number, p in enumerate(units.populations) if not isinstance(p, Source)}
    steps: Counter[str] = Counter()
    names = []
    for number, population in enumerate(units.populations):
        if isinstance(population, Source):
            recurrent = population.name in units.circuit.graph.recurrent
            names.append(units.circuit.graph.sender(population.name) if recurrent else population.name)
            continue
        steps[population.node] += 1
        is_last = last[population.node] == number
        names.append(population.node if is_last else f"{population.node}.{steps[population.node]}")
    return names


def _slope(function: UnitFunction, operand: str) -> Weights:
    """What a function multiplies an operand by: weights, or 1 where it does something else to it."""
    derivative = function.derivatives.get(operand)
    named = {name: x for name, x in function.operands.items() if isinstance(x, Weights)}
    if derivative is None or not set(variables_of(derivative)) <= named.keys():
        return Weights(np.ones(1))
    if isinstance(derivative, str):
        return named[derivative]
    with np.errstate(all="ignore"):
        return Weights(np.atleast_1d(np.asarray(evaluate(derivative, {n: x.values for n, x in named.items()}), float)))


def synapse_blocks(circuit: AbstractCircuit, block: int = BLOCK) -> Iterator[SynapseBlock]:
    """The synapses of a circuit as ``Circuit.synapses`` lists them."""
    if not isinstance(block, Integral) or isinstance(block, bool) or block < 1:
        raise ParameterError(f"block is {told(block)}; give a whole number of synapses, 1 or more")
    units = UnitGraph(circuit)
    numbers: dict[str, list[int]] = {vertex: [] for vertex in circuit.vertices}
    for number, children in enumerate(units.children):
        for child in children:
            numbers[child].append(number)
    names = step_names(units)
    ways = Dendrites(circuit)
    dendrites = (
        _Dendrite(units, names, n, numbers[n], ways.fed_back(n), int(block))
        for n in circuit.vertices
        if n in units.predictions
    )
    return (each for dendrite in dendrites for each in dendrite.blocks())
