"""What an event goes through: the way back from errors to value neurons, as edges between single units."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from pcneuro.units import Function, Sum, UnitGraph


class Edges:
    """Nodes are the units of all populations of a unit graph, edges lead from each to those that it depends on.

    Attributes
    ----------
    offset
        Population -> its first node.
    first, last
        Of each node, its edges: those of functions come before those of synapses, and have factors of their own in each
        sample (``slopes``).
    targets
        Node that an edge leads to.
    weights
        Factors of synapses.
    place
        Node -> the unit (value and error neuron) that it is the value neuron of, or -1.
    entry
        Unit -> the node of its prediction, from which what its error neuron sends goes on; -1 where that leads nowhere.
    """

    def __init__(self, units: UnitGraph, vertices: Collection[str], held: Collection[str]) -> None:
        self.units = units
        populations = units.populations
        self.offset = np.concatenate([[0], np.cumsum([p.size for p in populations])]).astype(np.int64)
        nodes = int(self.offset[-1])
        self.place = np.full(nodes, -1, dtype=np.int32)
        self.entry = np.full(sum(units.circuit.graph.nodes[name].size for name in vertices), -1, dtype=np.int64)
        self.start: dict[str, int] = {}
        """Vertex -> its first unit."""
        self.active = units.active(held)
        count = 0
        for name in vertices:
            size, node = units.circuit.graph.nodes[name].size, int(self.offset[units.values[name]])
            self.start[name] = count
            if name not in held:
                self.place[node : node + size] = np.arange(count, count + size)
            if units.predictions.get(name) in self.active:
                self.entry[count : count + size] = self.offset[units.predictions[name]] + np.arange(size)
            count += size
        self.first, self.last = (np.zeros(nodes, dtype=np.int64) for _ in range(2))
        targets: list[np.ndarray] = []
        self.functions = [(n, p) for n, p in enumerate(populations) if isinstance(p, Function) and n in self.active]
        edges = 0
        for number, function in self.functions:
            inner = self._operands(function)
            here = np.arange(function.size)
            self.first[self.offset[number] + here] = edges + here * len(inner)
            self.last[self.offset[number] + here] = edges + (here + 1) * len(inner)
            columns = [self.offset[operand] + here for _, operand in inner]
            targets.append(np.stack(columns, axis=1).ravel() if inner else np.zeros(0, dtype=np.int64))
            edges += len(inner) * function.size
        self.slopes = edges
        """Number of edges of functions."""
        weights: list[np.ndarray] = []
        for number, population in enumerate(populations):
            if isinstance(population, Sum) and population.source in self.active and number in self.active:
                order = np.argsort(population.post, kind="stable")
                counts = np.bincount(population.post, minlength=population.size)
                ends = edges + np.cumsum(counts)
                node = int(self.offset[number])
                self.first[node : node + population.size] = ends - counts
                self.last[node : node + population.size] = ends
                targets.append(self.offset[population.source] + population.pre[order])
                weights.append(np.broadcast_to(population.weights.values, population.pre.shape)[order])
                edges += population.pre.size
        self.targets = np.concatenate(targets).astype(np.int32) if targets else np.zeros(0, dtype=np.int32)
        self.weights = np.concatenate(weights) if weights else np.zeros(0)

    def _operands(self, function: Function) -> list[tuple[str, int]]:
        """Operands to which something goes back, each with its name in the formula."""
        named = ((name, function.operands[name]) for name in function.derivatives)
        return [(name, x) for name, x in named if isinstance(x, int) and x in self.active]

    def slopes_at(self, activity: list[np.ndarray]) -> np.ndarray:
        """Factors of the edges of functions, at these activities of all populations."""
        found = [
            np.stack(
                [
                    self.units.evaluated(function, function.derivatives[name], activity, out=activity[number])
                    for name, _ in self._operands(function)
                ],
                axis=1,
            ).ravel()
            for number, function in self.functions
            if self._operands(function)
        ]
        return np.concatenate(found) if found else np.zeros(0)
