"""ONNX models as graphs: values of operators are those of ONNX's own reference."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

import pcneuro as pcn
from pcneuro import importing
from tests.importing.onnx_for_tests import FLOAT, INT64, X, agree, drawn, model_of, node, written

ONE = (
    "Abs Acos Acosh Asin Asinh Atan Atanh Celu Cos Cosh Elu Erf Exp HardSigmoid HardSwish Identity LeakyRelu Log Neg "
    "Reciprocal Relu Selu Sigmoid Sin Sinh Softplus Softsign Sqrt Tan Tanh"
).split()


class TestElementwise:
    @pytest.mark.parametrize("operator", ONE)
    def test_functions_of_one(self, tmp_path, operator):
        x = np.abs(drawn(2, 3, 4)) / 4 + 0.05 + (operator == "Acosh")
        agree(tmp_path, model_of([node(operator, "x")], X, ["y"]), {"x": x})
        if operator not in ("Acosh", "Log", "Sqrt"):
            agree(tmp_path, model_of([node(operator, "x")], X, ["y"]), {"x": np.clip(drawn(2, 3, 4) / 3, -0.9, 0.9)})

    @pytest.mark.parametrize(("operator", "opset"), [("Mish", 18), ("Gelu", 20)])
    def test_later_functions(self, tmp_path, operator, opset):
        agree(tmp_path, model_of([node(operator, "x")], X, ["y"], opset=opset), {"x": drawn(2, 3, 4)})
        if operator == "Gelu":
            by_tanh = node(operator, "x", approximate="tanh")
            agree(tmp_path, model_of([by_tanh], X, ["y"], opset=opset), {"x": drawn(2, 3, 4)})

    @pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean", "PRelu"])
    def test_functions_of_two(self, tmp_path, operator):
        w = np.abs(drawn(3, 1, seed=1)) + 0.5
        agree(tmp_path, model_of([node(operator, "x,w")], X, ["y"], {"w": w}), {"x": drawn(2, 3, 4)})

    def test_powers_and_bounds(self, tmp_path):
        nodes = [
            node("Pow", "x,two", "p"),
            node("Clip", "p,,high", "c"),
            node("Clip", "x,zero,high", "d"),
            node("Add", "c,d"),
        ]
        stored = {"two": np.float32(2), "high": np.float32(0.7), "zero": np.float32(0)}
        agree(tmp_path, model_of(nodes, X, ["y"], stored), {"x": drawn(2, 3, 4)})


LAYERS = {
    "gemm": (node("Gemm", "x,w,b", alpha=0.5, beta=2.0), ["n", 4], {"w": drawn(4, 3), "b": drawn(3)}),
    "gemm, transposed": (node("Gemm", "x,w,b", transB=1), ["n", 4], {"w": drawn(3, 4), "b": drawn(3)}),
    "matmul": (node("MatMul", "x,w"), ["n", 3, 4], {"w": drawn(4, 5)}),
    "conv1d": (node("Conv", "x,w,b", strides=[2], pads=[1, 2]), ["n", 2, 7], {"w": drawn(3, 2, 3), "b": drawn(3)}),
    "conv2d": (
        node("Conv", "x,w", group=2, dilations=[1, 2], pads=[1, 0, 0, 1]),
        ["n", 4, 6, 7],
        {"w": drawn(6, 2, 3, 2)},
    ),
    "conv2d, same": (
        node("Conv", "x,w", auto_pad="SAME_UPPER", strides=[2, 2]),
        ["n", 1, 5, 6],
        {"w": drawn(2, 1, 3, 3)},
    ),
    "conv2d, same lower": (node("Conv", "x,w", auto_pad="SAME_LOWER"), ["n", 1, 5, 6], {"w": drawn(2, 1, 2, 2)}),
    "transposed conv": (
        node("ConvTranspose", "x,w,b", strides=[2, 1], pads=[1, 0, 1, 0], output_padding=[1, 0]),
        ["n", 2, 4, 3],
        {"w": drawn(2, 3, 3, 2), "b": drawn(3)},
    ),
    "max pool": (node("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 0]), ["n", 2, 6, 5], {}),
    "max pool rounded up": (node("MaxPool", "x", kernel_shape=[2], strides=[2], ceil_mode=1), ["n", 2, 7], {}),
    "average pool": (node("AveragePool", "x", kernel_shape=[2, 2], pads=[1, 1, 0, 0]), ["n", 2, 4, 5], {}),
    "average pool with padding": (
        node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], count_include_pad=1),
        ["n", 1, 5, 5],
        {},
    ),
    "global pools": (node("GlobalAveragePool", "x"), ["n", 3, 4, 5], {}),
    "global max": (node("GlobalMaxPool", "x"), ["n", 3, 4, 5], {}),
    "batch norm": (
        node("BatchNormalization", "x,s,b,m,v", epsilon=0.01),
        ["n", 3, 4],
        {"s": drawn(3), "b": drawn(3, seed=1), "m": drawn(3, seed=2), "v": np.abs(drawn(3, seed=3)) + 0.1},
    ),
    "layer norm": (node("LayerNormalization", "x,s,b"), ["n", 3, 4], {"s": drawn(4), "b": drawn(4, seed=1)}),
    "instance norm": (node("InstanceNormalization", "x,s,b"), ["n", 3, 5], {"s": drawn(3), "b": drawn(3, seed=1)}),
    "response norm": (node("LRN", "x", size=3, alpha=0.3), ["n", 4, 3, 2], {}),
    "softmax": (node("Softmax", "x", axis=1), ["n", 3, 4], {}),
    "log softmax": (node("LogSoftmax", "x"), ["n", 3, 4], {}),
    "einsum": (node("Einsum", "x,w", equation="bij,jk->bki"), ["n", 3, 4], {"w": drawn(4, 2)}),
}


class TestLayers:
    @pytest.mark.parametrize("name", LAYERS)
    def test_layer(self, tmp_path, name):
        layer, shape, stored = LAYERS[name]
        # As many samples as channels: the reference takes the one for the other in a response norm.
        imported = agree(tmp_path, model_of([layer], {"x": shape}, ["y"], stored), {"x": drawn(4, *shape[1:], seed=9)})
        constants = {"m", "v"}
        assert set(imported.parameters.values()) == set(stored) - constants

    @pytest.mark.parametrize(("opset", "size"), [(18, 2), (21, 4)])
    def test_group_norm(self, tmp_path, opset, size):
        """Whose gains are by group at first, and by channel later."""
        layer = node("GroupNormalization", "x,s,b", num_groups=2)
        stored = {"s": drawn(size), "b": drawn(size, seed=1)}
        imported = importing.onnx(written(tmp_path, model_of([layer], {"x": [1, 4, 3]}, ["y"], stored, opset=opset)))
        x = drawn(1, 4, 3, seed=2).astype(np.float64)
        grouped = x.reshape(2, 6)
        normal = (grouped - grouped.mean(1, keepdims=True)) / np.sqrt(grouped.var(1, keepdims=True) + 1e-5)
        gain, bias = (np.repeat(stored[n], 4 // size)[:, None] for n in "sb")
        result = pcn.backprop(imported.graph, {"x": x}, {})
        np.testing.assert_allclose(result.values["y"][0], normal.reshape(4, 3) * gain + bias, rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize(("operator", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
    @pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
    def test_recurrent_layer(self, tmp_path, operator, gates, direction):
        """Time comes first; states at the beginning are given."""
        ways, units, features = 1 + (direction == "bidirectional"), 3, 2
        settings = {"hidden_size": units, "direction": direction}
        if operator == "GRU":
            settings["linear_before_reset"] = 1
        inputs, states = "x,w,r,b,,h", {"h": drawn(ways, 2, units, seed=4)}
        if operator == "LSTM":
            inputs, states = inputs + ",c", states | {"c": drawn(ways, 2, units, seed=5)}
        stored = {
            "w": drawn(ways, gates * units, features),
            "r": drawn(ways, gates * units, units, seed=1),
            "b": drawn(ways, 2 * gates * units, seed=2),
        }
        if direction != "forward":
            # The reference evaluator knows one direction only: it is held against that, below.
            return self._backwards(tmp_path, operator, inputs, states, stored, settings)
        model = model_of(
            [node(operator, inputs, "y,end", **settings)],
            {"x": [5, "n", features]} | {name: [ways, "n", units] for name in states},
            ["y", "end"],
            stored,
        )
        agree(tmp_path, model, {"x": drawn(5, 2, features, seed=3), **states}, batch_axis=1)

    def _backwards(self, tmp_path, operator, inputs, states, stored, settings):
        """Backwards over x is forwards over x turned round, and the outputs turned back."""
        x, ways = drawn(5, 2, 2, seed=3), len(stored["w"])
        model = model_of(
            [node(operator, inputs, "y", **settings)],
            {"x": [5, "n", 2]} | {name: [ways, "n", 3] for name in states},
            ["y"],
            stored,
        )
        imported = importing.onnx(written(tmp_path, model), batch_axis=1)
        data = {"x": x, **states}
        result = pcn.backprop(imported.graph, {n: np.moveaxis(a, 1, 0).astype(float) for n, a in data.items()}, {})
        got = result.values["y"]  # (batch, time, ways, units)
        forward = model_of(
            [node(operator, inputs, "y", **settings | {"direction": "forward"})],
            {"x": [5, "n", 2]} | {name: [1, "n", 3] for name in states},
            ["y"],
            {name: array[-1:] for name, array in stored.items()},
        )
        turned = {"x": x[::-1].copy(), **{name: array[-1:] for name, array in states.items()}}
        (expected,) = ReferenceEvaluator(forward).run(None, turned)
        np.testing.assert_allclose(got[:, :, -1], np.moveaxis(expected[::-1, 0], 1, 0), rtol=0, atol=1e-5)

    def test_reset_before(self, tmp_path):
        """The other form of a GRU, which is ONNX's default."""
        stored = {"w": drawn(1, 9, 2), "r": drawn(1, 9, 3, seed=1), "b": drawn(1, 18, seed=2)}
        model = model_of([node("GRU", "x,w,r,b", "y", hidden_size=3)], {"x": [4, "n", 2]}, ["y"], stored)
        agree(tmp_path, model, {"x": drawn(4, 2, 2, seed=3)}, batch_axis=1)

    def test_embedding(self, tmp_path):
        """A table is read by tokens; what is taken by constants is moved."""
        nodes = [node("Gather", "table,x", "e"), node("Gather", "e,first", axis=1)]
        stored = {"table": drawn(5, 3), "first": np.array([0, 2])}
        model = model_of(nodes, {"x": (INT64, ["n", 4])}, ["y"], stored)
        imported = agree(tmp_path, model, {"x": np.array([[0, 4, 1, 1], [2, 2, 3, 0]])})
        assert list(imported.parameters.values()) == ["table"]


