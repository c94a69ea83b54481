"""Projections: what the dendrite of a vertex makes of the activity of one parent, whatever lies between the two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from pcneuro.circuit.cycles import recurrent_of, returning
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.circuit.ways import Passed, Ways
from pcneuro.graph.graph import Latent, Node


@dataclass(frozen=True)
class Projection:
    """Connections from the value neurons of ``parent`` (a vertex or an input) to the error neurons of ``child``.

    ``parameters`` are those that multiply the parent's activity on its way, in the graph's order, and ``back`` those
    that multiply the error on its way to the parent, None where no error comes back; ``hebbian`` says that there are
    some and that the child's prediction is linear in them, along the ways that its error comes back by. ``synapses`` is
    their number. ``leaf`` is the ``Recurrent`` by which the parent's activity comes, empty where it comes as it is, and
    ``delay`` by how many ms it comes later.
    """

    parent: str
    child: str
    parameters: tuple[str, ...]
    back: tuple[str, ...] | None
    hebbian: bool
    synapses: int
    leaf: str = ""
    delay: float = 0.0


class Dendrites:
    """Which parents, connections and parameters each vertex's prediction is computed from.

    ``sources`` are the nodes whose activity projections start from: vertices and inputs, and leaves that close cycles,
    which have that of a vertex. ``active`` are the nodes that
    are computed from any source.
    """

    def __init__(self, circuit: AbstractCircuit) -> None:
        self.circuit, self.graph = circuit, circuit.graph
        self.sources = frozenset((*circuit.vertices, *self.graph.inputs, *self.graph.recurrent))
        self.position = {name: i for i, name in enumerate(self.graph.nodes)}
        self.active: set[str] = set()
        for name, node in self.graph.nodes.items():
            if any(operand in self.sources or operand in self.active for operand in node.operands):
                self.active.add(name)
        self._carried: dict[str, frozenset[str]] = {}
        self._copies: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def _reached(self, name: str, back: bool = False) -> list[str]:
        """A node and all that it is computed from, to the sources and leaves, in the order in which it reads them.

        ``back``: only what its error comes back to.
        """

        def read(node: Node) -> list[str]:
            passing = (o for k, o in enumerate(node.operands) if not back or node.operator.passes_back(k))
            return list(passing)[::-1]

        reached, stack = dict.fromkeys([name]), read(self.graph.nodes[name])
        while stack:
            operand = stack.pop()
            if operand not in reached:
                reached[operand] = None
                if operand not in self.sources:
                    stack.extend(read(self.graph.nodes[operand]))
        return list(reached)

    def parents(self, child: str) -> list[str]:
        """The sources that project to a vertex."""
        return [name for name in self._reached(child)[1:] if name in self.sources]

    def fed_back(self, child: str) -> frozenset[str]:
        """The vertices, and leaves that stand for some, among the parents of a vertex that its error comes back to."""
        return frozenset(self._reached(child, back=True)[1:]).intersection(
            (*self.circuit.vertices, *returning(self.graph))
        )

    def carried(self, name: str) -> frozenset[str]:
        """The parameters that a node is computed from, without those behind a source."""
        if name not in self._carried:
            self._carried[name] = frozenset(n for n in self._reached(name) if n in self.graph.parameters)
        return self._carried[name]

    def is_weight(self, operand: str) -> bool:
        """Whether a node is computed from parameters and constants alone."""
        return operand not in self.sources and operand not in self.active

    def ordered(self, parameters: frozenset[str]) -> tuple[str, ...]:
        """Names of parameters in the graph's order."""
        return tuple(sorted(parameters, key=self.position.__getitem__))

    def ways(self, vertex: str, back: bool = False) -> Ways:
        """The ways through a vertex' dendrite; ``back``: with the weights that what comes back is multiplied by."""
        nodes = self._inside(vertex)
        own_weights = back and any(node.operands and node.operator.description.only_back for node in nodes)
        return Ways(nodes, self._passed_back if own_weights else self._passed)

    def learning(self, vertex: str) -> Ways:
        """The ways that a vertex' error comes back by, to what learns from it."""
        return Ways(self._inside(vertex), lambda node, k: Passed(), lambda node, k: node.operator.passes_back(k))

    def _inside(self, vertex: str) -> list[Node]:
        """The nodes of a vertex' dendrite, the vertex last."""
        inside = [n for n in self._reached(vertex)[1:] if n not in self.sources and not self.graph.nodes[n].is_leaf]
        return [self.graph.nodes[n] for n in (*sorted(inside, key=self.position.__getitem__), vertex)]

    def _passed_back(self, node: Node, k: int) -> Passed:
        """The same with weights that only what comes back is multiplied by, where there are some."""
        passed, only_back = self._passed(node, k), node.operator.description.only_back
        if not only_back or self.is_weight(node.operands[k]):
            return passed
        return replace(passed, weights=frozenset().union(*(self.carried(node.operands[j]) for j in only_back)))

    def _passed(self, node: Node, k: int) -> Passed:
        """What a connection adds to the ways that it lies on."""
        if self.is_weight(node.operands[k]):
            return Passed()
        operator = node.operator
        weighing = [
            o for j, o in enumerate(node.operands) if self.is_weight(o) and operator.description.multiplies(j, k)
        ]
        weights: frozenset[str] = frozenset().union(*(self.carried(operand) for operand in weighing))
        count = operator.connections(k, *(self.graph.nodes[o].shape for o in node.operands))
        contracts = operator.description.contracts(bool(weighing))
        return Passed(count, 0, weights) if contracts else Passed(None, count, weights)

    def _synapses(self, parent: str, ways: Ways) -> int:
        """Number of synapses from a source; where it is a part of an array that others are joined into, of this part.

        That is, where it is joined and then, unit by unit, goes into one contraction.
        """
        passed, nodes = ways.passed[parent], self.graph.nodes
        every = passed.largest if passed.contracted is None else passed.contracted
        name, chosen, joined = parent, np.arange(nodes[parent].size), False
        while len(ways.users.get(name, ())) == 1:
            ((node, k),) = ways.users[name]
            name = node.name
            if joined and self._passed(node, k).contracted is not None:
                return self._connections(node, k, chosen) + (ways.passed[name].contracted or 0)
            # Others may go through all that is behind a second one, which is not gone through for each of them.
            moved = self._moved(node, k, chosen) if len(node.operands) == 1 or not joined else None
            if moved is None:
                return every
            chosen, joined = moved, joined or len(node.operands) > 1
        return every

    def _connections(self, node: Node, k: int, chosen: np.ndarray) -> int:
        """How many connections of a contraction begin at some units of its operand k."""
        nodes, operator = self.graph.nodes, node.operator
        operands = [nodes[o] for o in node.operands]
        if operator.description.pattern is None:  # all units have as many
            every = operator.connections(k, *(operand.shape for operand in operands))
            return round(every * chosen.size / max(operands[k].size, 1))
        ones = [np.ones((1, *operand.shape)) for operand in operands]
        ones[k] = np.zeros_like(ones[k])
        ones[k].reshape(-1)[chosen] = 1.0
        return int(operator.forward(*ones).sum())

    def _moved(self, node: Node, k: int, chosen: np.ndarray) -> np.ndarray | None:
        """Units of a node that are made, unit by unit, of some of its operand k; None where it does more than that."""
        nodes = self.graph.nodes
        shapes = [nodes[o].shape for o in node.operands]
        copied, units = node.operator.description.copied, nodes[node.operands[k]].size
        if copied is None:
            if len(shapes) > 1:
                return None
            return chosen if node.operator.connections(k, *shapes) == units == node.size else None
        if node.name not in self._copies:
            firsts = np.cumsum([0, *(nodes[o].size for o in node.operands)])
            order = np.argsort(copied, kind="stable")
            ends = np.searchsorted(copied[order], firsts)
            parts = zip(pairwise(ends), firsts[:-1], strict=True)
            self._copies[node.name] = [(order[a:b], copied[order[a:b]] - first) for (a, b), first in parts]
        made, of = self._copies[node.name][k]
        return made if chosen.size == units else made[np.isin(of, chosen)]

    def projections(self) -> Iterator[Projection]:
        """Every projection, by child in topological order."""
        for child in self.circuit.vertices:
            parents = self.parents(child)
            if not parents:
                continue
            ways, back, returned = self.ways(child), self.ways(child, back=True), self.fed_back(child)
            # Weights learn by what comes back, and not by ways on which nothing does.
            learning, hebbian = self.learning(child), {frozenset[str](): False}
            for parent in parents:
                passed = ways.passed[parent]
                synapses = self._synapses(parent, ways)
                if passed.weights not in hebbian:
                    hebbian[passed.weights] = learning.linear(passed.weights, self.position)
                weights = self.ordered(passed.weights)
                behind = self.ordered(back.passed[parent].weights) if parent in returned else None
                found = Projection(parent, child, weights, behind, hebbian[passed.weights], synapses)
                if parent in self.graph.recurrent:
                    delay = recurrent_of(self.graph, parent).delay
                    found = replace(found, parent=self.graph.sender(parent), leaf=parent, delay=delay)
                yield found


