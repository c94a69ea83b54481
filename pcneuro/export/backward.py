"""The way back from errors to values, under fixed prediction, as a few linear parts and the edges between them.

With derivatives held at the feedforward sweep all feedback is a sum of errors, each scaled unit by unit by the slopes
of functions and carried through synapses, transposed:

    feedback to a parent = sum over children of W^T (slope * error of the child)

(Millidge, Tschantz & Buckley, 2020, equation 3). ``Backward`` walks a ``UnitGraph`` from the errors to the values and
writes that down as a ``Sketch``, of whose nodes a target makes its own objects: slopes as ``Scale``, synapses as
``Linear``, or as ``Conv2d`` where they are a convolution. Nothing dense is made here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
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
    UnitGraph,
    UnitPull,
    UnitStation,
    leading_to,
)
from pcneuro.errors import ParameterError
from pcneuro.export.error_shapes import ErrorShapes, conv2d
from pcneuro.export.sketch import Dense, Sketch
from pcneuro.ops.base import Shape, size


class AbstractNeurons(ABC):
    """What a target makes of a vertex."""

    @abstractmethod
    def add(self, name: str, shape: Shape, sources: list[str]) -> str | None:
        """Add a vertex whose value neurons sum these nodes; returns the node from which its error goes back.

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
        self.shapes = ErrorShapes(units, self.active)
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
        sources = self._settled(number) if number in self.active else []
        error = self.neurons.add(name, self._shape(number), sources)
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
        if number in self.shapes.convolutions:
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
        for node, before in adjoint.matrices.items():
            if _smaller(matrix, before):
                back.add(node, sparse.csr_array(matrix @ before))
            else:
                back.add(self._matrix(node, before, self._shape(number)), matrix)

    def _convolution(self, number: int, synapses: SynapticSum) -> str:
        convolution = self.shapes.convolutions[number]
        name = f"{synapses.weights.parameter or synapses.node}_transposed"
        made = self.sketch.add(name, "Conv2d", convolution.x, convolution.transposed, self._settled(number))
        shape = self._shape(synapses.source)
        return made if shape == convolution.x else self._reshaped(made, convolution.x, shape)

    # Nodes

    def _shape(self, number: int) -> Shape:
        return self.shapes.of(number, self.units.populations[number].size)

    def _settled(self, number: int) -> list[str]:
        """Nodes whose sum is what comes back to a population, in its shape."""
        adjoint, shape = self.adjoints[number], self._shape(number)
        nodes = [self._scaled(node, slope) for node, slope in adjoint.slopes.items()]
        return nodes + [self._matrix(node, matrix, shape) for node, matrix in adjoint.matrices.items()]

    def _scaled(self, node: str, slope: np.ndarray) -> str:
        if (slope == 1).all():
            return node
        key = node, slope.tobytes()
        if key not in self.made:
            shape = self.sketch.nodes[node].shape
            fields = {"scale": slope.reshape(shape).copy()}
            self.made[key] = self.sketch.add(f"{node}_slope", "Scale", shape, fields, [node])
        return self.made[key]

    def _matrix(self, node: str, matrix: sparse.csr_array, shape: Shape) -> str:
        """A node that gives the matrix times what another gives."""
        key = node, id(matrix), shape
        if key not in self.made:
            self.made[key] = self._dense([node], self.sketch.nodes[node].shape, matrix, shape, node)
        return self.made[key]

    def _dense(self, nodes: list[str], shape_before: Shape, matrix: sparse.csr_array, shape: Shape, name: str) -> str:
        """The matrix times the sum of what nodes give, in this shape; theirs is ``shape_before``."""
        add, name = self.sketch.add, f"{name}_transposed"
        if len(shape) == 1:
            if len(shape_before) == 3:
                nodes = [self._flat(node) for node in nodes]
            return add(name, "Linear", shape, {"weight": Dense(matrix.shape, matrix.toarray)}, nodes)
        if shape[1:] == (1, 1):
            weight = Dense((shape[0], *shape_before), lambda: matrix.toarray().reshape(shape[0], *shape_before))
            return add(name, "Conv2d", shape, conv2d(weight, shape_before), nodes)
        if shape_before[1:] != (1, 1):
            nodes = [self._column(node) for node in nodes]
            shape_before = (size(shape_before), 1, 1)
        channels, edge, _ = shape

        def turned() -> np.ndarray:
            whole = matrix.toarray().reshape(*shape, shape_before[0])
            return np.ascontiguousarray(whole.transpose(0, 3, 1, 2)[:, :, ::-1, ::-1])

        weight = Dense((channels, shape_before[0], edge, edge), turned)
        return add(name, "Conv2d", shape, conv2d(weight, shape_before, (edge - 1, edge - 1)), nodes)

    def _reshaped(self, node: str, shape_before: Shape, shape: Shape) -> str:
        """The same units in another shape."""
        if len(shape) == 1:
            return self._flat(node)
        count = size(shape_before)
        return self._dense([node], shape_before, sparse.csr_array(sparse.eye_array(count)), shape, node)

    def _flat(self, node: str) -> str:
        key = node, "flat"
        if key not in self.made:
            shape_before = self.sketch.nodes[node].shape
            fields = {"input_type": {"input": np.array(shape_before)}, "start_dim": 0, "end_dim": -1}
            self.made[key] = self.sketch.add(f"{node}_flat", "Flatten", (size(shape_before),), fields, [node])
        return self.made[key]

    def _column(self, node: str) -> str:
        key = node, "column"
        if key not in self.made:
            shape_before = self.sketch.nodes[node].shape
            column = (size(shape_before), 1, 1)
            whole = sparse.csr_array(sparse.eye_array(column[0]))
            self.made[key] = self._dense([node], shape_before, whole, column, node)
        return self.made[key]


def _smaller(after: sparse.csr_array, before: sparse.csr_array) -> bool:
    """Whether the product of two matrices takes no more room than the two, dense and sparse."""
    dense = after.shape[0] * before.shape[1] <= size(after.shape) + size(before.shape)
    columns = np.bincount(after.indices, minlength=after.shape[1])
    return dense and int(columns @ np.diff(before.indptr)) <= after.nnz + before.nnz
