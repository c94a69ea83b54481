"""The backward graph: the way from errors back to values as an ordered list of pulls, built once for a graph.

A *pull* is one factor of the chain rule: what goes back from a node, times its transposed derivative by an operand,

    back to operand k  +=  (d node / d operand k)^T  (what goes back from the node).

There is none to an operand whose derivative is zero, as that of a condition: not even a zero times what is infinite.

``feedback`` lists them by *station*, which is a node together with the pulls that arrive at it and those that leave it;
stations stand last to first, so that all that arrives at one is known when it is reached. The list is cached by graph
and by what is asked. ``UnitGraph.feedback`` is the same list for single units (``circuit.units.feedback``).

Three things walk these lists, and no others: ``pull_back`` with whole arrays in NumPy; ``AbstractUnitWalk`` of
``circuit.units.feedback`` unit by unit, for several rows at once; and ``AbstractVisitor``, which computes nothing, for
what writes the way back down: the compiler and the exporters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from pcneuro.graph.graph import Constant, Graph, Latent, Node, Parameter, Recurrent

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Pull:
    """What goes back from ``nodes``, latest first, to ``operand``, which is their operand ``k``.

    They are several only where a matrix that all samples share, such as the weights of a recurrent network, is pulled
    to from many times in one product: the sum over them is part of the product, as that over the batch is.
    """

    nodes: tuple[Node, ...]
    k: int
    operand: str

    @property
    def node(self) -> Node:
        """The node that it goes back from, the latest of several."""
        return self.nodes[0]


@dataclass(frozen=True)
class Station:
    """A node on the way back: the pulls that arrive at it, in the order in which they are added, and that leave it."""

    node: Node
    arriving: tuple[Pull, ...]
    pulls: tuple[Pull, ...]

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name


@dataclass(frozen=True)
class Feedback:
    """The way from errors back to values: ``stations``, last to first, one for each node that errors come back to.

    ``active`` are their names.
    """

    stations: tuple[Station, ...]
    active: frozenset[str]


# A graph never changes. Its lists do not hold it, so that they go when it goes.
_LISTS: WeakKeyDictionary[Graph, dict[Any, Feedback]] = WeakKeyDictionary()


def feedback(graph: Graph, vertices: Collection[str] | None = None) -> Feedback:
    """The way back to parameters, latents, ``vertices``, and all that depends on any of these.

    Without ``vertices``, every node that is computed from something other than constants counts as one.
    """
    return _listed(graph, None if vertices is None else frozenset(vertices))


def value_feedback(graph: Graph, vertices: Collection[str]) -> Feedback:
    """The way back to ``vertices`` alone, without what only gradients ask for."""
    return _listed(graph, frozenset(vertices), gradients=False)


def joined_feedback(graph: Graph) -> Feedback:
    """The way back of ``feedback(graph)``, with the pulls that arrive at a shared matrix joined where they can be."""
    return _listed(graph, None, joined=True)


def _listed(graph: Graph, vertices: frozenset[str] | None, *, gradients: bool = True, joined: bool = False) -> Feedback:
    lists, asked = _LISTS.setdefault(graph, {}), (vertices, gradients, joined)
    if asked not in lists:
        active = _active(graph, vertices, gradients)
        outputs = {node.name for node in graph.outputs.values()}
        stations = (
            Station(node, _arriving(graph, name, joined), _leaving(node, active))
            for name, node in reversed(list(graph.nodes.items()))
            if name in active or name in outputs
        )
        lists[asked] = Feedback(tuple(stations), active)
    return lists[asked]


def _active(graph: Graph, vertices: Collection[str] | None, gradients: bool) -> frozenset[str]:
    """Nodes that something comes back to."""
    active: set[str] = set()
    constant: set[str] = set()
    for name, node in graph.nodes.items():
        if isinstance(node.source, Constant) or (not node.is_leaf and constant.issuperset(node.operands)):
            constant.add(name)
        chosen = not node.is_leaf and name not in constant if vertices is None else name in vertices
        learned = gradients and isinstance(node.source, Parameter | Latent)
        # What comes back to a leaf that closes a cycle drives the vertex whose activity it is.
        learned |= isinstance(node.source, Recurrent) and node.source.feedback
        if (
            chosen
            or learned
            or any(operand in active and node.operator.passes_back(k) for k, operand in enumerate(node.operands))
        ):
            active.add(name)
    return frozenset(active)


def _leaving(node: Node, active: Collection[str]) -> tuple[Pull, ...]:
    return tuple(
        Pull((node,), k, operand)
        for k, operand in enumerate(node.operands)
        if operand in active and node.operator.passes_back(k)
    )


def _arriving(graph: Graph, name: str, joined: bool) -> tuple[Pull, ...]:
    """The pulls to a node, those from the latest nodes first."""
    sources: dict[Any, tuple[int, list[Node]]] = {}
    for consumer in reversed(dict.fromkeys(graph.consumers[name])):
        node = graph.nodes[consumer]
        shared = name in graph.shared and consumer not in graph.shared
        together = joined and shared and node.operator.description.subscripts is not None
        for k, operand in enumerate(node.operands):
            if operand == name and node.operator.passes_back(k):
                shapes = tuple(graph.nodes[o].shape for o in node.operands)
                key = (k, node.operator, shapes) if together else (k, consumer)
                sources.setdefault(key, (k, []))[1].append(node)
    return tuple(Pull(tuple(nodes), k, name) for k, nodes in sources.values())


# Whole arrays


def pull_back(
    way: Feedback, seeds: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> Arrays:
    """Node -> what comes back to it, of shape (rows, \\*shape): the sum of the pulls that arrive, where there are any.

    Parameters
    ----------
    way
        The backward graph.
    seeds
        Node -> its own error, which goes back from it instead of what comes back to it.
    values, outputs
        Node -> its activity as those read it that use it, and what its own operator has made, which differs from that
        at a vertex away from its prediction; each of shape (rows, \\*shape). Rows are samples, or times: what has one
        row where others have several gets the sum over all of theirs.
    """
    total_of: Arrays = {}
    leaving: Arrays = {}
    for station in way.stations:
        total = _total(station.arriving, leaving, values, outputs)
        if total is not None:
            total_of[station.name] = total
        error = seeds.get(station.name, total)
        if error is not None and not station.node.is_leaf:
            shared = len(outputs[station.name]) == 1 < len(error)
            leaving[station.name] = error.sum(axis=0, keepdims=True) if shared else error
    return total_of


def _total(
    pulls: Sequence[Pull], leaving: Arrays, values: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> np.ndarray | None:
    """The sum of what arrives; nothing where nothing leaves any node that it could come from."""
    total, ours = None, False
    for pull in pulls:
        nodes = [node for node in pull.nodes if node.name in leaving]
        if not nodes:
            continue
        part = _product(nodes, pull.k, leaving, values, outputs)
        # What an operator returns may be somebody else's memory, so only a sum made here is added to in place.
        if total is None:
            total = part
        elif ours and total.shape == part.shape:
            total += part
        else:
            total, ours = total + part, True
    return total


def _product(
    nodes: Sequence[Node],
    k: int,
    leaving: Arrays,
    values: Mapping[str, np.ndarray],
    outputs: Mapping[str, np.ndarray],
) -> np.ndarray:
    """(d node / d operand k)^T of what leaves it, summed over nodes; and over rows where the operand has one for all.

    Several nodes become one of as many rows: the times of a recurrent network, say, samples of one batch.
    """
    first = nodes[0]
    if len(nodes) == 1:
        error, output, operands = leaving[first.name], outputs[first.name], [values[o] for o in first.operands]
    else:
        error, output = (np.concatenate([a[node.name] for node in nodes]) for a in (leaving, outputs))
        other = np.concatenate([values[node.operands[1 - k]] for node in nodes])
        operands = [other, other]
        operands[k] = values[first.operands[k]]
    result = first.operator.vjp(k, error, output, *operands)
    return result.sum(axis=0, keepdims=True) if len(operands[k]) == 1 < len(result) else result


def closed(graph: Graph, returned: Arrays) -> Arrays:
    """What has come back, with what came to leaves that close a cycle added to the vertex whose activity they have."""
    total_of = {name: array for name, array in returned.items() if name not in graph.recurrent}
    for name in graph.recurrent:
        # Where feedback is stopped nothing has come to it.
        if name in returned:
            sender = graph.sender(name)
            total_of[sender] = total_of[sender] + returned[name] if sender in total_of else returned[name]
    return total_of


# What only writes the way back down


class AbstractLink(Protocol):
    """A station of any such list: what a visitor is led through."""

    @property
    def pulls(self) -> Sequence[Any]:
        """The pulls that leave it."""


S = TypeVar("S", bound=AbstractLink)
L = TypeVar("L")


class AbstractVisitor(ABC, Generic[S, L]):
    """Led from station to station, last to first, to write down what goes back instead of computing it.

    ``L`` is what the visitor makes of what leaves a station: rows of a program, a formula, a matrix.
    """

    def visit(self, stations: Iterable[S]) -> None:
        """Go through the stations, and through the pulls of each from which anything leaves."""
        for station in stations:
            leaving = self.arrive(station)
            if leaving is not None:
                for pull in station.pulls:
                    self.pull(station, pull, leaving)
            self.depart(station, leaving)

    @abstractmethod
    def arrive(self, station: S) -> L | None:
        """All that comes back to a station is known: what leaves it, or None where nothing does."""

    @abstractmethod
    def pull(self, station: S, pull: Any, leaving: L) -> None:
        """One pull of a station from which something leaves."""

    def depart(self, station: S, leaving: L | None) -> None:
        """All pulls of a station are done."""


def is_nothing(graph: Graph, node: Node) -> bool:
    """Whether a node is x less the same x, to one of which no error comes back: zero, and a way back."""
    if node.is_leaf or node.operator.label != "subtract" or len(node.operands) != 2:
        return False
    for stopped, other in (node.operands, node.operands[::-1]):
        taken = graph.nodes[stopped]
        if not taken.is_leaf and taken.operator.description.passes_on and taken.operands == (other,):
            return True
    return False


def is_layer(node: Node) -> bool:
    """Whether a node is x @ W with a matrix W: of each unit of the last axis of x the synapses are a row of W."""
    subscripts = None if node.is_leaf else node.operator.description.subscripts
    if subscripts is None:
        return False
    terms, _, out = subscripts.partition("->")
    x, _, weights = terms.partition(",")
    return len(weights) == 2 and x[-1:] == weights[0] and out == x[:-1] + weights[1]
