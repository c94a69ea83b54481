"""Whole ONNX models as graphs: names, batches, parameters that go back into the file, and what is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

import pcneuro as pcn
from pcneuro import importing
from pcneuro.errors import (
    OutputError,
    ParameterError,
    UnknownNameError,
)
from tests.importing.onnx_for_tests import X, agree, drawn, model_of, node, rng, written


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
