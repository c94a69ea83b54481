"""ONNX files as graphs of one sample, and the way back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import (
    CapacityError,
    ModelFileError,
    ParameterError,
    PcneuroError,
    ShapeError,
    TraceError,
    shown,
    unknown_name,
)
from pcneuro.files.writing import write_atomically
from pcneuro.graph.graph import Input, Parameter
from pcneuro.graph.trace import trace
from pcneuro.importing.names import AbstractModel, as_names
from pcneuro.importing.onnx_file import MOST_AXES, library, read
from pcneuro.importing.onnx_operators.table import allowed
from pcneuro.importing.onnx_program import Program
from pcneuro.importing.operators import inside
from pcneuro.quantities import by_name, name_tuple, whole

TOLERANCE = 1e-9
"""Of a sample's outputs beside another sample, relative to the largest."""


@dataclass(frozen=True, eq=False)
class OnnxModel(AbstractModel):
    """An ONNX model as a graph of one sample.

    ``graph`` is what ``pcn.build_circuit`` takes, ``parameters`` the names in the file by those in the graph, and
    ``inputs`` the names in the graph by those of the file.
    """

    inputs: Mapping[str, str]
    proto: Any = field(repr=False)
    """The ``onnx.ModelProto`` that was read."""

    def model(self, parameters: Circuit | Mapping[str, Any] | None = None) -> Any:
        """A copy of the model with the parameters of a trained circuit, or given by their graph's names.

        An ``onnx.ModelProto``; numbers are of the types that they had. Raises ParameterError, UnknownNameError,
        ShapeError and DataError for parameters that do not fit.
        """
        onnx, values = library(), self.values(parameters)
        copy = onnx.ModelProto()
        copy.CopyFrom(self.proto)
        for tensor in copy.graph.initializer:
            if tensor.name in values:
                dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
                tensor.CopyFrom(onnx.numpy_helper.from_array(values[tensor.name].astype(dtype), tensor.name))
        return copy

    def save(
        self,
        path: str | os.PathLike[str],
        parameters: Circuit | Mapping[str, Any] | None = None,
        *,
        overwrite: bool = False,
    ) -> None:
        """Write ``model(parameters)`` to a file, whole or not at all. Raises OutputError where that fails."""
        contents = self.model(parameters).SerializeToString()

        def write(file: BinaryIO) -> None:
            file.write(contents)

        write_atomically(path, write, overwrite=overwrite)


def onnx(
    path: str | os.PathLike[str],
    *,
    batch_axis: int | None = 0,
    sizes: Mapping[str, int] | None = None,
    parameters: Sequence[str] | None = None,
) -> OnnxModel:
    """An ONNX file as a graph of one sample.

    Parameters
    ----------
    path
        A file with operators of version 13 to 22 and its weights inside. Nothing of it runs, no other file is opened.
    batch_axis
        The axis of samples of every input: its length in the file is a name, or 1. None takes the whole input as one
        sample, without such an axis.
    sizes
        Lengths for other axes that have a name in the file, by that name.
    parameters
        Names of the stored numbers that learn. By default those that are weights, biases and gains of layers, or
        arrays that are added or multiplied; statistics, masks of infinity and single numbers are constants.

    Returns
    -------
    OnnxModel
        ``graph`` has inputs, parameters and outputs under the file's names, with ``_`` for what names of vertices do
        not have.

    Raises
    ------
    ModelFileError
        For a file that is damaged, of another version, or has its weights elsewhere.
    TraceError
        For an operator that is not known or mixes samples: its node, its name, and what to do.
    ShapeError, ParameterError, UnknownNameError, CapacityError
        For settings that do not fit, and sizes that no memory holds.
    MissingExtraError
        Where ONNX is not installed.
    """
    batch_axis = None if batch_axis is None else whole("batch_axis", batch_axis)
    model = read(path)
    program = Program(model, None if parameters is None else list(name_tuple("parameters", parameters)))
    if not program.outputs:
        raise TraceError("the model has no output of real numbers: there is nothing to learn from")
    shapes = _shapes(program, batch_axis, by_name("sizes", {} if sizes is None else sizes))
    names = as_names([*program.inputs, *program.parameters])
    function = _Function(program, shapes, batch_axis, names)
    leaves: dict[str, Any] = {names[name]: Input(shape) for name, shape in function.samples.items()}
    leaves |= {names[name]: Parameter(value) for name, value in program.parameters.items()}
    graph = trace(function, **leaves)
    return OnnxModel(
        graph,
        {names[name]: name for name in program.parameters},
        {name: names[name] for name in program.inputs},
        model,
    )


def _shapes(program: Program, batch_axis: int | None, sizes: Mapping[str, Any]) -> dict[str, tuple[int | None, ...]]:
    """Shapes of the inputs, with None for the axis of samples where its length has a name."""
    shapes = {}
    known = {dim.dim_param for value in program.inputs.values() for dim in value.type.tensor_type.shape.dim}
    for name in sizes:
        if not isinstance(name, str) or name not in known - {""}:
            raise unknown_name("length in sizes", name, sorted(known - {""}))
    for name, value in program.inputs.items():
        kind = value.type.tensor_type
        if not kind.HasField("shape"):
            raise ShapeError(f"input {shown(name)} has no shape: export the model with one")
        axes = list(kind.shape.dim)
        if len(axes) > MOST_AXES or any(dim.HasField("dim_value") and dim.dim_value < 1 for dim in axes):
            raise ModelFileError(f"input {shown(name)} has axes without units, or too many: the file is damaged")
        if batch_axis is not None and batch_axis >= len(axes):
            raise ShapeError(f"input {shown(name)} has {len(axes)} axes, and no axis {batch_axis}: give batch_axis")
        shapes[name] = tuple(_length(name, k, dim, batch_axis, sizes) for k, dim in enumerate(axes))
        with inside(name, "input"):
            allowed(n or 1 for n in shapes[name])
    return shapes


