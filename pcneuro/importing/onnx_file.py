"""ONNX files, which are not trusted: nothing of them runs, and sizes are checked against the bytes that are there."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from pcneuro.errors import MissingExtraError, ModelFileError, shown, told
from pcneuro.files.reading import open_regular
from pcneuro.files.writing import path_of

OLDEST, NEWEST = 13, 22
"""Versions of ONNX's operators that are read."""

OWN = ("", "ai.onnx")
"""Domains of ONNX's own operators."""

MOST_AXES = 32
"""Of an array, as NumPy of any version has them."""

MOST_BYTES = 2**31
"""Of a file: what the format itself can hold."""


def library() -> Any:
    """ONNX. Raises MissingExtraError with the command that installs it."""
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError(
            f"ONNX files need its library ({error}): python -m pip install 'pcneuro[importing]'"
        ) from None
    return onnx


def read(path: str | os.PathLike[str]) -> Any:
    """The model in a file. Raises ModelFileError where that is damaged, too old or new, or keeps weights elsewhere."""
    onnx = library()
    where = path_of(path, ModelFileError)
    try:
        with open_regular(where) as file:
            size = os.fstat(file.fileno()).st_size
            if size >= MOST_BYTES:
                raise ModelFileError(f"{where} has {size:,} bytes: an ONNX file has less than {MOST_BYTES:,}")
            model = onnx.ModelProto()
            model.ParseFromString(file.read())
    except OSError as error:
        raise ModelFileError(f"the path {told(str(where))} cannot be read: {error.strerror or error}") from None
    except Exception as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{where} is no ONNX file, or is damaged: {shown(str(error))}") from None
    check(model, f"{where}")
    return model


def check(model: Any, where: str) -> None:
    """Raise ModelFileError for a model that is not read."""
    onnx = library()
    if not model.graph.node or not model.graph.output:
        raise ModelFileError(f"{where} has no graph: it is no ONNX file, or is damaged")
    if not OLDEST <= version(model) <= NEWEST:
        raise ModelFileError(
            f"{where} has operators of version {version(model)}; {OLDEST} to {NEWEST} are read: convert it with "
            "onnx.version_converter"
        )
    if model.graph.sparse_initializer:
        raise ModelFileError(f"{where} has sparse weights: export it with dense ones")
    if any(function.domain in OWN for function in model.functions):
        raise ModelFileError(f"{where} has functions in place of ONNX's own operators: export it without them")
    stored = [tensor.name for tensor in model.graph.initializer]
    made = [name for node in model.graph.node for name in node.output if name]
    # The stored numbers of an input are its default.
    twice = _repeated([*stored, *made]) or _repeated([*(value.name for value in model.graph.input), *made])
    if twice is not None:
        raise ModelFileError(f"{where} has two values of the name {shown(twice)}: the file is damaged")
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ModelFileError(
                f"{where} keeps the weights {shown(tensor.name)} in another file, which is not opened: "
                "onnx.save(onnx.load(path), 'one.onnx') puts them into one"
            )


def _repeated(names: Iterable[str]) -> str | None:
    """The first name that is there twice."""
    known: set[str] = set()
    for name in names:
        if name in known:
            return name
        known.add(name)
    return None


def version(model: Any) -> int:
    """The version of ONNX's own operators that a model uses; 0 where it does not say."""
    return next((int(entry.version) for entry in model.opset_import if entry.domain in OWN), 0)


_STORED = {
    "FLOAT": "float_data",
    "DOUBLE": "double_data",
    "FLOAT16": "int32_data",
    "BFLOAT16": "int32_data",
    "INT8": "int32_data",
    "INT16": "int32_data",
    "INT32": "int32_data",
    "INT64": "int64_data",
    "UINT8": "int32_data",
    "UINT16": "int32_data",
    "UINT32": "uint64_data",
    "UINT64": "uint64_data",
    "BOOL": "int32_data",
}
"""Type of numbers -> the field that has them where they are not bytes."""


def array(tensor: Any) -> np.ndarray:
    """The numbers of a tensor. Raises ModelFileError where they are not as many as its shape says."""
    onnx = library()
    name = shown(tensor.name)
    kinds = {number: text for text, number in onnx.TensorProto.DataType.items()}
    kind = kinds.get(tensor.data_type, str(tensor.data_type))
    if kind not in _STORED:
        raise ModelFileError(f"tensor {name} is of type {kind}: there are {', '.join(_STORED)}")
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ModelFileError(f"tensor {name} is kept in another file, which is not opened")
    shape = tuple(tensor.dims)
    if any(n < 0 for n in shape) or len(shape) > MOST_AXES:
        raise ModelFileError(f"tensor {name} has shape {shape}: the file is damaged")
    itemsize = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
    raw = tensor.HasField("raw_data")
    there = len(tensor.raw_data) / itemsize if raw else len(getattr(tensor, _STORED[kind]))
    if there != math.prod(shape):
        raise ModelFileError(f"tensor {name} has shape {shape} and {there:g} numbers: the file is damaged")
    numbers = onnx.numpy_helper.to_array(tensor)
    return numbers.astype(np.float32) if kind in ("FLOAT16", "BFLOAT16") else numbers
