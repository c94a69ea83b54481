"""ONNX files that are damaged, hostile or too large: each is refused in a line."""

from __future__ import annotations

import contextlib
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper

from pcneuro import importing
from pcneuro.errors import (
    CapacityError,
    MissingExtraError,
    ModelFileError,
    PcneuroError,
    ShapeError,
    TraceError,
)
from pcneuro.importing import onnx_program
from pcneuro.importing.onnx_operators import table
from tests.importing.onnx_for_tests import FLOAT, INT64, X, drawn, model_of, node, rng, written


def tensor(name, kind, dims, **fields):
    """A tensor that need not be a possible one."""
    made = TensorProto(name=name, data_type=kind, dims=dims)
    for field, value in fields.items():
        if field == "raw_data":
            made.raw_data = value
        else:
            getattr(made, field).extend(value)
    return made


def with_tensor(made):
    model = model_of([node("Add", "x,w")], {"x": ["n", 3]}, ["y"])
    model.graph.initializer.append(made)
    return model


def external():
    made = tensor("w", FLOAT, [3])
    made.data_location = TensorProto.EXTERNAL
    made.external_data.add(key="location", value="../../etc/passwd")
    return with_tensor(made)


def _with_function():
    model = model_of([node("Relu", "x")], X, ["y"])
    model.functions.add(name="Relu", domain="")
    return model


