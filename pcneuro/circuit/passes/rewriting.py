"""A circuit's graph written anew, node by node: what passes that change what is computed are made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.feedback import feedback, is_nothing
from pcneuro.circuit.properties import VertexProperties, frozen
from pcneuro.circuit.synapses import Edge, edges, ends_of
from pcneuro.circuit.units import UnitGraph
from pcneuro.errors import ParameterError
from pcneuro.graph.graph import Graph, Node, Parameter
from pcneuro.graph.leaves import LONGEST_NAME, Given
from pcneuro.graph.recorded import recorded_graph
from pcneuro.graph.tracing.array import Recorder, TracedArray
from pcneuro.model.delays import AbstractDelay
from pcneuro.model.plasticity import AbstractPlasticity
from pcneuro.ops.base import AbstractOperator
from pcneuro.ops.feedback import stop_feedback


def sent_back(value: Any, way: Any) -> Any:
    """The numbers of ``value``, bit for bit, while errors come back to ``way`` alone."""
    # way - way is zero, and to the first of the two errors come back.
    return stop_feedback(value) + (way - stop_feedback(way))


def refuse_levels(graph: Graph, replaced: Iterable[str], what: str) -> None:
    """Raise ParameterError, on behalf of a pass that has others in the place of parameters, where these have levels."""
    for name in replaced:
        source = graph.nodes[name].source
        if isinstance(source, Parameter) and source.levels is not None:
            raise ParameterError(
                f"{what} has other parameters in the place of {name!r}, which is on levels of {source.levels.bits} "
                "bits: apply Quantize behind it"
            )


def taken(what: str, name: str) -> ParameterError:
    """What a pass raises where the circuit has what it would add."""
    return ParameterError(f"{what} would add {name!r}, and the circuit has that already: it is applied, or rename that")


class AbstractRewriting(ABC):
    """One walk through the graph of a circuit, in its order, that writes down another graph.

    A subclass says what comes in the place of a node, as NumPy of traced arrays. Vertices, outputs and leaves keep
    their names, and with these what their neurons have, their noise, rules of plasticity and delays. A scheme of layers
    stays, and has to know of new vertices.
    """

    def __init__(self, circuit: Circuit, what: str) -> None:
        self.circuit, self.graph, self.what = circuit, circuit.graph, what
        self.rules: dict[str, AbstractPlasticity] = dict(circuit.plasticity)
        """Parameter or vertex -> the rule that the new circuit has for it."""
        self.recorder = Recorder()
        self.made: dict[str, TracedArray] = {}
        """Node of the graph -> what has come in its place."""
        self._added: dict[str, VertexProperties] = {}
        self._active = feedback(self.graph, circuit.vertices).active

    def replaced(self) -> frozenset[str]:
        """Parameters that the new circuit does not have."""
        return frozenset()

    @abstractmethod
    def computed(self, node: Node, operands: tuple[TracedArray, ...]) -> Any:
        """What comes in the place of a node that is no leaf, given what has come in the places of its operands."""

    def delay_of(self, edge: Edge) -> AbstractDelay | None:
        """The delays of an edge of the new circuit: those that it had."""
        return self.circuit.delays.get(edge)

    # What subclasses use

    def again(self, node: Node, *operands: Any) -> TracedArray:
        """The node's operator on these operands."""
        return self.recorder.apply(node.operator, *operands)

    def returns(self, name: str) -> bool:
        """Whether errors go back through a node, to any vertex or parameter."""
        return name in self._active

    def only_back(self, node: Node) -> bool:
        """Whether a node is read as a way back for errors alone, and not for its numbers."""
        users = [self.graph.nodes[name] for name in self.graph.consumers[node.name]]
        nothing = [user for user in users if is_nothing(self.graph, user)]
        return bool(nothing) and all(user in nothing or user.operator.description.passes_on for user in users)

    def only_ahead(self, node: Node) -> bool:
        """Whether a node is read for its numbers alone, and no error comes back to it."""
        users = [self.graph.nodes[name] for name in self.graph.consumers[node.name]]
        kept = node.name in self.circuit.vertices or node in self.graph.outputs.values()
        return bool(users) and not kept and all(user.operator.description.passes_on for user in users)

    def leaf(self, name: str, leaf: Given) -> TracedArray:
        """A new leaf."""
        array = self.recorder.add(leaf, (), leaf.shape)
        self._name(array, name)
        return array

    def vertex(self, name: str, array: TracedArray, tau: float) -> TracedArray:
        """A new vertex with precision 1 and this time constant in ms."""
        marked = self.recorder.copy(array) if self._has_name(array) else array
        self._name(marked, name)
        self.recorder.marked.add(marked.number)
        full = np.full(marked.shape, float(tau))
        self._added[name] = VertexProperties(
            tau=frozen(full),
            precision=frozen(np.ones(marked.shape)),
            error_tau=frozen(np.zeros(marked.shape)),
            error_baseline=None,
            error_payload=None,
            energy=None,
        )
        return marked

    def _has_name(self, array: TracedArray) -> bool:
        return array.number in self.recorder.names or not self.recorder.is_computed(array)

    def _name(self, array: TracedArray, name: str) -> None:
        if name in self.graph.nodes or name in self.graph.trees or name in self.recorder.taken:
            raise taken(self.what, name)
        if len(name) > LONGEST_NAME:
            raise ParameterError(f"{self.what} would add {name[:20]}... of {len(name)} letters: give shorter names")
        self.recorder.name(array, name)

    # The walk

    def circuit_of(self) -> Circuit:
        """Walk through the graph, and make the circuit of what was written down. Raises what subclasses refuse."""
        outputs = {node.name for node in self.graph.outputs.values()}
        left_out = self.replaced()
        refuse_levels(self.graph, left_out, self.what)
        for name, node in self.graph.nodes.items():
            if node.is_leaf and name not in left_out:
                self._keep(node, self.recorder.add(node.source, (), node.shape))
        for name, node in self.graph.nodes.items():
            if not node.is_leaf:
                made = self.recorder.lift(self.computed(node, tuple(self.made.get(o) for o in node.operands)))  # type: ignore[misc]
                if made.shape != node.shape:
                    raise AssertionError(f"{self.what}: {name!r} of shape {node.shape} became {made.shape}")
                used = name in outputs or name in self.circuit.vertices
                if used and (self._has_name(made) or not self.recorder.is_computed(made)):
                    made = self.recorder.copy(made)
                if used or not self._has_name(made):
                    self._keep(node, made)
                else:
                    self.made[name] = made
        return self._finished()

    def _keep(self, node: Node, array: TracedArray) -> None:
        self.made[node.name] = array
        self.recorder.names[array.number] = node.name
        self.recorder.taken[node.name] = f"the node {node.name!r}"
        if node.marked:
            self.recorder.marked.add(array.number)

    def _finished(self) -> Circuit:
        numbers = {output: self.made[node.name].number for output, node in self.graph.outputs.items()}
        left_out = self.replaced()
        trees = {n: t for n, t in self.graph.trees.items() if left_out.isdisjoint(t.paths.values())}
        self._forget_unread(numbers.values())
        graph = recorded_graph(self.recorder, numbers, trees)
        if self.circuit.delays and len(graph.recurrent) > len(self.graph.recurrent):
            raise ParameterError(
                f"{self.what} closes cycles without delay, beside which there are no conduction delays: "
                "build the circuit without delays"
            )
        known: Mapping[str, VertexProperties] = {**self.circuit.properties, **self._added}
        vertices = tuple(name for name in graph.nodes if name in known)
        made = Circuit(graph, vertices, {name: known[name] for name in vertices}, {}, self.circuit.noise, {})
        if self.circuit.delays:
            found = {edge: self.delay_of(edge) for edge in edges(made)}
            made = replace(made, delays={edge: delay for edge, delay in found.items() if delay is not None})
            self._check_delays(made)
        made = made.with_plasticity(
            {name: rule for name, rule in self.rules.items() if name in known or name in graph.parameters}
        )
        return made if self.circuit.scheme is None else made.with_scheme(self.circuit.scheme)

    def _forget_unread(self, outputs: Iterable[int]) -> None:
        """Leave out the names of what was written down in vain, so that it is no node."""
        entries, names = self.recorder.entries, self.recorder.names
        kept = {n for n, name in names.items() if name in self._added or name in self.circuit.vertices}
        kept |= {n for n in names if not isinstance(entries[n][0], AbstractOperator)}
        read, waiting = set(), [*outputs, *kept]
        while waiting:
            number = waiting.pop()
            if number not in read:
                read.add(number)
                waiting.extend(entries[number][1])
        for number in names.keys() - read:
            del names[number]

    def _check_delays(self, made: Circuit) -> None:
        """Raise ParameterError where synapses with delays of their own are no longer those that they were."""
        each = [edge for edge, delay in made.delays.items() if delay.constant is None]
        if not each:
            return
        before, after = UnitGraph(self.circuit), UnitGraph(made)
        for edge in each:
            there = ends_of(edge)[:2]
            counts = [[g.synapses for g in units.groups_by_projection.get(there, [])] for units in (before, after)]
            if edge not in self.circuit.delays or counts[0] != counts[1]:
                source, target = edge
                raise ParameterError(
                    f"{self.what} changes the synapses of {source!r} -> {target!r}, which have delays of their own: "
                    "give the edge one delay for all (pcn.ConstantDelay), or delays behind the pass"
                )


def weights_of(node: Node, k: int, rewriting: AbstractRewriting) -> str | None:
    """The operand whose numbers weigh operand k of a node as synapses do: the node is linear in each of the two."""
    graph, operator = rewriting.graph, node.operator
    if len(node.operands) != 2 or node.operands[k] in graph.shared:
        return None
    other = node.operands[1 - k]
    both = operator.linear_in(k) and operator.linear_in(1 - k)
    return other if other in graph.shared and both and operator.description.multiplies(1 - k, k) else None


def is_parameter(node: Node) -> bool:
    """Whether a node is a leaf whose value is learned."""
    return isinstance(node.source, Parameter)


def is_moved(node: Node) -> bool:
    """Whether a node has the numbers of its one operand in places of their own, or sums of them."""
    if node.is_leaf or len(node.operands) != 1 or not node.operator.linear_in(0):
        return False
    return node.operator.description.moves or node.operator.description.passes_on