def shape_model(nodes, **stored):
    """Nodes, and what they read beside x."""
    return nodes, {name: np.asarray(array) for name, array in stored.items()}


SHAPES = {
    "reshape": shape_model([node("Reshape", "x,s")], s=[0, -1, 2]),
    "flatten": shape_model([node("Flatten", "x")]),
    "transpose": shape_model([node("Transpose", "x", perm=[0, 2, 1])]),
    "squeeze": shape_model([node("Unsqueeze", "x,a", "u"), node("Squeeze", "u,a")], a=[1]),
    "concat": shape_model([node("Neg", "x", "z"), node("Concat", "x,z", axis=2)]),
    "split": shape_model([node("Split", "x,s", "a,b", axis=2), node("Concat", "b,a", axis=-1)], s=[1, 3]),
    "slice": shape_model([node("Slice", "x,a,b,c,d")], a=[0, -1], b=[2, -(2**62)], c=[1, 2], d=[1, -2]),
    "gather": shape_model([node("Gather", "x,i", axis=2)], i=[[0, -1], [1, 2]]),
    "expand": shape_model([node("Unsqueeze", "x,a", "u"), node("Expand", "u,s")], a=[1], s=[1, 2, 1, 1]),
    "tile": shape_model([node("Tile", "x,s")], s=[1, 2, 1]),
    "pad": shape_model([node("Pad", "x,p,v")], p=[0, 1, 0, 0, 0, 2], v=np.float32(0.5)),
    "pad by reflection": shape_model([node("Pad", "x,p", mode="reflect")], p=[0, 1, 0, 0, 0, 2]),
    "triangle": shape_model([node("Trilu", "x,k", upper=0)], k=np.int64(1)),
    "shape": shape_model(
        [
            node("Shape", "x", "s"),
            node("Gather", "s,zero", "n"),
            node("Concat", "n,rest", "t", axis=0),
            node("Reshape", "x,t"),
        ],
        zero=[0],
        rest=[4, 3],
    ),
    "constants": shape_model(
        [
            node("Shape", "x", "s", start=1),
            node("ConstantOfShape", "s", "c", value=numpy_helper.from_array(np.array([2.0], dtype=np.float32))),
            node("Range", "zero,four,one", "r"),
            node("Cast", "r", "f", to=FLOAT),
            node("Mul", "x,c", "m"),
            node("Add", "m,f"),
        ],
        zero=np.int64(0),
        four=np.int64(4),
        one=np.int64(1),
    ),
    "resize": shape_model(
        [node("Unsqueeze", "x,a", "u"), node("Resize", "u,,s", mode="linear")], a=[1], s=np.float32([1, 1, 2, 1.5])
    ),
    "resize to the nearest": shape_model(
        [
            node("Unsqueeze", "x,a", "u"),
            node(
                "Resize",
                "u,,s",
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            ),
        ],
        a=[1],
        s=np.float32([1, 1, 2, 2]),
    ),
    "depth to space": shape_model(
        [node("Reshape", "x,t", "u"), node("DepthToSpace", "u", blocksize=2)], t=[-1, 12, 1, 1]
    ),
    "sums": shape_model([node("ReduceSum", "x,a", keepdims=0)], a=[1]),
    "means": shape_model([node("ReduceMean", "x", axes=[-1])]),
    "products": shape_model([node("ReduceProd", "x", axes=[1, 2])]),
    "norms": shape_model([node("ReduceL2", "x", axes=[1], keepdims=0)]),
    "sums of squares": shape_model([node("ReduceSumSquare", "x", axes=[2])]),
    "running sums": shape_model([node("CumSum", "x,a", reverse=1)], a=np.int64(1)),
}


class TestShapes:
    @pytest.mark.parametrize("name", SHAPES)
    def test_shape(self, tmp_path, name):
        nodes, stored = SHAPES[name]
        agree(tmp_path, model_of(nodes, X, ["y"], stored), {"x": drawn(2, 3, 4)})

    def test_single_units_by_their_numbers(self, tmp_path):
        """Which are constants, of one sample."""
        numbers = np.array([[[1], [0], [3]]])
        model = model_of([node("GatherElements", "x,i", axis=2)], {"x": [1, 3, 4]}, ["y"], {"i": numbers})
        agree(tmp_path, model, {"x": drawn(1, 3, 4)})

    def test_axes_as_inputs(self, tmp_path):
        """Of reductions since version 18."""
        model = model_of([node("ReduceMean", "x,a")], X, ["y"], {"a": np.array([2])}, opset=18)
        agree(tmp_path, model, {"x": drawn(2, 3, 4)})
