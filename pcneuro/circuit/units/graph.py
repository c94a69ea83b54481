"""The unit graph: what a circuit computes, as sums over synapses and functions unit by unit.

Every operator says what it is in these two (``AbstractOperator.units``). What goes back from the errors follows by the
chain rule: the same synapses the other way, and what a function's derivative makes of it.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from pcneuro.circuit.cycles import recurrent_of, returning
from pcneuro.circuit.feedback import closed
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.circuit.units.feedback import UnitStation, UnitWalk, list_stations
from pcneuro.circuit.units.populations import Population, Source, SynapseGroup, SynapticSum, UnitFunction, sources_of
from pcneuro.errors import ParameterError
from pcneuro.graph.graph import Constant, Input, Latent, Node, Parameter, Recurrent
from pcneuro.ops.base import AbstractUnits, Units, Weights
from pcneuro.ops.pairs import AbstractPairs

Arrays = dict[str, np.ndarray]


@dataclass
class UnitGraph(AbstractUnits):
    """All populations of a circuit, each behind those that it reads.

    Parameters that are ``plastic``, and what is computed from them alone, are populations, too; what goes back to these
    is the gradient, and ``Weights.parameter`` may name any of them. Raises ParameterError for an operator that has not
    said what it is in single units.
    """

    circuit: AbstractCircuit
    plastic: Collection[str] = ()
    populations: list[Population] = field(default_factory=list)
    values: dict[str, int] = field(default_factory=dict)
    """Input or vertex -> its value neurons; leaf that closes a cycle -> those of its vertex, where it reads them."""
    predictions: dict[str, int] = field(default_factory=dict)
    """Vertex that has one -> what computes its prediction."""
    means: dict[str, int] = field(default_factory=dict)
    """Output -> what its target is compared with while it is clamped."""
    parameters: dict[str, int] = field(default_factory=dict)
    """Parameter, or node that is computed from parameters and no activity -> its population, where it has one."""
    node: str = ""

    def __post_init__(self) -> None:
        made: dict[str, Units | Weights] = {}
        for name, node in self.circuit.graph.nodes.items():
            self.node = name
            made[name] = self._leaf(name, node) if node.is_leaf else self._computed(name, node, made)

    def _leaf(self, name: str, node: Node) -> Units | Weights:
        if isinstance(node.source, Parameter):
            weights = Weights(self.circuit.parameters[name].astype(np.float64, copy=False).ravel(), name, origin=name)
            if name in self.plastic:
                self.parameters[name] = self.function("x", {"x": weights}, {}).number
            return weights
        if isinstance(node.source, Constant):
            return Weights(node.source.value.astype(np.float64).ravel(), origin=name)
        if isinstance(node.source, Latent) and self.circuit.has_prediction(name):
            prior = np.broadcast_to(np.asarray(node.source.prior, dtype=np.float64), node.shape).ravel()
            self.predictions[name] = self.function("x", {"x": Weights(prior)}, {}).number
        assert isinstance(node.source, Input | Latent | Recurrent)
        return self._source(name, node)

    def _source(self, name: str, node: Node) -> Units:
        self.values[name] = len(self.populations)
        return self._added(Source(name, node.size))

    def _computed(self, name: str, node: Node, made: Mapping[str, Units | Weights]) -> Units | Weights:
        operands = [made[o] for o in node.operands]
        alone = all(isinstance(x, Weights) for x in operands)
        if self.parameters.keys().isdisjoint(node.operands):
            return self._vertex(
                name, node, self._numbers(name, node, operands) if alone else self._made(node, operands)
            )
        # Sums have weights of their own; functions read populations, and so do sums of parameters alone.
        reads = node.operator.description.reads_unit_by_unit
        read = [o for o in node.operands if o in self.parameters] if reads else [node.operands[0]] if alone else []
        known = {**made, **{o: self._population(o, made[o]) for o in read}}
        units = self._vertex(name, node, self._made(node, [known[o] for o in node.operands]))
        if not alone or name in self.circuit.vertices:
            return units
        assert isinstance(units, Units)
        self.parameters[name] = units.number
        return replace(self._numbers(name, node, operands), parameter=name, learned=False)

    def _numbers(self, name: str, node: Node, operands: Sequence[Units | Weights]) -> Weights:
        """What is computed from parameters and constants alone."""
        shapes = [self.circuit.graph.nodes[o].shape for o in node.operands]
        arrays = [x.values.reshape(1, *s) for x, s in zip(operands, shapes, strict=True) if isinstance(x, Weights)]
        learned = any(x.parameter is not None or x.learned for x in operands if isinstance(x, Weights))
        with np.errstate(all="ignore"):
            numbers = np.array(node.compute(*arrays), dtype=np.float64).ravel()
        return Weights(numbers, learned=learned, origin=name)

    def _made(self, node: Node, operands: Sequence[Units | Weights]) -> Units:
        """What is computed from activities."""
        shapes = [self.circuit.graph.nodes[o].shape for o in node.operands]
        return node.operator.description.units(self, node.shape, shapes, operands)

    def _population(self, name: str, weights: Units | Weights) -> Units:
        """That of a parameter, or of a constant, which has none yet."""
        if name in self.parameters:
            return Units(self.parameters[name], self.populations[self.parameters[name]].size)
        return self.function("x", {"x": weights}, {})

    def _vertex(self, name: str, node: Node, made: Units | Weights) -> Units | Weights:
        """What others read of a node: what has been computed, or a vertex' value neurons behind its prediction."""
        if name not in self.circuit.vertices:
            return made
        if isinstance(made, Weights) or made.number in (*self.values.values(), *self.predictions.values()):
            # A prediction is a population of its own.
            slopes = {"x": 1.0} if isinstance(made, Units) else {}
            made = self.function("x", {"x": made}, slopes)
        self.predictions[name] = made.number
        if name in self.circuit.energies:
            mean = self.circuit.energies[name].mean(self, made, node.shape)
            self.means[name] = mean.number
        return self._source(name, node)

    def _added(self, population: Population) -> Units:
        self.populations.append(population)
        return Units(len(self.populations) - 1, population.size)

    def synapses(self, size: int, source: Units, pre: np.ndarray, post: np.ndarray, weights: Weights | float) -> Units:
        pre, post = (np.asarray(index, dtype=np.int64).ravel() for index in (pre, post))
        table = weights if isinstance(weights, Weights) else Weights(np.array([float(weights)]))
        self._check(table)
        inside = not pre.size or (pre.max() < source.size and post.max() < size)
        if not inside or pre.size != post.size or table.values.size not in (1, pre.size):
            raise ValueError(f"node {self.node!r}: its synapses do not fit its populations")
        return self._added(SynapticSum.of(self.node, size, source.number, pre, post, table))

    def projection(self, size: int, source: Units, pairs: AbstractPairs, weights: Weights) -> Units:
        self._check(weights)
        return self._added(SynapticSum(self.node, size, source.number, pairs, weights))

    def _check(self, weights: Weights, masks: bool = False) -> None:
        """Raise for what is not finite; ``masks`` may be infinite, as those of a softmax are."""
        if not weights.values.size:
            return
        # Of many weights no array is made.
        ends = np.array([weights.values.min(), weights.values.max()])
        if not (~np.isnan(ends) if masks and weights.fixed else np.isfinite(ends)).all():
            raise ParameterError(f"node {self.node!r}: its weights or constants are not finite: not exported")

    def add(self, first: Units, second: Units) -> Units:
        return self.function(("add", "x", "y"), {"x": first, "y": second}, {"x": 1.0, "y": 1.0})

    def function(self, formula: Any, operands: Mapping[str, Units | Weights], derivatives: Mapping[str, Any]) -> Units:
        sizes = {x.size if isinstance(x, Units) else x.values.size for x in operands.values()}
        if len(sizes) != 1:
            raise ValueError(f"node {self.node!r}: operands of a function have sizes {sorted(sizes)}")
        (size,) = sizes
        for operand in operands.values():
            if isinstance(operand, Weights):
                self._check(operand, masks=True)
        known = {name: x.number if isinstance(x, Units) else x for name, x in operands.items()}
        return self._added(UnitFunction(self.node, size, formula, known, dict(derivatives)))

    # What is to be known about it

    @cached_property
    def children(self) -> list[tuple[str, ...]]:
        """Of each population, the vertices in whose dendrites it is: those whose predictions it goes into."""
        vertices: list[set[str]] = [set() for _ in self.populations]
        for name, number in self.predictions.items():
            vertices[number].add(name)
        for number in reversed(range(len(self.populations))):
            for source in sources_of(self.populations[number]):
                if not isinstance(self.populations[source], Source):
                    vertices[source] |= vertices[number]
        order = {name: k for k, name in enumerate(self.circuit.vertices)}
        return [tuple(sorted(names, key=order.__getitem__)) for names in vertices]

    @cached_property
    def owners(self) -> dict[int, str]:
        """Population -> the vertex in whose dendrite it is, of several the first, or that it is the values of.

        What a vertex' prediction is computed by is in its own dendrite, also where others are computed from that. Here
        the mean that a clamped output is compared with is in the output's dendrite, too; and a leaf that closes a cycle
        is the values of its vertex.
        """
        graph, order = self.circuit.graph, {name: k for k, name in enumerate(self.circuit.vertices)}
        ends = {number: name for numbers in (self.means, self.predictions) for name, number in numbers.items()}
        owners = dict(ends)
        for number in reversed(range(len(self.populations))):
            for source in sources_of(self.populations[number]) if number in owners else ():
                if source not in ends and not isinstance(self.populations[source], Source):
                    owners[source] = min(owners.get(source, owners[number]), owners[number], key=order.__getitem__)
        values = {name: name for name in self.circuit.vertices} | {n: graph.sender(n) for n in graph.recurrent}
        return owners | {self.values[name]: vertex for name, vertex in values.items()}

    @property
    def synapse_count(self) -> int:
        """All synapses, each once for both directions."""
        return sum(p.pairs.count for p in self.populations if isinstance(p, SynapticSum))

    @cached_property
    def synapse_groups(self) -> list[SynapseGroup]:
        """Where dendrites read value neurons: ``pcneuro.circuit.synapses.synapse_groups``."""
        return list(find_synapse_groups(self))

    @cached_property
    def groups_by_projection(self) -> dict[tuple[str, str], list[SynapseGroup]]:
        """Parent and child -> the synapse groups of the projection between the two."""
        groups: dict[tuple[str, str], list[SynapseGroup]] = {}
        for group in self.synapse_groups:
            for child in group.children:
                groups.setdefault((group.parent, child), []).append(group)
        return groups

    def active(
        self, held: Container[str] = (), inputs: bool = False, past: bool = False, more: Container[int] = ()
    ) -> set[int]:
        """Populations to which errors go back: those that depend on a vertex that is not ``held``.

        With ``inputs``, those that depend on one of these, too; with ``past``, on a leaf by which no error comes back;
        with ``more`` populations, on one of them.
        """
        vertices = {name for name in self.circuit.vertices if name not in held}
        graph = self.circuit.graph
        vertices |= {leaf for leaf in (graph.recurrent if past else returning(graph)) if graph.sender(leaf) in vertices}
        if inputs:
            vertices |= graph.inputs.keys()
        active: set[int] = set()
        for number, population in enumerate(self.populations):
            if isinstance(population, Source):
                if population.name in vertices:
                    active.add(number)
            elif number in more or active.intersection(sources_of(population)):
                active.add(number)
        return active

    # The same in NumPy

    def forward(self, values: Mapping[str, np.ndarray], clamped: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Activity of every population, (units,), where ``values`` of inputs and vertices are given.

        A vertex for which none is given takes its prediction on, as in the feedforward sweep; ``clamped`` go first. A
        leaf that closes a cycle has the value that is given for its vertex, or else what it has initially.
        """
        graph = self.circuit.graph
        known_of = {**values, **clamped}
        for leaf in graph.recurrent.keys() - values.keys():
            known_of[leaf] = known_of.get(graph.sender(leaf), np.asarray(recurrent_of(graph, leaf).initial))
        activity: list[np.ndarray] = []
        for population in self.populations:
            if isinstance(population, Source):
                name = population.name
                known = known_of.get(name)
                value = activity[self.predictions[name]] if known is None else known
                activity.append(np.asarray(value, dtype=np.float64).ravel())
            elif isinstance(population, SynapticSum):
                weighted = population.weights.values * activity[population.source][population.pre]
                activity.append(np.bincount(population.post, weights=weighted, minlength=population.size))
            else:
                activity.append(population.evaluated(population.formula, activity))
        return activity

    @cached_property
    def feedback(self) -> tuple[UnitStation, ...]:
        """The backward graph: all populations last to first, with the pulls that leave each."""
        return list_stations(self.populations, self.predictions, self.parameters)

    def backward(self, activity: list[np.ndarray], errors: Mapping[str, np.ndarray]) -> Arrays:
        """Feedback to every vertex from the errors (units,) of all, at the activities that ``forward`` gave.

        An error that is not given is at its equilibrium under fixed prediction: it is its vertex' feedback.
        """
        adjoints = self.adjoints(activity, errors)
        graph = self.circuit.graph
        returned = {n: adjoints[number] for n, number in self.values.items() if n in self.circuit.vertices}
        return closed(graph, returned | {leaf: adjoints[self.values[leaf]] for leaf in returning(graph)})

    def adjoints(self, activity: list[np.ndarray], errors: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """What comes back from these errors to every population, (units,); see ``backward``."""
        return [adjoint[0] for adjoint in UnitWalk(self.feedback, activity, errors).walk()]


def find_synapse_groups(units: UnitGraph) -> Iterator[SynapseGroup]:
    """Look for the synapse groups, which the unit graph then keeps."""
    read: list[tuple[str | None, int]]
    for number, population in enumerate(units.populations):
        if isinstance(population, SynapticSum):
            read, synapses = [(None, population.source)], population.pairs.count
        elif isinstance(population, UnitFunction):
            read = [(name, x) for name, x in population.operands.items() if isinstance(x, int)]
            synapses = population.size
        else:
            continue
        for operand, source in read:
            parent = units.populations[source]
            if isinstance(parent, Source) and units.children[number]:
                yield SynapseGroup(number, operand, parent.name, units.children[number], synapses)
