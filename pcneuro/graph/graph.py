"""The computation graph: named nodes in the order in which they were traced, its leaves and its outputs."""

from __future__ import annotations

import graphlib
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from types import MappingProxyType
from typing import Any

import numpy as np

from pcneuro.errors import DataError, GraphError, ParameterError, ShapeError, told, unknown_name
from pcneuro.graph.trees import Tree, by_leaf, expanded
from pcneuro.ops.base import AbstractOperator, Shape
from pcneuro.quantities import by_name, index_tuple, plain_array

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


LONGEST_NAME = 100
"""Letters of a name, so that files and folders called after it have names that all systems take."""


def check_name(name: Any, what: str = "a vertex") -> None:
    """Raise GraphError where this is no name for a vertex, or what else has one.

    Names are carried by netCDF, GraphML, SONATA, NIR, equations of Brian2 and file systems: what all of them take.
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise GraphError(
            f"{told(name)} is no name for {what}: give letters (a to z, A to Z), digits and _, a letter first"
        )
    if len(name) > LONGEST_NAME:
        raise GraphError(f"the name {name[:20]}... for {what} has {len(name)} letters; {LONGEST_NAME} are the most")


def all_finite(array: np.ndarray) -> bool:
    """Whether nothing is NaN or infinite."""
    return bool(np.isfinite(array).all())


def check_finite(what: str, array: np.ndarray) -> None:
    """Raise DataError where an array has NaN or infinity: which array, how many, and where the first is."""
    if not all_finite(array):
        bad = ~np.isfinite(array)
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{what} has {int(bad.sum())} of {array.size} values that are NaN or infinite, the first at {first}"
        )


def real_array(what: str, value: Any) -> np.ndarray:
    """A float64 array of what was given (float32 stays).

    Raises DataError where that is no array of real numbers, has a unit, or has values under a mask.
    """
    array = plain_array(what, value)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


_MOST_UNITS = 2**48
"""Of an array, far beyond what memory holds, and with room to spare in 64 bits."""


_SHORT = 40
"""Letters of a shape that are shown in a message."""


def _shape(what: str, shape: Any) -> Shape:
    axes = (shape,) if isinstance(shape, Integral) and not isinstance(shape, bool) else shape
    try:
        result = index_tuple(what, axes)
    except ParameterError:
        got = shape if isinstance(shape, tuple) and len(str(shape)) < _SHORT else told(shape)
        raise ShapeError(f"{what} needs a shape, a tuple of whole numbers; got {got}") from None
    if any(abs(n) > _MOST_UNITS for n in result) or math.prod(result) > _MOST_UNITS:
        raise ShapeError(f"{what} needs a shape of at most {_MOST_UNITS:.2g} units; got {told(shape)} with more")
    if any(n < 1 for n in result):
        raise ShapeError(f"{what} of shape {result}: every axis needs at least one unit")
    return result


@dataclass(frozen=True)
class Input:
    """Leaf clamped to data: ``shape`` is that of one sample."""

    shape: Shape

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _shape("Input", self.shape))


@dataclass(frozen=True, eq=False)
class Pattern:
    """Which synapses a sparse matrix has, by rows: ``starts`` (int64, rows + 1), ``columns`` (int32), and its width."""

    starts: np.ndarray
    columns: np.ndarray
    width: int


@dataclass(frozen=True, eq=False)
class Parameter:
    """Leaf whose value is learned: synaptic weights, biases, gains. ``value`` is copied, as float64 unless float32.

    A ``scipy.sparse`` matrix becomes the vector of its stored weights, row by row (duplicates summed), and ``pattern``
    says where they stand; its gradient is a vector over the same synapses.
    """

    value: np.ndarray
    pattern: Pattern | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        raw: Any = self.value
        if type(raw).__module__.startswith("scipy.sparse"):
            raw, pattern = _by_rows(raw)
            object.__setattr__(self, "pattern", pattern)
        value = real_array("Parameter", raw).copy()
        _shape("Parameter", value.shape)
        value.flags.writeable = False
        object.__setattr__(self, "value", value)

    @property
    def shape(self) -> Shape:
        """Shape of the value."""
        return self.value.shape


@dataclass(frozen=True, eq=False)
class Latent:
    """Leaf that is free: a root whose activity is inferred.

    ``prior`` is the mean of a Gaussian prior, a number or an array of ``shape``; None leaves the root without a
    prediction and without error neurons.
    """

    shape: Shape
    prior: np.ndarray | float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _shape("Latent", self.shape))
        if self.prior is not None:
            prior = real_array("prior of a Latent", self.prior)
            try:
                prior = np.broadcast_to(prior, self.shape).copy()
            except ValueError:
                raise ShapeError(f"Latent of shape {self.shape} has a prior of shape {prior.shape}") from None
            check_finite("prior of a Latent", prior)
            prior.flags.writeable = False
            object.__setattr__(self, "prior", prior)


@dataclass(frozen=True, eq=False)
class Constant:
    """Leaf that never changes: a number or array that stands in the traced function."""

    value: np.ndarray

    @property
    def shape(self) -> Shape:
        """Shape of the value."""
        return self.value.shape


Leaf = Input | Parameter | Latent | Constant


def _by_rows(matrix: Any) -> tuple[np.ndarray, Pattern]:
    """Stored weights of a sparse matrix of two axes, row by row, and where they stand."""
    if matrix.ndim != 2 or not matrix.nnz or matrix.shape[1] > np.iinfo(np.int32).max:
        raise ShapeError(f"sparse Parameter of shape {matrix.shape} with {matrix.nnz} weights: give one that has some")
    rows = matrix.tocsr()
    if not rows.has_canonical_format:
        rows = rows.copy() if rows is matrix else rows
        rows.sum_duplicates()
    return rows.data, Pattern(rows.indptr.astype(np.int64), rows.indices.astype(np.int32), int(matrix.shape[1]))


@dataclass(frozen=True)
class Node:
    """A vertex candidate: a leaf, or an operator applied to other nodes.

    ``marked`` tells that the user gave it neurons of its own with ``pcn.vertex``; ``where`` is the line of the traced
    function that made it.
    """

    name: str
    source: AbstractOperator | Leaf
    operands: tuple[str, ...]
    shape: Shape
    marked: bool = False
    where: str = field(default="", compare=False)

    @property
    def operator(self) -> AbstractOperator:
        """The operator of a node that is no leaf."""
        assert isinstance(self.source, AbstractOperator)
        return self.source

    @property
    def is_leaf(self) -> bool:
        """Whether the node is an Input, Parameter, Latent or Constant."""
        return not isinstance(self.source, AbstractOperator)

    @property
    def size(self) -> int:
        """Number of units of one sample."""
        return math.prod(self.shape)

    def compute(self, *operands: np.ndarray) -> np.ndarray:
        """The operator's output for operands with a batch axis. DataError names the node that cannot take them."""
        try:
            return self.source.forward(*operands)  # type: ignore[union-attr]
        except DataError as error:
            raise DataError(f"node {self.name!r}: {error}") from None


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
        return Graph(
            (replace(n, source=Parameter(arrays[n.name])) if n.name in arrays else n for n in self.nodes.values()),
            {k: v.name for k, v in self.outputs.items()},
            self.trees,
        )

    def checked_parameters(self, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """New values of some parameters as arrays.

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
        raise GraphError(f"the graph has a cycle: {' -> '.join(error.args[1])}; unroll it over time") from None
    return {name: nodes[name] for name in order}
