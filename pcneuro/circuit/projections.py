"""Projections: what the dendrite of a vertex makes of the activity of one parent, whatever lies between the two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.graph.graph import Latent, Node, Parameter


@dataclass(frozen=True)
class Projection:
    """Connections from the value neurons of ``parent`` (a vertex or an input) to the error neurons of ``child``.

    ``parameters`` are those that multiply the parent's activity on its way, in the graph's order; ``hebbian`` says
    that there are some and that the child's prediction is linear in them. ``synapses`` is their number.
    """

    parent: str
    child: str
    parameters: tuple[str, ...]
    hebbian: bool
    synapses: int


class Dendrites:
    """Which parents, contractions and parameters each vertex's prediction is computed from.

    ``sources`` are the nodes whose activity projections start from: vertices and inputs. ``paths[node]`` maps each
    source to the connections (operand k of node n) that lie on any way from it to the node, as bits of an integer:
    one pass in topological order, however many ways there are. ``carried[node]`` are the parameters that the node
    is computed from, without those behind a source. ``children[source]`` are the vertices it projects to.
    """

    def __init__(self, circuit: AbstractCircuit) -> None:
        self.circuit, self.graph = circuit, circuit.graph
        self.sources = frozenset(circuit.vertices) | frozenset(self.graph.inputs)
        self.position = {name: i for i, name in enumerate(self.graph.nodes)}
        self.connections: list[tuple[Node, int]] = []
        self.paths: dict[str, dict[str, int]] = {}
        self.carried: dict[str, frozenset[str]] = {}
        for name, node in self.graph.nodes.items():
            reached = frozenset([name]) if isinstance(node.source, Parameter) else frozenset()
            arrived: dict[str, int] = {}
            for k, operand in enumerate(node.operands):
                bit = 1 << len(self.connections)
                self.connections.append((node, k))
                reached |= self.read(operand)
                for source, ways in ({operand: 0} if operand in self.sources else self.paths[operand]).items():
                    arrived[source] = arrived.get(source, 0) | ways | bit
            self.carried[name] = reached
            self.paths[name] = arrived

    def read(self, operand: str) -> frozenset[str]:
        """Parameters that whoever reads a node depends on through it: none behind a source."""
        return frozenset() if operand in self.sources else self.carried[operand]

    def is_weight(self, operand: str) -> bool:
        """Whether a node is computed from parameters and constants alone."""
        return operand not in self.sources and not self.paths[operand]

    def ordered(self, parameters: frozenset[str]) -> tuple[str, ...]:
        """Names of parameters in the graph's order."""
        return tuple(name for name in self.graph.parameters if name in parameters)

    def nodes_of(self, vertex: str) -> list[str]:
        """The operator nodes of one vertex's dendrite in topological order, the vertex itself last."""
        names = {vertex}
        stack = [vertex]
        while stack:
            for operand in self.graph.nodes[stack.pop()].operands:
                if operand not in self.sources and operand not in names and not self.graph.nodes[operand].is_leaf:
                    names.add(operand)
                    stack.append(operand)
        return sorted(names, key=self.position.__getitem__)

    def linear(self, vertex: str, parameters: frozenset[str]) -> bool:
        """Whether a vertex's prediction is linear in these parameters taken together, the parents' values held."""
        depends = set(parameters)
        for name in self.nodes_of(vertex):
            node = self.graph.nodes[name]
            reached = [k for k, o in enumerate(node.operands) if o in depends and o not in self.sources]
            if not reached:
                continue
            depends.add(name)
            if not all(node.operator.linear_in(k) for k in reached):
                return False
            if any(node.operator.description.multiplies(j, k) for j, k in combinations(reached, 2)):
                return False
        return True

    def projection(self, parent: str, child: str) -> Projection:
        """Describe the projection from a source to a vertex that has it among its ``paths``."""
        ways = self.paths[child][parent]
        weights: frozenset[str] = frozenset()
        contractions: list[int] = []
        others: list[int] = []
        while ways:
            lowest = ways & -ways
            ways ^= lowest
            node, k = self.connections[lowest.bit_length() - 1]
            weighing = [
                o
                for j, o in enumerate(node.operands)
                if self.is_weight(o) and node.operator.description.multiplies(j, k)
            ]
            for operand in weighing:
                weights |= self.carried[operand]
            count = node.operator.connections(k, *(self.graph.nodes[o].shape for o in node.operands))
            contracts = node.operator.description.contracts(bool(weighing))
            (contractions if contracts else others).append(count)
        synapses = sum(contractions) if contractions else max(others)
        hebbian = bool(weights) and self.linear(child, weights)
        return Projection(parent, child, self.ordered(weights), hebbian, synapses)

    def projections(self) -> Iterator[Projection]:
        """Every projection, by child in topological order."""
        for child in self.circuit.vertices:
            for parent in self.paths[child]:
                yield self.projection(parent, child)


def projections(circuit: AbstractCircuit) -> tuple[Projection, ...]:
    """The projections of a circuit, by child in topological order."""
    return tuple(Dendrites(circuit).projections())


def role_of(circuit: AbstractCircuit, name: str) -> str:
    """``"input"``, ``"latent"``, ``"output"`` or ``"hidden"``: what a population usually is clamped as, if at all."""
    if name in circuit.graph.inputs:
        return "input"
    if isinstance(circuit.graph.nodes[name].source, Latent):
        return "latent"
    return "output" if name in circuit.energies else "hidden"
