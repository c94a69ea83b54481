"""ONNX models as graphs: values are those of ONNX's own reference, and parameters go back into the file."""

from __future__ import annotations

import contextlib
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import pcneuro as pcn
from pcneuro import importing
from pcneuro.errors import (
    CapacityError,
    MissingExtraError,
    ModelFileError,
    OutputError,
    ParameterError,
    PcneuroError,
    ShapeError,
    TraceError,
    UnknownNameError,
)
from pcneuro.importing import onnx_program
from pcneuro.importing.onnx_operators import table

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def rng(seed=0):
    return np.random.default_rng(seed)


def model_of(nodes, inputs, outputs, stored=None, opset=17):
    """A model of nodes, with inputs by name as shapes or (type, shape), outputs by name, and stored arrays."""

    def value(name, spec):
        kind, shape = spec if isinstance(spec, tuple) else (FLOAT, spec)
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        nodes,
        "g",
        [value(name, spec) for name, spec in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (stored or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(operator, inputs, outputs="y", **attributes):
    return helper.make_node(operator, inputs.split(","), outputs.split(","), name=f"{operator}_0", **attributes)


def written(tmp_path, model):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def agree(tmp_path, model, data, tolerance=1e-5, **settings):
    """Import a model and hold its graph's values for each sample against the reference; returns what was imported."""
    imported = importing.onnx(written(tmp_path, model), **settings)
    expected = dict(zip([v.name for v in model.graph.output], ReferenceEvaluator(model).run(None, data), strict=True))
    inputs = {imported.inputs[name]: np.asarray(x, dtype=np.float64) for name, x in data.items()}
    if settings.get("batch_axis", 0) is None:
        inputs = {name: x[None] for name, x in inputs.items()}
        expected = {name: y[None] for name, y in expected.items()}
    elif settings.get("batch_axis"):
        inputs = {name: np.moveaxis(x, settings["batch_axis"], 0) for name, x in inputs.items()}
    result = pcn.backprop(imported.graph, inputs, {})
    for (name, y), output in zip(expected.items(), imported.graph.outputs.values(), strict=True):
        got = result.values[output.name]
        if settings.get("batch_axis"):
            y = np.moveaxis(y, y.shape.index(len(got)), 0)
        scale = max(1.0, float(np.abs(y[np.isfinite(y)]).max(initial=0)))
        np.testing.assert_allclose(np.broadcast_to(got, y.shape), y, rtol=0, atol=tolerance * scale, err_msg=name)
    return imported


def drawn(*shape, seed=0):
    return rng(seed).normal(size=shape).astype(np.float32)


X = {"x": ["n", 3, 4]}

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


class TestModels:
    def network(self, tmp_path, batch="n"):
        """A convolutional network: its layers have names, its statistics do not learn."""
        nodes = [
            node("Conv", "image,conv.w,conv.b", "c", pads=[1, 1, 1, 1]),
            node("BatchNormalization", "c,bn.s,bn.b,bn.m,bn.v", "n"),
            node("Relu", "n", "r"),
            node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
            node("Flatten", "p", "f"),
            node("Gemm", "f,head.w,head.b", "logits", transB=1),
        ]
        stored = {
            "conv.w": drawn(3, 1, 3, 3),
            "conv.b": drawn(3),
            "bn.s": drawn(3, seed=1),
            "bn.b": drawn(3, seed=2),
            "bn.m": drawn(3, seed=3),
            "bn.v": np.abs(drawn(3, seed=4)) + 0.5,
            "head.w": drawn(2, 12),
            "head.b": drawn(2),
        }
        return model_of(nodes, {"image": [batch, 1, 4, 4]}, ["logits"], stored)

    @pytest.mark.parametrize("batch", ["n", 1])
    def test_network(self, tmp_path, batch):
        model = self.network(tmp_path, batch)
        imported = agree(tmp_path, model, {"image": drawn(1, 1, 4, 4, seed=7)})
        assert imported.inputs == {"image": "image"}
        names = ["conv.w", "conv.b", "bn.s", "bn.b", "head.w", "head.b"]
        assert imported.parameters == {name.replace(".", "_"): name for name in names}
        assert imported.graph.inputs["image"].shape == (1, 4, 4)

    def test_gradients(self, tmp_path):
        """By central differences of the reference, in double precision."""
        model = self.network(tmp_path)
        x, target = drawn(2, 1, 4, 4, seed=7).astype(np.float64), rng(8).normal(size=(2, 2))
        imported = importing.onnx(written(tmp_path, model))
        result = pcn.backprop(imported.graph, {"image": x}, {"logits": target})

        def loss(name, values):
            parameters = {name: values}
            double = ReferenceEvaluator(_in_double(imported.model(parameters), imported.parameters[name], values))
            return 0.5 * ((double.run(None, {"image": x})[0] - target) ** 2).sum()

        step = 1e-6
        for name, gradient in result.gradients.items():
            values = np.array(imported.graph.parameters[name].source.value, dtype=np.float64)
            place = tuple(rng(3).integers(0, n) for n in values.shape)
            more, less = values.copy(), values.copy()
            more[place] += step
            less[place] -= step
            expected = (loss(name, more) - loss(name, less)) / (2 * step)
            np.testing.assert_allclose(gradient[place], expected, rtol=1e-6, atol=1e-7, err_msg=name)

    def test_simulation_and_the_way_back(self, tmp_path):
        """What a circuit at rest learns is in the file that is written."""
        model = self.network(tmp_path)
        imported = importing.onnx(written(tmp_path, model))
        circuit = pcn.build_circuit(imported.graph)
        x, target = drawn(2, 1, 4, 4, seed=7), rng(8).normal(size=(2, 2))
        expected = pcn.backprop(circuit, {"image": x}, {"logits": target}).gradients
        sim = pcn.Simulator(circuit, schedule=pcn.FastForward())
        gradients = sim.run(10_000.0, inputs={"image": x}, targets={"logits": target}).gradients
        for name, gradient in expected.items():
            np.testing.assert_allclose(gradients[name], gradient, rtol=0, atol=1e-5 * max(1, np.abs(gradient).max()))
        learned = {name: value - 0.1 * gradients[name] for name, value in circuit.parameters.items()}
        imported.save(tmp_path / "learned.onnx", learned)
        again = importing.onnx(tmp_path / "learned.onnx")
        for name, value in learned.items():
            np.testing.assert_allclose(again.graph.parameters[name].source.value, value, rtol=1e-6)
        (y,) = ReferenceEvaluator(onnx.load(tmp_path / "learned.onnx")).run(None, {"image": x})
        outputs = pcn.backprop(again.graph, {"image": x}, {}).values["logits"]
        np.testing.assert_allclose(outputs, y, rtol=1e-5, atol=1e-5)
        with pytest.raises(OutputError, match="exists already"):
            imported.save(tmp_path / "learned.onnx")

    def test_attention(self, tmp_path):
        """With a causal mask of -inf, which is a constant."""
        mask = np.triu(np.full((3, 3), -np.inf, dtype=np.float32), 1)
        nodes = [
            node("MatMul", "x,q", "a"),
            node("MatMul", "x,k", "b"),
            node("Transpose", "b", "t", perm=[0, 2, 1]),
            node("MatMul", "a,t", "s"),
            node("Mul", "s,scale", "u"),
            node("Add", "u,mask", "m"),
            node("Softmax", "m", "p"),
            node("MatMul", "p,x"),
        ]
        stored = {"q": drawn(4, 4), "k": drawn(4, 4, seed=1), "scale": np.float32(0.5), "mask": mask}
        imported = agree(tmp_path, model_of(nodes, X, ["y"], stored), {"x": drawn(2, 3, 4)})
        assert list(imported.parameters.values()) == ["q", "k"]

    def test_settings(self, tmp_path):
        """Lengths that have a name, parameters of one's choice, and no axis of samples."""
        model = model_of(
            [node("MatMul", "x,w", "z"), node("Mul", "z,g")], {"x": ["t", 4]}, ["y"], {"w": drawn(4, 2), "g": drawn(2)}
        )
        imported = agree(tmp_path, model, {"x": drawn(3, 4)}, batch_axis=None, sizes={"t": 3}, parameters=["w"])
        assert list(imported.parameters.values()) == ["w"]
        with pytest.raises(ParameterError, match="sizes"):
            importing.onnx(tmp_path / "model.onnx", batch_axis=None)
        with pytest.raises(UnknownNameError, match="v"):
            importing.onnx(tmp_path / "model.onnx", parameters=["v"])

    @pytest.mark.parametrize("opset", range(13, 23))
    def test_versions(self, tmp_path, opset):
        nodes = [node("Gemm", "x,w,b", "h"), node("Relu", "h", "r"), node("Softmax", "r")]
        stored = {"w": drawn(4, 3), "b": drawn(3)}
        agree(tmp_path, model_of(nodes, {"x": ["n", 4]}, ["y"], stored, opset=opset), {"x": drawn(2, 4)})


def _in_double(model, name, values):
    """The model with all its numbers in double precision, and one parameter with values that are not rounded."""
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32:
            exact = values if tensor.name == name else array.astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(exact, tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    return model


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
