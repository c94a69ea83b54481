"""Small ONNX models for tests, and how they are held against the reference of ONNX."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import pcneuro as pcn
from pcneuro import importing

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
