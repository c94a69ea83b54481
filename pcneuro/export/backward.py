"""The way back from errors to values, under fixed prediction, as a few linear parts and the edges between them.

With derivatives held at the feedforward sweep all feedback is a sum of errors, each scaled unit by unit by the slopes
of functions and carried through synapses, transposed:

    feedback to a parent = sum over children of W^T (slope * error of the child)

(Millidge, Tschantz & Buckley, 2020, equation 3). ``Backward`` walks a ``UnitGraph`` from the errors to the values and
writes that down as ``Part``s, which a target makes its own objects of: slopes as ``Scale``, synapses as ``Linear``,
or as ``Conv2d`` where they are a convolution. Nothing dense is made here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from pcneuro.circuit.feedback import AbstractVisitor
from pcneuro.circuit.units import (
    SlopePull,
    Source,
    SynapsePull,
    SynapticSum,
    UnitFunction,
    UnitGraph,
    UnitPull,
    UnitStation,
    leading_to,
    sources_of,
)
from pcneuro.errors import ParameterError
from pcneuro.ops.base import Shape, size


@dataclass(frozen=True, eq=False)
class Dense:
    """An array of this ``shape`` that is made once it is known that there is room for it."""

    shape: Shape
    make: Callable[[], np.ndarray]


@dataclass(frozen=True, eq=False)
class Part:
    """A node: which primitive it is, the shape of what it gives, its fields, and notes that nothing depends on."""

    primitive: str
    shape: Shape
    fields: Mapping[str, Any]
    notes: Mapping[str, Any]


class Sketch:
    """Nodes by name, and edges between them; what comes by several edges adds up."""

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self.edges: list[tuple[str, str]] = []

    def add(
        self,
        name: str,
        primitive: str,
        shape: Shape,
        fields: Mapping[str, Any],
        sources: Iterable[str] = (),
        notes: Mapping[str, Any] | None = None,
    ) -> str:
        """A new node that hears ``sources``; returns its name, with a number where ``name`` is taken."""
        free, count = name, 1
        while free in self.parts:
            count += 1
            free = f"{name}_{count}"
        self.parts[free] = Part(primitive, shape, fields, notes or {})
        self.edges += [(source, free) for source in sources]
        return free

    @property
    def entries(self) -> int:
        """Numbers in all fields of all nodes."""
        fields = [f for part in self.parts.values() for f in part.fields.values()]
        return sum(size(f.shape) for f in fields if isinstance(f, Dense | np.ndarray))


# Shapes


@dataclass(frozen=True, eq=False)
class Convolution:
    """Synapses that are a convolution of stride 1 with a square kernel: (outputs, channels, k, k), groups spelled out.

    ``x`` and ``out`` are the shapes of what it reads and gives, (channels, height, width).
    """

    kernel: np.ndarray
    x: Shape
    out: Shape
    padding: Shape
    dilation: Shape

    @property
    def transposed(self) -> dict[str, Any]:
        """The convolution that goes the other way: the kernel turned round, channels and outputs exchanged."""
        reach = self.kernel.shape[-1] - 1
        return conv2d(
            np.ascontiguousarray(self.kernel.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]),
            self.out,
            tuple(d * reach - p for d, p in zip(self.dilation, self.padding, strict=True)),
            self.dilation,
        )


def conv2d(weight: np.ndarray | Dense, x: Shape, padding: Shape = (0, 0), dilation: Shape = (1, 1)) -> dict[str, Any]:
    """Fields of a Conv2d that reads x, of shape (channels, height, width)."""
    return {
        "input_shape": x[1:],
        "weight": weight,
        "stride": (1, 1),
        "padding": padding,
        "dilation": dilation,
        "groups": 1,
        "bias": np.zeros(weight.shape[0]),
    }


def convolution(units: UnitGraph, synapses: SynapticSum) -> Convolution | None:
    """The convolution that these synapses are, if its transpose is one of stride 1 over square maps."""
    graph = units.circuit.graph
    node = graph.nodes[synapses.node]
    if node.is_leaf or node.operator.kind != "convolution" or len(node.shape) != 3:
        return None
    x, w = (graph.nodes[o].shape for o in node.operands)
    given = node.operator.attributes()
    padding, dilation, reach = given["padding"], given["dilation"], w[-1] - 1
    square = w[2] == w[3] and node.shape[1] == node.shape[2]
    fits = all(p <= d * reach for p, d in zip(padding, dilation, strict=True))
    if not square or not fits or given["stride"] != (1, 1) or units.populations[synapses.source].size != size(x):
        return None
    o, *position = np.unravel_index(synapses.post, node.shape)
    c, *place = np.unravel_index(synapses.pre, x)
    taps = []
    for at, of, p, d in zip(position, place, padding, dilation, strict=True):
        tap, beside = np.divmod(of - at + p, d)
        if beside.any() or (tap < 0).any() or (tap > reach).any():
            return None
        taps.append(tap)
    weights = np.broadcast_to(synapses.weights.values, o.shape)
    kernel = np.zeros((w[0], x[0], *w[2:]))
    kernel[o, c, taps[0], taps[1]] = weights
    whole = synapses.pre.size == node.operator.connections(0, x, w)
    same = whole and np.array_equal(kernel[o, c, taps[0], taps[1]], weights)
    return Convolution(kernel, x, node.shape, padding, dilation) if same else None


class Forms:
    """The shape in which errors go through each population: (units,), or (channels, height, width).

    Populations that are joined unit by unit have one shape. It is a map where a convolution reads errors; then all that
    leads there from other errors must come as a map, too, since no primitive makes one of what is flat: a population
    that is none stands as (units, 1, 1), and dense synapses from there are a convolution with a kernel as large as the
    map. All else is flat.
    """

    def __init__(self, units: UnitGraph, active: set[int]) -> None:
        self.joined = list(range(len(units.populations)))
        synapses = []
        for number in sorted(active):
            population = units.populations[number]
            if isinstance(population, SynapticSum):
                synapses.append(number)
            for source in sources_of(population):
                if isinstance(population, UnitFunction) and source in active:
                    self._join(number, source)
        for name, number in units.predictions.items():
            self._join(number, units.values[name])
        self.shapes: dict[int, Shape] = {}
        self.convolutions: dict[int, Convolution] = {}
        for number in synapses:
            population = units.populations[number]
            assert isinstance(population, SynapticSum)
            found = convolution(units, population)
            if found is not None and self.shapes.setdefault(self._root(number), found.out) == found.out:
                self.convolutions[number] = found
        self._lead(units, synapses)

    def _lead(self, units: UnitGraph, synapses: Sequence[int]) -> None:
        """Make maps of whatever leads to one."""
        before = -1
        while before < len(self.shapes):
            before = len(self.shapes)
            for number in synapses:
                population = units.populations[number]
                if self._root(next(sources_of(population))) in self.shapes:
                    self.shapes.setdefault(self._root(number), (population.size, 1, 1))

    def _root(self, number: int) -> int:
        while self.joined[number] != number:
            number = self.joined[number]
        return number

    def _join(self, a: int, b: int) -> None:
        self.joined[self._root(a)] = self._root(b)

    def of(self, number: int, units: int) -> Shape:
        """Of a population of so many units."""
        return self.shapes.get(self._root(number), (units,))


# The walk


class AbstractNeurons(ABC):
    """What a target makes of a vertex."""

    @abstractmethod
    def add(self, name: str, shape: Shape, heard: list[str]) -> str | None:
        """Add a vertex whose value neurons hear these nodes; returns the node from which its error goes back.

        None where it has no error, or one that is zero for ever.
        """


@dataclass
class Adjoint:
    """What comes back to a population: a sum over nodes of slopes, (units,), or of a matrix, times what they give."""

    slopes: dict[str, np.ndarray] = field(default_factory=dict)
    matrices: dict[str, sparse.csr_array] = field(default_factory=dict)

    def add(self, node: str, term: Any) -> None:
        """Add a term, an array of slopes or a sparse matrix."""
        part = self.slopes if isinstance(term, np.ndarray) else self.matrices
        part[node] = part[node] + term if node in part else term


class Backward(AbstractVisitor[UnitStation, Adjoint]):
    """Writes down what goes back from all errors to all values that are free.

    ``activity`` is that of the feedforward sweep, at which slopes are taken. Raises ParameterError for slopes that are
    not finite.
    """

    def __init__(
        self,
        units: UnitGraph,
        activity: list[np.ndarray],
        held: Iterable[str],
        sketch: Sketch,
        neurons: AbstractNeurons,
    ) -> None:
        self.units, self.activity, self.sketch, self.neurons = units, activity, sketch, neurons
        self.active = units.active(set(held))
        self.forms = Forms(units, self.active)
        self.adjoints = [Adjoint() for _ in units.populations]
        self.made: dict[Any, str] = {}
        """What has been made of a node -> the node that does it."""
        self.visit(leading_to(units.feedback, self.active))

    def arrive(self, station: UnitStation) -> Adjoint | None:
        number, adjoint = station.number, self.adjoints[station.number]
        if isinstance(station.population, Source):
            self._vertex(number, station.population.name)
            return None
        return adjoint if number in self.active and (adjoint.slopes or adjoint.matrices) else None

    def pull(self, station: UnitStation, pull: UnitPull, leaving: Adjoint) -> None:
        if isinstance(pull, SynapsePull):
            self._synapses(pull.number, pull.synapses)
        else:
            self._slope(pull, leaving)

    def _vertex(self, number: int, name: str) -> None:
        if name not in self.units.circuit.vertices:
            return
        heard = self._settled(number) if number in self.active else []
        error = self.neurons.add(name, self._shape(number), heard)
        if error is not None:
            prediction = self.units.predictions[name]
            self.adjoints[prediction].add(error, np.ones(self.units.populations[prediction].size))

    def _slope(self, pull: SlopePull, leaving: Adjoint) -> None:
        slope = pull.function.evaluated(pull.derivative, self.activity, out=self.activity[pull.number])
        if not np.isfinite(slope).all():
            raise ParameterError(
                f"the derivative of node {pull.function.node!r} is not finite at the feedforward sweep: not exported"
            )
        plain = (slope == 1).all()
        adjoint = self.adjoints[pull.source]
        for node, slopes in leaving.slopes.items():
            adjoint.add(node, slopes * slope)
        for node, matrix in leaving.matrices.items():
            scaled = matrix if plain else sparse.csr_array(sparse.diags_array(slope) @ matrix)
            adjoint.add(node, scaled)

    def _synapses(self, number: int, synapses: SynapticSum) -> None:
        adjoint, back = self.adjoints[number], self.adjoints[synapses.source]
        width = self.units.populations[synapses.source].size
        if number in self.forms.convolutions:
            back.add(self._convolution(number, synapses), np.ones(width))
            return
        weights = np.broadcast_to(synapses.weights.values, synapses.pre.shape)
        matrix = sparse.csr_array((weights, (synapses.pre, synapses.post)), shape=(width, synapses.size))
        if synapses.weights.parameter is not None:
            shape = self._shape(synapses.source)
            made = self._dense(self._settled(number), self._shape(number), matrix, shape, synapses.weights.parameter)
            back.add(made, np.ones(width))
            return
        # What only picks, copies or adds up is one matrix with the slopes before it and others of its kind.
        for node, slope in adjoint.slopes.items():
            back.add(node, sparse.csr_array(matrix @ sparse.diags_array(slope)))
        for node, own in adjoint.matrices.items():
            if _smaller(matrix, own):
                back.add(node, sparse.csr_array(matrix @ own))
            else:
                back.add(self._matrix(node, own, self._shape(number)), matrix)

    def _convolution(self, number: int, synapses: SynapticSum) -> str:
        found = self.forms.convolutions[number]
        name = f"{synapses.weights.parameter or synapses.node}_transposed"
        made = self.sketch.add(name, "Conv2d", found.x, found.transposed, self._settled(number))
        shape = self._shape(synapses.source)
        return made if shape == found.x else self._reshaped(made, found.x, shape)

    # Nodes

    def _shape(self, number: int) -> Shape:
        return self.forms.of(number, self.units.populations[number].size)

    def _settled(self, number: int) -> list[str]:
        """Nodes whose sum is what comes back to a population, in its shape."""
        adjoint, shape = self.adjoints[number], self._shape(number)
        found = [self._scaled(node, slope) for node, slope in adjoint.slopes.items()]
        return found + [self._matrix(node, matrix, shape) for node, matrix in adjoint.matrices.items()]

    def _scaled(self, node: str, slope: np.ndarray) -> str:
        if (slope == 1).all():
            return node
        key = node, slope.tobytes()
        if key not in self.made:
            shape = self.sketch.parts[node].shape
            fields = {"scale": slope.reshape(shape).copy()}
            self.made[key] = self.sketch.add(f"{node}_slope", "Scale", shape, fields, [node])
        return self.made[key]

    def _matrix(self, node: str, matrix: sparse.csr_array, shape: Shape) -> str:
        """A node that gives the matrix times what another gives."""
        key = node, id(matrix), shape
        if key not in self.made:
            self.made[key] = self._dense([node], self.sketch.parts[node].shape, matrix, shape, node)
        return self.made[key]

    def _dense(self, nodes: list[str], given: Shape, matrix: sparse.csr_array, shape: Shape, name: str) -> str:
        """The matrix times the sum of what nodes give, in this shape; ``given`` is theirs."""
        add, name = self.sketch.add, f"{name}_transposed"
        if len(shape) == 1:
            if len(given) == 3:
                nodes = [self._flat(node) for node in nodes]
            return add(name, "Linear", shape, {"weight": Dense(matrix.shape, matrix.toarray)}, nodes)
        if shape[1:] == (1, 1):
            weight = Dense((shape[0], *given), lambda: matrix.toarray().reshape(shape[0], *given))
            return add(name, "Conv2d", shape, conv2d(weight, given), nodes)
        if given[1:] != (1, 1):
            nodes = [self._column(node) for node in nodes]
            given = (size(given), 1, 1)
        channels, edge, _ = shape

        def turned() -> np.ndarray:
            whole = matrix.toarray().reshape(*shape, given[0])
            return np.ascontiguousarray(whole.transpose(0, 3, 1, 2)[:, :, ::-1, ::-1])

        weight = Dense((channels, given[0], edge, edge), turned)
        return add(name, "Conv2d", shape, conv2d(weight, given, (edge - 1, edge - 1)), nodes)

    def _reshaped(self, node: str, given: Shape, shape: Shape) -> str:
        """The same units in another shape."""
        if len(shape) == 1:
            return self._flat(node)
        count = size(given)
        return self._dense([node], given, sparse.csr_array(sparse.eye_array(count)), shape, node)

    def _flat(self, node: str) -> str:
        key = node, "flat"
        if key not in self.made:
            given = self.sketch.parts[node].shape
            fields = {"input_type": {"input": np.array(given)}, "start_dim": 0, "end_dim": -1}
            self.made[key] = self.sketch.add(f"{node}_flat", "Flatten", (size(given),), fields, [node])
        return self.made[key]

    def _column(self, node: str) -> str:
        key = node, "column"
        if key not in self.made:
            given = self.sketch.parts[node].shape
            column = (size(given), 1, 1)
            whole = sparse.csr_array(sparse.eye_array(column[0]))
            self.made[key] = self._dense([node], given, whole, column, node)
        return self.made[key]


def _smaller(after: sparse.csr_array, before: sparse.csr_array) -> bool:
    """Whether the product of two matrices takes no more room than the two, dense and sparse."""
    dense = after.shape[0] * before.shape[1] <= size(after.shape) + size(before.shape)
    columns = np.bincount(after.indices, minlength=after.shape[1])
    return dense and int(columns @ np.diff(before.indptr)) <= after.nnz + before.nnz
