"""The computation graph: named nodes in the order in which they were traced, its leaves and its outputs."""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from pcneuro.errors import GraphError, ShapeError, unknown_name
from pcneuro.graph.leaves import (
    Constant,
    Input,
    Latent,
    Leaf,
    Parameter,
    Pattern,
    Recurrent,
    all_finite,
    cast,
    check_finite,
    check_name,
    real_array,
)
from pcneuro.graph.nodes import Node
from pcneuro.graph.trees import Tree, by_leaf, expanded
from pcneuro.graph.unrolling import unrolled
from pcneuro.model.rounding import Levels
from pcneuro.ops.base import AbstractOperator
from pcneuro.quantities import by_name

__all__ = [
    "Constant",
    "Graph",
    "Input",
    "Latent",
    "Leaf",
    "Node",
    "Parameter",
    "Pattern",
    "Recurrent",
    "all_finite",
    "cast",
    "check_finite",
    "check_name",
    "real_array",
]


class Graph:
    """A directed acyclic computation graph for one sample.

    Parameters
    ----------
    nodes
        Every node, in any order; operands are given by name.
    outputs
        Name of an output -> name of its node, which must be used by no other node.
    trees
        Name of an argument that is a tree -> the tree, whose leaves are leaves of the graph.

    Raises
    ------
    GraphError
        For a name used twice or unknown, a cycle, an output that other nodes use.
    ShapeError
        Where a node's shape is not what its operator makes of its operands.

    Examples
    --------
    >>> sorted(graph.outputs)
    ['out']
    """

    def __init__(
        self, nodes: Iterable[Node], outputs: Mapping[str, str], trees: Mapping[str, Tree] = MappingProxyType({})
    ) -> None:
        by_name: dict[str, Node] = {}
        for node in nodes:
            check_name(node.name)
            if node.name in by_name:
                raise GraphError(f"the name {node.name!r} is used twice{_at(by_name[node.name])}{_at(node)}")
            if node.is_leaf and node.operands:
                raise GraphError(f"the leaf {node.name!r} has operands: {', '.join(node.operands)}")
            by_name[node.name] = node
        for node in by_name.values():
            for operand in node.operands:
                if operand not in by_name:
                    raise GraphError(f"node {node.name!r} uses {operand!r}, which is no node of the graph")
        self.nodes: Mapping[str, Node] = MappingProxyType(_sorted(by_name))
        used = {operand for node in by_name.values() for operand in node.operands}
        for name, target in outputs.items():
            check_name(name, "an output")
            if target not in by_name:
                raise GraphError(f"output {name!r} is the node {target!r}, which is no node of the graph")
            if target in used or by_name[target].is_leaf:
                raise GraphError(f"output {name!r} is the node {target!r}, which other nodes use or which is a leaf")
        if not outputs or len(set(outputs.values())) < len(outputs):
            raise GraphError("a graph needs at least one output, and a node of its own for each")
        for node in self.nodes.values():
            if isinstance(node.source, AbstractOperator):
                what, expected = "its operator makes", node.source.shape(*(by_name[o].shape for o in node.operands))
            else:
                what, expected = "its leaf is", node.source.shape
            if tuple(expected) != tuple(node.shape):
                raise ShapeError(f"node {node.name!r} has shape {node.shape}, {what} {expected}")
        self.outputs: Mapping[str, Node] = MappingProxyType({k: by_name[v] for k, v in outputs.items()})
        self.trees: Mapping[str, Tree] = MappingProxyType(dict(trees))
        self._check_trees()
        self.inputs: Mapping[str, Node] = self._leaves(Input)
        self.parameters: Mapping[str, Node] = self._leaves(Parameter)
        self.latents: Mapping[str, Node] = self._leaves(Latent)
        self.recurrent: Mapping[str, Node] = self._leaves(Recurrent)
        self.consumers: Mapping[str, tuple[str, ...]] = self._consumers()
        self.shared: frozenset[str] = self._shared()

    def _check_trees(self) -> None:
        """Raise GraphError where a tree has the name of something else, or leaves that are none, or not its own."""
        found: set[str] = set()
        for name, tree in self.trees.items():
            check_name(name, "a tree")
            if name in self.nodes or name in self.outputs:
                raise GraphError(f"the name {name!r} is used twice, for a tree and for a node or an output")
            paths: set[str] = set()
            for path, leaf in tree.part.leaves(name):
                if path in paths:
                    raise GraphError(f"two leaves of a tree have the path {path}: leave the / out of one key")
                paths.add(path)
                if leaf in found or leaf not in self.nodes or not self.nodes[leaf].is_leaf:
                    raise GraphError(f"{path} is to be {leaf!r}, which is no leaf of the graph, or of two trees")
                found.add(leaf)

    def expanded(self, what: str, values: Any, wanted: Collection[str]) -> dict[str, Any]:
        """Values by the names of leaves, where some are given by the name of a tree, or by a path.

        Leaves of trees that are not ``wanted``, as inputs among parameters, may be None or left out. Raises
        ParameterError for what is no mapping, for a tree of another structure and a leaf that is given twice;
        UnknownNameError for a path that the tree does not have.
        """
        return expanded(what, by_name(what, values), self.trees, wanted)

    def by_leaf(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values by leaf, which have those of a tree under the tree's name, too, as that tree."""
        return by_leaf(values, self.trees)

    def sender(self, leaf: str) -> str:
        """The node whose activity a ``Recurrent`` leaf has: the one of that name, or of the output of that name."""
        source = self.nodes[leaf].source
        assert isinstance(source, Recurrent)
        output = self.outputs.get(source.vertex)
        return output.name if output is not None and source.vertex not in self.nodes else source.vertex

    def unrolled(self, steps: int) -> Graph:
        """The graph of so many passes one behind the other, without cycles: its backprop is backprop through time.

        Each ``Recurrent`` is what its vertex was in the pass before, in the first one its ``initial``. Inputs, latents,
        outputs and vertices have a copy for each pass, ``x_t0``, ``x_t1``, ...; parameters, and what is computed from
        them alone, are shared. An output that the next pass reads is read out by a vertex of its own.

        Raises
        ------
        GraphError, UnknownNameError, ParameterError
            For a graph without cycles, a ``Recurrent`` of no vertex, delays that differ, leaves in trees that are no
            parameters, and what is no positive whole number of steps.
        CapacityError
            For more than a million nodes.
        """
        return Graph(*unrolled(self, steps), self.trees)

    def _leaves(self, kind: type) -> Mapping[str, Node]:
        return MappingProxyType({n: node for n, node in self.nodes.items() if isinstance(node.source, kind)})

    def _consumers(self) -> Mapping[str, tuple[str, ...]]:
        users_of: dict[str, list[str]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for operand in node.operands:
                users_of[operand].append(node.name)
        return MappingProxyType({name: tuple(users) for name, users in users_of.items()})

    def _shared(self) -> frozenset[str]:
        """Nodes that depend on parameters and constants alone: the same for every sample."""
        shared: set[str] = set()
        for node in self.nodes.values():
            leaf = isinstance(node.source, Parameter | Constant)
            if leaf or (not node.is_leaf and all(o in shared for o in node.operands)):
                shared.add(node.name)
        return frozenset(shared)

    def with_parameters(self, values: Mapping[str, np.ndarray]) -> Graph:
        """The same graph with other parameter values (of the same shapes).

        Raises what ``checked_parameters`` raises.
        """
        arrays = self.checked_parameters(values)
        return self.with_nodes(
            replace(n, source=Parameter(arrays[n.name]).on(self._levels(n.name))) if n.name in arrays else n
            for n in self.nodes.values()
        )

    def with_nodes(self, nodes: Iterable[Node]) -> Graph:
        """A graph of other nodes with the same names, and with these outputs and trees."""
        return Graph(nodes, {k: v.name for k, v in self.outputs.items()}, self.trees)

    def _levels(self, parameter: str) -> Levels | None:
        source = self.parameters[parameter].source
        return source.levels if isinstance(source, Parameter) else None

    def on_levels(self, name: str, values: np.ndarray) -> np.ndarray:
        """Values of a parameter on the levels that it has; as they are where it has none."""
        levels = self._levels(name)
        return values if levels is None else levels.rounded(values, name)

    def checked_parameters(self, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """New values of some parameters as arrays, on the levels that these have.

        Raises ParameterError for what is no mapping, UnknownNameError for a parameter that the graph does not have,
        ShapeError for another shape, and DataError for what is no array of finite real numbers.
        """
        arrays = {}
        for name, value in self.expanded("parameters", values, self.parameters).items():
            if name not in self.parameters:
                raise unknown_name("parameter", name, self.parameters)
            arrays[name] = real_array(f"parameter {name!r}", value)
            shape, needed = arrays[name].shape, self.parameters[name].shape
            if shape != needed:
                raise ShapeError(f"parameter {name!r} has shape {shape}; needed is {needed}")
            check_finite(f"parameter {name!r}", arrays[name])
            arrays[name] = self.on_levels(name, arrays[name])
        return arrays

    def __repr__(self) -> str:
        return (
            f"<Graph of {len(self.nodes)} nodes: inputs {', '.join(self.inputs) or 'none'}; parameters "
            f"{', '.join(self.parameters) or 'none'}; outputs {', '.join(self.outputs)}>"
        )


def _at(node: Node) -> str:
    return f" ({node.where})" if node.where else ""


def _sorted(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Topological order, and the given order wherever that is one already."""
    seen: set[str] = set()
    for node in nodes.values():
        if not seen.issuperset(node.operands):
            break
        seen.add(node.name)
    else:
        return dict(nodes)
    try:
        order = list(graphlib.TopologicalSorter({n.name: n.operands for n in nodes.values()}).static_order())
    except graphlib.CycleError as error:
        raise GraphError(f"the graph has a cycle: {' -> '.join(error.args[1])}; close it by a Recurrent leaf") from None
    return {name: nodes[name] for name in order}