HUGE = 2**40
HOSTILE = {
    "too few numbers": (with_tensor(tensor("w", FLOAT, [HUGE, HUGE], raw_data=b"1234")), ModelFileError, "damaged"),
    "too few in a list": (with_tensor(tensor("w", FLOAT, [3], float_data=[1.0])), ModelFileError, "damaged"),
    "a negative shape": (with_tensor(tensor("w", FLOAT, [-3], float_data=[1.0])), ModelFileError, "damaged"),
    "text": (with_tensor(tensor("w", TensorProto.STRING, [1], string_data=[b"a"])), ModelFileError, "type STRING"),
    "weights elsewhere": (external(), ModelFileError, "another file, which is not opened"),
    "a huge constant": (
        model_of([node("ConstantOfShape", "s", "c"), node("Add", "x,c")], X, ["y"], {"s": np.array([HUGE, HUGE])}),
        CapacityError,
        r"'ConstantOfShape_0' \(ConstantOfShape\).*are the most",
    ),
    "a huge expansion": (
        model_of([node("Expand", "x,s")], X, ["y"], {"s": np.array([HUGE, 1, 1, 1])}),
        CapacityError,
        "Expand",
    ),
    "huge repetition": (
        model_of([node("Tile", "x,s")], X, ["y"], {"s": np.array([1, HUGE, 1])}),
        CapacityError,
        "Tile",
    ),
    "a huge padding": (
        model_of([node("Pad", "x,s")], X, ["y"], {"s": np.array([0, HUGE, 0, 0, 0, 0])}),
        CapacityError,
        "Pad",
    ),
    "huge inputs": (model_of([node("Relu", "x")], {"x": [1, HUGE, 4]}, ["y"]), CapacityError, "'x'.*are the most"),
    "huge pads": (
        model_of([node("Conv", "x,w", pads=[HUGE, 0])], X, ["y"], {"w": np.ones((1, 3, 1), dtype=np.float32)}),
        CapacityError,
        "Conv",
    ),
    "huge strides": (
        model_of([node("ConvTranspose", "x,w", strides=[HUGE])], X, ["y"], {"w": np.ones((3, 1, 1), dtype=np.float32)}),
        CapacityError,
        "ConvTranspose",
    ),
    "a huge outer product": (
        model_of([node("Einsum", "a,a", "c", equation="i,j->ij"), node("Mul", "x,c")], X, ["y"], {"a": np.ones(2**15)}),
        CapacityError,
        "Einsum",
    ),
    "a huge resize": (
        model_of([node("Resize", "x,,s", mode="linear")], X, ["y"], {"s": np.float32([1, 2**30, 1])}),
        CapacityError,
        "Resize",
    ),
    "long work on a constant": (
        model_of(
            [node("Expand", "a,s", "c"), node("MatMul", "c,c", "d"), node("ReduceMean", "d", "m"), node("Add", "x,m")],
            {"x": [1, 1]},
            ["y"],
            {"a": np.ones((1, 1), dtype=np.float32), "s": np.array([6000, 6000])},
        ),
        CapacityError,
        r"'MatMul_0' \(MatMul\): up to this one all nodes take 216,.* are the most",
    ),
    "a long sum of products": (
        model_of(
            [node("Einsum", "a,a,a", "c", equation="i,j,k->"), node("Add", "x,c")], X, ["y"], {"a": np.ones(2**15)}
        ),
        CapacityError,
        "Einsum.*multiplications",
    ),
    "a huge outer product without an arrow": (
        model_of([node("Einsum", "a,a", "c", equation="i,j"), node("Mul", "x,c")], X, ["y"], {"a": np.ones(2**15)}),
        CapacityError,
        "Einsum.*an array",
    ),
    "a long convolution": (
        model_of(
            [node("Expand", "w,s", "k"), node("Conv", "x,k", pads=[2**22, 2**22])],
            X,
            ["y"],
            {"w": np.ones((1, 1, 1), dtype=np.float32), "s": np.array([1, 3, 2**20])},
        ),
        CapacityError,
        "Conv.*multiplications",
    ),
    "large windows": (
        model_of(
            [node("MaxPool", "x", kernel_shape=[2**20], pads=[2**19, 2**20])],
            X,
            ["y"],
        ),
        CapacityError,
        "MaxPool.*multiplications",
    ),
    "many steps of a loop": (
        model_of(
            [
                node("Expand", "a,s", "c"),
                node("MaxPool", "c", "d", kernel_shape=[1]),
                node("ReduceMean", "d", "m"),
                node("Add", "x,m"),
            ],
            X,
            ["y"],
            {"a": np.ones((1, 1, 1), dtype=np.float32), "s": np.array([2**24, 1, 1])},
        ),
        CapacityError,
        "MaxPool.*multiplications",
    ),
    "parts without a name": (
        model_of([node("Split", "x", num_outputs=7, axis=1)], X, ["y"], opset=18),
        TraceError,
        "Split.*into 7 parts and has 1 outputs",
    ),
    "many time steps": (
        model_of(
            [node("Transpose", "x", "t", perm=[1, 0, 2]), node("RNN", "t,w,r", hidden_size=1)],
            {"x": [1, 20_000, 1]},
            ["y"],
            {"w": np.ones((1, 1, 1), dtype=np.float32), "r": np.ones((1, 1, 1), dtype=np.float32)},
        ),
        CapacityError,
        "20,000 time steps",
    ),
    "a huge product": (
        model_of(
            [node("Mul", "a,b", "c"), node("ReduceMean", "c", "m", keepdims=0), node("Add", "x,m")],
            X,
            ["y"],
            {"a": np.ones((2**15, 1), dtype=np.float32), "b": np.ones(2**15, dtype=np.float32)},
        ),
        CapacityError,
        "Mul",
    ),
    "a name twice": (
        model_of([node("Relu", "x"), node("Neg", "x")], X, ["y"]),
        ModelFileError,
        "two values of the name 'y'",
    ),
    "an input that is computed": (
        model_of([node("Relu", "x", "x"), node("Neg", "x")], X, ["y"]),
        ModelFileError,
        "two values of the name 'x'",
    ),
    "an operator of its own": (_with_function(), ModelFileError, "in place of ONNX's own operators"),
    "an input of negative length": (model_of([node("Relu", "x")], {"x": ["n", -3]}, ["y"]), ModelFileError, "'x'"),
    "a hundred axes": (with_tensor(tensor("w", FLOAT, [1] * 100, float_data=[1.0])), ModelFileError, "damaged"),
    "an unknown operator": (model_of([node("Det", "x")], X, ["y"]), TraceError, r"'Det_0' \(Det\).*not known here"),
    "another domain": (
        model_of([helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")], X, ["y"]),
        TraceError,
        "operator of 'com.microsoft'",
    ),
    "an input from nowhere": (model_of([node("Relu", "z")], X, ["y"]), ModelFileError, "'z' is computed by no node"),
    "an output from nowhere": (
        model_of([node("Relu", "x", "z")], X, ["y"]),
        ModelFileError,
        "'y' is computed by no node",
    ),
    "an unknown attribute": (model_of([node("Relu", "x", speed=1)], X, ["y"]), TraceError, "attribute 'speed'"),
    "too many inputs": (model_of([node("Relu", "x,x")], X, ["y"]), TraceError, r"'Relu_0' \(Relu\) does not fit"),
    "axes that are not there": (
        model_of([node("Transpose", "x", perm=[0, 7, 1])], X, ["y"]),
        PcneuroError,
        "Transpose",
    ),
    "old operators": (model_of([node("Relu", "x")], X, ["y"], opset=12), ModelFileError, "version 12; 13 to 22"),
    "new operators": (model_of([node("Relu", "x")], X, ["y"], opset=23), ModelFileError, "version 23; 13 to 22"),
    "batch norm in training mode": (
        model_of(
            [node("BatchNormalization", "x,s,s,s,s", "y,m,v", training_mode=1)],
            X,
            ["y"],
            {"s": np.ones(3, dtype=np.float32)},
        ),
        TraceError,
        "mixes samples.*inference",
    ),
    "a mean over samples": (
        model_of([node("ReduceMean", "x", "m", axes=[0]), node("Sub", "x,m")], X, ["y"]),
        TraceError,
        "mixes samples",
    ),
    "a sum of the samples before": (
        model_of([node("CumSum", "x,axis")], {"x": ["n", 3]}, ["y"], {"axis": np.int64(0)}),
        TraceError,
        "mixes samples",
    ),
    "a loss": (model_of([node("ReduceMean", "x", keepdims=0)], X, ["y"]), TraceError, "no axis of samples"),
    "several samples": (model_of([node("Relu", "x")], {"x": [8, 3]}, ["y"]), ShapeError, "has 8 samples"),
    "numbers only": (model_of([node("Relu", "x")], {"x": []}, ["y"]), ShapeError, "no axis 0"),
    "a shape from the data": (
        model_of([node("Cast", "x", "i", to=INT64), node("Reshape", "x,i")], {"x": ["n", 3]}, ["y"]),
        TraceError,
        "whole numbers of real ones|does not fit",
    ),
}


class TestFilesThatAreNotTrusted:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_refused(self, tmp_path, name):
        """At once and in one line, with no more memory than the file has."""
        model, error, message = HOSTILE[name]
        with pytest.raises(error, match=message) as caught:
            importing.onnx(written(tmp_path, model))
        assert "\n" not in str(caught.value)

    def test_memory_of_all_nodes(self, tmp_path, monkeypatch):
        """Many arrays that are not too large by themselves are, together."""
        monkeypatch.setattr(onnx_program, "MOST_UNITS", 100)
        nodes = [
            node("Mul", "w,w", "z0"),
            *(node("Mul", f"z{k},w", f"z{k + 1}") for k in range(9)),
            node("Add", "x,z9"),
        ]
        model = model_of(nodes, {"x": ["n", 3]}, ["y"], {"w": np.ones(40, dtype=np.float32)})
        with pytest.raises(
            CapacityError, match=r"'Mul_0'.*all results up to this one have 120 units; 100 are the most"
        ):
            importing.onnx(written(tmp_path, model))

    def test_work_of_all_nodes(self, tmp_path, monkeypatch):
        """Products that do not take too long by themselves do, together, and so do reductions; both are counted."""
        monkeypatch.setattr(table, "MOST_WORK", 1000)
        nodes = [*(node("MatMul", f"z{k},z{k}", f"z{k + 1}") for k in range(9)), node("Add", "x,z9")]
        model = model_of(nodes, {"x": ["n", 5]}, ["y"], {"z0": np.ones((5, 5), dtype=np.float32)})
        # Each has 5^3 of them, and reads 2 x 25 units that count for 4.
        with pytest.raises(CapacityError, match=r"'MatMul_0'.*all nodes take 1,175 multiplications; 1,000 are"):
            importing.onnx(written(tmp_path, model))

    def test_damage(self, tmp_path):
        """A byte that is changed, or bytes that are missing, are a model or an error of the package."""
        nodes = [node("Gemm", "x,w,b", "h"), node("Relu", "h")]
        contents = model_of(nodes, {"x": ["n", 4]}, ["y"], {"w": drawn(4, 3), "b": drawn(3)}).SerializeToString()
        path, random = tmp_path / "damaged.onnx", rng(5)
        for k in range(150):
            damaged = bytearray(contents)
            if k % 3:
                damaged[random.integers(len(damaged))] = random.integers(256)
            else:
                del damaged[random.integers(len(damaged)) :]
            path.write_bytes(damaged)
            with contextlib.suppress(PcneuroError):
                importing.onnx(path)

    def test_no_file(self, tmp_path):
        (tmp_path / "text.onnx").write_text("no model")
        for path in (tmp_path / "nothing.onnx", tmp_path, tmp_path / "text.onnx"):
            with pytest.raises(ModelFileError):
                importing.onnx(path)
        with pytest.raises(ModelFileError, match="the path of a file is 3"):
            importing.onnx(3)

    def test_without_the_library(self, tmp_path, monkeypatch):
        """Both are named with the command that installs them."""
        for name, call in (("onnx", lambda: importing.onnx(tmp_path / "m")), ("torch", lambda: importing.torch(0, 0))):
            monkeypatch.setitem(sys.modules, name, None)
            with pytest.raises(MissingExtraError, match=r"pcneuro\[importing\]"):
                call()