def projections(circuit: AbstractCircuit) -> tuple[Projection, ...]:
    """The projections of a circuit, by child in topological order."""
    return tuple(Dendrites(circuit).projections())


@dataclass(frozen=True)
class Bundle:
    """Projections between the same two populations that differ in their delays only, as distances bring them.

    ``first`` is one of them, ``synapses`` are those of all, and ``delays`` the shortest and the longest, in ms.
    """

    first: Projection
    synapses: int
    delays: tuple[float, float]


def bundled(connections: Sequence[Projection]) -> list[Bundle]:
    """Projections as tables and pictures have them: those that close cycles by leaves of several delays are one."""
    found: dict[Any, list[Projection]] = {}
    for p in connections:
        found.setdefault((p.parent, p.child, p.parameters, p.back, p.hebbian) if p.leaf else p, []).append(p)
    return [
        Bundle(ps[0], sum(p.synapses for p in ps), (min(p.delay for p in ps), max(p.delay for p in ps)))
        for ps in found.values()
    ]


def role_of(circuit: AbstractCircuit, name: str) -> str:
    """``"input"``, ``"latent"``, ``"output"`` or ``"hidden"``: what a population usually is clamped as, if at all."""
    if name in circuit.graph.inputs:
        return "input"
    if isinstance(circuit.graph.nodes[name].source, Latent):
        return "latent"
    return "output" if name in circuit.energies else "hidden"
