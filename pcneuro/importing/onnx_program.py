"""The graph of an ONNX model as a NumPy function of its inputs and parameters."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.errors import CapacityError, ModelFileError, TraceError, shown, unknown_name
from pcneuro.importing.onnx_file import OWN, array, library, version
from pcneuro.importing.onnx_operators import ONNX
from pcneuro.importing.onnx_operators.table import MOST_UNITS, SLOW, limited_work, multiplications
from pcneuro.importing.operators import inside

LEARNED: dict[str, tuple[int, ...]] = {
    "Add": (0, 1),
    "BatchNormalization": (1, 2),
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "Div": (0, 1),
    "Einsum": (0, 1, 2, 3),
    "Gather": (0,),
    "Gemm": (0, 1, 2),
    "GroupNormalization": (1, 2),
    "GRU": (1, 2, 3),
    "Identity": (0,),
    "InstanceNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "LSTM": (1, 2, 3),
    "MatMul": (0, 1),
    "Mul": (0, 1),
    "PRelu": (1,),
    "Reshape": (0,),
    "RNN": (1, 2, 3),
    "Squeeze": (0,),
    "Sub": (0, 1),
    "Transpose": (0,),
    "Unsqueeze": (0,),
}
"""Operator -> its inputs that learn where they are stored numbers; those of others are constants."""

_ARITHMETIC = {"Add", "Div", "Mul", "Sub"}
"""Where a single stored number is a constant of the formula, not a parameter."""


class Program:
    """The nodes of a model, in their order.

    ``inputs`` are by name what it is called with (values of the file's own class), ``parameters`` and ``constants`` its
    stored numbers, ``outputs`` the names of those that are real numbers.
    """

    def __init__(self, model: Any, parameters: Sequence[str] | None) -> None:
        onnx = library()
        self.opset = version(model)
        self.nodes = list(model.graph.node)
        stored = {tensor.name: array(tensor) for tensor in model.graph.initializer}
        self.inputs = {value.name: value for value in model.graph.input if value.name not in stored}
        learned = self._learned(stored) if parameters is None else self._chosen(stored, parameters)
        self.parameters = {name: stored[name] for name in learned}
        self.constants = {
            name: value.astype(np.float64) if value.dtype.kind == "f" else value
            for name, value in stored.items()
            if name not in learned
        }
        reals = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
        self.real = {name for name, value in self.inputs.items() if value.type.tensor_type.elem_type in reals}
        self.truth = {
            name for name, value in self.inputs.items() if value.type.tensor_type.elem_type == onnx.TensorProto.BOOL
        }
        self.outputs = [v.name for v in model.graph.output if v.type.tensor_type.elem_type in reals]

    def _learned(self, stored: Mapping[str, np.ndarray]) -> list[str]:
        """Stored real numbers that are used as parameters are, and nowhere else."""
        fixed: set[str] = set()
        used: set[str] = set()
        for node in self.nodes:
            for k, name in enumerate(node.input):
                value = stored.get(name)
                if value is None:
                    continue
                used.add(name)
                lone = node.op_type in _ARITHMETIC and value.size == 1
                if k not in LEARNED.get(node.op_type, ()) or lone:
                    fixed.add(name)
        free = used - fixed
        return [name for name, value in stored.items() if name in free and _may_learn(value)]

    def _chosen(self, stored: Mapping[str, np.ndarray], names: Sequence[str]) -> list[str]:
        for name in names:
            if name not in stored:
                raise unknown_name("name in parameters", name, stored)
            if stored[name].dtype.kind != "f":
                raise ModelFileError(f"parameter {shown(name)} is of {stored[name].dtype}: choose some of real numbers")
        return list(dict.fromkeys(names))

    @functools.cached_property
    def depending(self) -> set[str]:
        """Names of values that depend on inputs or parameters."""
        names = {*self.inputs, *self.parameters}
        for node in self.nodes:
            if any(name in names for name in node.input):
                names.update(node.output)
        return names

    def run(self, leaves: Mapping[str, Any]) -> dict[str, Any]:
        """Real outputs that depend on the leaves, from values of inputs and parameters, with their batch axis."""
        values: dict[str, Any] = {"": None, **self.constants}
        for name in (*self.inputs, *self.parameters):
            values[name] = np.not_equal(leaves[name], 0.0) if name in self.truth else leaves[name]
        whole = {name for name in self.inputs if name not in self.real}
        whole |= {name for name, value in self.constants.items() if value.dtype.kind in "biu"}
        held = 0
        with limited_work():
            for node in self.nodes:
                with inside(node.name or next(iter(node.output), ""), node.op_type):
                    results = self._evaluate(node, values, whole)
                    held += sum(int(np.size(result)) for result in results)
                    if held > MOST_UNITS:
                        raise CapacityError(
                            f"all results up to this one have {held:,} units; {MOST_UNITS:,} are the most"
                        )
                    values.update(zip((name for name in node.output), results, strict=False))
                    if _makes_whole(node, whole, results):
                        whole.update(node.output)
        for name in self.outputs:
            if name not in values:
                raise ModelFileError(f"output {shown(name)} is computed by no node: the file is damaged")
        return {name: values[name] for name in self.outputs if name in self.depending}

    def _evaluate(self, node: Any, values: Mapping[str, Any], whole: set[str]) -> tuple[Any, ...]:
        if node.domain not in OWN:
            raise TraceError(f"it is an operator of {shown(node.domain)}, not of ONNX: it is not known here")
        function = ONNX.find(node.op_type)
        for name in node.input:
            if name not in values:
                raise ModelFileError(f"its input {shown(name)} is computed by no node before it: the file is damaged")
        keywords = {attribute.name: _value(attribute) for attribute in node.attribute}
        accepted = inspect.signature(function).parameters
        for name in keywords:
            if name not in accepted or accepted[name].kind is inspect.Parameter.VAR_POSITIONAL:
                raise TraceError(f"its attribute {shown(name)} is not known here: export the model without it")
        named = {"opset": self.opset, "outputs": len(node.output), "whole": bool(node.input) and node.input[0] in whole}
        keywords |= {name: value for name, value in named.items() if name in accepted}
        given = [values[name] for name in node.input]
        while given and given[-1] is None:
            given.pop()
        multiplications(SLOW, sum(int(np.size(value)) for value in given))
        result = function(*given, **keywords)
        return result if isinstance(result, tuple) else (result,)


def _may_learn(value: np.ndarray) -> bool:
    """Whether stored numbers can be a parameter: real ones, with an axis, none of them infinite as in a mask."""
    return value.dtype.kind == "f" and value.ndim > 0 and value.size > 0 and bool(np.isfinite(value).all())


def _value(attribute: Any) -> Any:
    """An attribute's value: numbers, text, or the numbers of a tensor."""
    onnx = library()
    if attribute.type == onnx.AttributeProto.TENSOR:
        return array(attribute.t)
    if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
        raise TraceError("it has a graph of its own (a branch or a loop): export the model without it")
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if attribute.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS, onnx.AttributeProto.STRINGS):
        return [part.decode(errors="replace") if isinstance(part, bytes) else part for part in value]
    return value


def _makes_whole(node: Any, whole: set[str], results: Sequence[Any]) -> bool:
    """Whether a node's results are whole numbers: those of whole numbers are, unless they are made real."""
    if node.op_type in ("Cast", "Constant", "Shape", "Size", "Range", "ConstantOfShape"):
        kinds = {getattr(result, "dtype", np.dtype(np.float64)).kind for result in results}
        to = next((a.i for a in node.attribute if a.name == "to"), None)
        if to is not None:
            return np.dtype(library().helper.tensor_dtype_to_np_dtype(to)).kind in "biu"
        return kinds <= set("biu")
    if node.op_type in ("Gather", "Where", "OneHot"):
        return node.input[{"Gather": 0, "Where": 1, "OneHot": 2}[node.op_type]] in whole
    return all(name in whole for name in node.input if name)