def _length(name: str, k: int, dim: Any, batch_axis: int | None, sizes: Mapping[str, Any]) -> int | None:
    fixed = dim.dim_value if dim.HasField("dim_value") else None
    where = f"axis {k} of input {shown(name)}"
    if k == batch_axis:
        if fixed not in (None, 1):
            raise ShapeError(
                f"{where} has {fixed} samples: export the model for one, or with a name for their number, or give "
                "batch_axis"
            )
        return fixed
    if fixed is not None:
        return int(fixed)
    if dim.dim_param not in sizes:
        raise ParameterError(
            f"{where} has the name {shown(dim.dim_param)} for a length: give sizes={{name: length}}, or its batch_axis"
        )
    return whole(f"the length {shown(dim.dim_param)} in sizes", sizes[dim.dim_param], 1)


class _Function:
    """What is traced: the model of one sample without the axis of samples, by the graph's names."""

    def __init__(
        self,
        program: Program,
        shapes: Mapping[str, tuple[int | None, ...]],
        batch_axis: int | None,
        names: Mapping[str, str],
    ) -> None:
        self.program, self.batch_axis, self.names = program, batch_axis, names
        self.shapes = shapes
        self.samples = {
            name: tuple(n for k, n in enumerate(shape) if k != batch_axis and n is not None)
            for name, shape in shapes.items()
        }
        self.axes = self._output_axes()
        self.outputs = as_names(self.axes)

    def __call__(self, **leaves: Any) -> dict[str, Any]:
        given = {name: leaves[self.names[name]] for name in self.program.parameters}
        for name in self.program.inputs:
            x = leaves[self.names[name]]
            given[name] = x if self.batch_axis is None else np.expand_dims(x, self.batch_axis)
        results = self.program.run(given).items()
        return {
            self.outputs[name]: y if self.axes[name] is None else np.squeeze(y, self.axes[name]) for name, y in results
        }

    def _on(self, drawn: Mapping[str, np.ndarray]) -> dict[str, Any]:
        with np.errstate(all="ignore"):
            return self.program.run({**self.program.parameters, **drawn})

    def _drawn(self) -> dict[str, np.ndarray]:
        """Two samples of each input; zeros and ones where those are whole numbers."""
        rng = np.random.default_rng(0)
        drawn = {}
        for name, shape in self.shapes.items():
            two = [2 if k == self.batch_axis else n or 1 for k, n in enumerate(shape)]
            real = name in self.program.real
            drawn[name] = rng.normal(size=two) if real else rng.integers(0, 2, two).astype(np.float64)
        return drawn

    def _output_axes(self) -> dict[str, int | None]:
        """The axis of samples of each output. Raises TraceError where one has none, and where samples are mixed."""
        axis, both = self.batch_axis, self._drawn()
        if axis is None:
            return dict.fromkeys(self._on(both))
        alone, second = (self._on({name: np.take(x, [k], axis) for name, x in both.items()}) for k in (0, 1))
        free = any(shape[axis] is None for shape in self.shapes.values())
        try:
            together = self._on(both) if free else None
        except CapacityError:
            raise
        except PcneuroError:
            # The file is of one sample after all, whatever it calls the axis.
            together = None
        axes: dict[str, int | None] = {}
        for name, y in alone.items():
            other = None if together is None else np.asarray(together[name])
            axes[name] = _axis(name, [np.asarray(y), np.asarray(second[name])], axis, other)
        return axes


def _axis(name: str, alone: Sequence[np.ndarray], axis: int, together: np.ndarray | None) -> int:
    """Where an output of two samples, each by itself and both where that can be, has its axis of samples."""
    y = alone[0]
    no_axis = (
        f"output {shown(name)} of one sample has shape {y.shape}, and no axis of samples: a graph is of one; take "
        "means over samples outside the model"
    )
    if together is None:
        if y.ndim <= axis or y.shape[axis] != 1:
            raise TraceError(no_axis)
        return axis
    differing = [i for i, pair in enumerate(zip(y.shape, together.shape, strict=False)) if pair == (1, 2)]
    if y.ndim != together.ndim or len(differing) != 1:
        raise TraceError(no_axis)
    for k, one in enumerate(alone):
        beside = np.take(together, [k], differing[0])
        near = TOLERANCE * max(1.0, float(np.abs(one).max(initial=0.0)))
        if not np.allclose(beside, one, rtol=0, atol=near, equal_nan=True):
            raise TraceError(
                f"output {shown(name)} of a sample is another one beside a second sample: the model mixes samples, "
                "which a circuit keeps apart; export it for inference, and take means over samples outside"
            )
    return differing[0]
