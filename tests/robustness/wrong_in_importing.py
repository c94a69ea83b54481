"""Wrong values for the arguments of what makes graphs of ONNX files."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pcneuro import importing
from tests.robustness.wrong_calls import Row
from tests.robustness.wrong_values import Value, flags, mappings, objects, paths, whole_numbers


@cache
def file() -> Path:
    """A model whose input has axes (samples, t, 2), and that multiplies by w."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [value("x", TensorProto.FLOAT, ["n", "t", 2])],
        [value("y", TensorProto.FLOAT, ["n", "t", 3])],
        [numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "w")],
    )
    path = Path(tempfile.mkdtemp()) / "model.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    return path


def imported(path: Any = None, **settings: Any) -> Any:
    """Shapes of a graph's vertices, and names of its parameters."""
    model = importing.onnx(file() if path is None else path, **({"sizes": {"t": 3}} | settings))
    return {name: node.shape for name, node in model.graph.nodes.items()}, dict(model.parameters)


def saved(**changes: Any) -> Any:
    """The parameters that are in a file."""
    model = importing.onnx(file(), sizes={"t": 3})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.onnx"
        model.save(**({"path": path} | changes))
        return numpy_helper.to_array(onnx.load(path).graph.initializer[0])


def chosen() -> list[Value]:
    """What is no list of names."""
    return [value for value in objects("w", none=True) if value.label not in ("none", "None", "list", "tuple")]


ROWS = [
    Row("importing.onnx", "path", file(), [v for v in paths() if v.label != "none"], imported, said="path|ONNX|/|read"),
    Row("importing.onnx", "batch_axis", 0, whole_numbers(0, most=0, none=True), lambda v: imported(batch_axis=v)),
    Row("importing.onnx", "sizes", {"t": 3}, mappings({"t": 3}, "long"), lambda v: imported(sizes=v), said="sizes|'t'"),
    Row("importing.onnx", "parameters", ["w"], chosen(), lambda v: imported(parameters=v)),
    Row("importing.onnx", "length", 3, whole_numbers(3, 1), lambda v: imported(sizes={"t": v}), said="'t'"),
    Row("OnnxModel.save", "overwrite", False, flags(False), lambda v: saved(overwrite=v)),
    Row(
        "OnnxModel.save",
        "parameters",
        {"w": np.ones((2, 3))},
        mappings({"w": np.ones((2, 3))}, "long", none=True),
        lambda v: saved(parameters=v),
        said="parameter|w",
    ),
]
