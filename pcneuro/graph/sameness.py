"""Which graphs are built alike: the same operators on the same nodes, whatever numbers their leaves have."""

from __future__ import annotations

from collections.abc import Hashable

from pcneuro.graph.graph import Graph
from pcneuro.graph.leaves import Latent, Leaf, Parameter, Recurrent
from pcneuro.ops.base import AbstractOperator
from pcneuro.ops.sameness import value_key


def graph_key(graph: Graph) -> Hashable:
    """Equal for graphs that differ in numbers of parameters, constants, priors, delays and initial values only."""
    nodes = ((name, _source(node.source), node.operands, node.shape) for name, node in graph.nodes.items())
    return tuple(nodes), tuple((name, node.name) for name, node in graph.outputs.items())


def _source(source: AbstractOperator | Leaf) -> Hashable:
    if isinstance(source, AbstractOperator):
        return source.key()
    if isinstance(source, Recurrent):
        return Recurrent, source.vertex, source.delay > 0, source.feedback
    if isinstance(source, Latent):
        return Latent, source.prior is None
    if isinstance(source, Parameter):
        return Parameter, value_key(source.pattern)
    return type(source).__name__
