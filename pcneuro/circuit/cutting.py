"""Circuits of which some connections pass nothing on, one way or the other, as lesions and inactivations have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from pcneuro.circuit.abstract_property import ERROR, VALUE
from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError, unknown_name
from pcneuro.graph.graph import Graph, Node
from pcneuro.ops.feedback import StopFeedback
from pcneuro.ops.maps import Map

Edge = tuple[str, str]


def check_edge(circuit: Circuit, edge: Edge) -> None:
    """Raise UnknownNameError or ParameterError for what is no connection between the neurons of two vertices."""
    source, target = edge
    populations = circuit.with_signed_errors.nx
    found = [attributes["kind"] for *ends, attributes in populations.edges(data=True) if tuple(ends) == edge]
    if not found:
        edges = [f"{a} -> {b}" for a, b, kept in populations.edges(data=True) if kept["kind"] in _KINDS]
        raise unknown_name("connection", f"{source} -> {target}", dict.fromkeys(edges))
    if not _KINDS.intersection(found):
        raise ParameterError(
            f"the connection {source} -> {target} is between the neurons of one vertex, which make up its error: "
            f"silence one of the two, as by pcn.Silence({source!r}), or cut those of another vertex"
        )


def without(circuit: Circuit, edge: Edge) -> Circuit:
    """The circuit with nothing passed on by a connection of ``Circuit.nx``, while what goes the other way stays.

    A prediction is then computed as if the parent were silent. Where feedback is cut, the child's error does not come
    back to the parent.
    """
    (source, _), (target, _) = (end.rpartition(".")[::2] for end in edge)
    back = edge[0].endswith(f".{ERROR}")
    assert back != edge[0].endswith(f".{VALUE}")
    parent, child = (target, source) if back else (source, target)
    graph = circuit.graph
    leaves = {parent} | {leaf for leaf in graph.recurrent if graph.sender(leaf) == parent}
    sources = {*circuit.vertices, *graph.inputs, *graph.recurrent}
    return replace(circuit, graph=_Cutting(graph, sources, leaves, child).cut(back))


_KINDS = frozenset(("prediction", "feedback"))


class _Cutting:
    """Nodes of a graph whose dendrite of ``child`` reads what was cut in the place of its ``parents``."""

    def __init__(self, graph: Graph, sources: set[str], parents: set[str], child: str) -> None:
        self.graph, self.parents, self.child = graph, parents, child
        self.taken = set(graph.nodes)
        inside, waiting = {child}, [child]
        while waiting:
            for operand in graph.nodes[waiting.pop()].operands:
                if operand not in sources and operand not in inside:
                    inside.add(operand)
                    waiting.append(operand)
        reads: set[str] = set()
        for name, node in graph.nodes.items():
            if name in inside and any(o in parents or o in reads for o in node.operands):
                reads.add(name)
        self.reads = reads

    def _named(self) -> str:
        name = next(name for name in (f"cut_{k}" for k in count()) if name not in self.taken)
        self.taken.add(name)
        return name

    def cut(self, back: bool) -> Graph:
        """The graph; ``back``: with nothing that comes back, else with nothing that is read."""
        nodes = dict(self.graph.nodes)
        cut: dict[str, str] = {}
        read = {operand for name in self.reads for operand in self.graph.nodes[name].operands}
        for parent in sorted(self.parents & read):  # an output is read by nothing, but as a `Recurrent`
            for node in self._pieces(parent, back):
                nodes[node.name] = node
                cut[parent] = node.name
        # What other dendrites compute, too, is computed for this one once more.
        reads = [name for name in self.graph.nodes if name in self.reads]  # a set has another order in each process
        new = {name: name if name == self.child or self._alone(name) else self._named() for name in reads}
        for name in reads:
            node = self.graph.nodes[name]
            operands = tuple(cut.get(o) or new.get(o) or o for o in node.operands)
            nodes[new[name]] = replace(node, name=new[name], operands=operands)
        return Graph(nodes.values(), {k: v.name for k, v in self.graph.outputs.items()}, self.graph.trees)

    def _alone(self, name: str) -> bool:
        """Whether only this dendrite reads a node."""
        return all(user in self.reads for user in self.graph.consumers[name])

    def _pieces(self, parent: str, back: bool) -> Iterator[Node]:
        """What stands in the place of a parent: x to which nothing comes back, or x - x of which the second is such."""
        shape = self.graph.nodes[parent].shape
        stopped = Node(self._named(), StopFeedback(), (parent,), shape)
        yield stopped
        if not back:
            yield Node(self._named(), Map("subtract"), (parent, stopped.name), shape)
