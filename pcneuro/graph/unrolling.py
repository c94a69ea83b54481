"""A graph with cycles over time: copies one behind the other, each with the activities of the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from pcneuro.errors import CapacityError, GraphError, ParameterError, told, unknown_name
from pcneuro.graph.leaves import Constant, Recurrent
from pcneuro.graph.nodes import Node
from pcneuro.graph.trees import Tree
from pcneuro.ops.base import unit_indices
from pcneuro.ops.feedback import StopFeedback
from pcneuro.ops.gather import Take
from pcneuro.quantities import whole

MOST_NODES = 1_000_000
"""Of a graph that is unrolled: some GB of memory."""


class Cyclic(Protocol):
    """What has to be known of a graph, under the names that ``Graph`` has for it."""

    nodes: Mapping[str, Node]
    outputs: Mapping[str, Node]
    parameters: Mapping[str, Node]
    recurrent: Mapping[str, Node]
    shared: frozenset[str]
    trees: Mapping[str, Tree]

    def sender(self, leaf: str) -> str: ...


def at_time(name: str, time: int) -> str:
    """Name of the copy of a node, input or output of the graph at a time: ``x_t0``, ``x_t1``, ..."""
    return f"{name}_t{time}"


def unrolled(graph: Cyclic, steps: Any) -> tuple[list[Node], dict[str, str]]:
    """Nodes and outputs of the graph of so many passes, as ``Graph.unrolled`` has it."""
    steps = whole("steps", steps, 1)
    _check(graph)
    outputs = {node.name for node in graph.outputs.values()}
    shared = {name for name in graph.shared if name not in outputs}
    most = MOST_NODES // (len(graph.nodes) + len(outputs))
    if steps > most:
        raise CapacityError(
            f"{told(steps)} passes of a graph of {len(graph.nodes)} nodes are more than {MOST_NODES:,} nodes: give "
            f"{most} steps at most"
        )
    nodes = [node for name, node in graph.nodes.items() if name in shared]
    readouts: dict[str, str] = {}
    for time in range(steps):
        nodes += _copy(graph, shared, time)
        for name, node in graph.outputs.items():
            made = replace(node, name=at_time(node.name, time))
            if time < steps - 1 and _is_read(graph, node.name):
                # The next copy reads it, and an output is read by none.
                made = _readout(made)
                nodes.append(made)
            readouts[at_time(name, time)] = made.name
    return nodes, readouts


def _check(graph: Cyclic) -> None:
    """Raise for a graph that has no copies one behind the other."""
    if not graph.recurrent:
        raise GraphError("this graph has no cycle, and so nothing to unroll: give it a pcn.Recurrent")
    delays = set()
    for name, source in _sources(graph):
        if graph.sender(name) not in graph.nodes:
            raise unknown_name(f"vertex of the Recurrent {name!r}:", source.vertex, [*graph.outputs, *graph.nodes])
        delays.add(source.delay)
    if len(delays) > 1:
        several = ", ".join(f"{delay:g}" for delay in sorted(delays))
        raise ParameterError(
            f"what closes cycles has delays of {several} ms, and one copy of the graph is one delay: give all the same"
        )
    for name, tree in graph.trees.items():
        for path, leaf in tree.part.leaves(name):
            if leaf not in graph.parameters:
                raise GraphError(f"{path} is no parameter, and has a copy for each time: give it outside of the tree")


def _sources(graph: Cyclic) -> Iterator[tuple[str, Recurrent]]:
    for name, node in graph.recurrent.items():
        assert isinstance(node.source, Recurrent)
        yield name, node.source


def _is_read(graph: Cyclic, name: str) -> bool:
    """Whether a node is read by the next copy."""
    return any(graph.sender(leaf) == name for leaf in graph.recurrent)


def _copy(graph: Cyclic, shared: set[str], time: int) -> Iterator[Node]:
    """All nodes at one time but those that all times share."""
    sources: Mapping[str, Recurrent] = dict(_sources(graph))
    # At the begin nothing has been before; later, what has been is read itself, unless no error comes back to it.
    passed = {
        leaf: at_time(graph.sender(leaf), time - 1) for leaf, source in sources.items() if time and source.feedback
    }
    for name, node in graph.nodes.items():
        if name in shared or name in passed:
            continue
        operands = tuple(o if o in shared else passed.get(o, at_time(o, time)) for o in node.operands)
        made = replace(node, name=at_time(name, time), operands=operands)
        if name in sources and not time:
            made = replace(made, source=Constant(np.asarray(sources[name].initial)))
        elif name in sources:
            made = replace(made, source=StopFeedback(), operands=(at_time(graph.sender(name), time - 1),))
        yield made


def _readout(node: Node) -> Node:
    """A vertex of its own for an output that the next copy reads."""
    copy = Take("copy", unit_indices(node.shape))
    return replace(node, name=f"{node.name}_readout", source=copy, operands=(node.name,))
