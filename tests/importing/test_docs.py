"""docs/importing.md lists the operators that are known, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import pcneuro as pcn
from pcneuro.importing.aten import ATEN
from pcneuro.importing.onnx_operators import ONNX
from tests.extras import with_torch

TEXT = (Path(__file__).parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")
PYTORCH, OF_ONNX = TEXT.split("## ONNX")


def listed(text):
    """Names in the table of a section, by row."""
    return {name for row in re.findall(r"^\| [^|]*\| `([^`]*)` \|$", text, flags=re.MULTILINE) for name in row.split()}


def test_operators_of_pytorch_are_listed():
    """Those that begin with _ are how PyTorch writes others down."""
    known = {name for name in ATEN.functions if not name.startswith("_")}
    refused = {"detach", "nan_to_num", "native_batch_norm", "native_dropout"}
    assert listed(PYTORCH) == known - refused
    assert all(f"`{name}`" in PYTORCH for name in refused)


def test_operators_of_onnx_are_listed():
    assert listed(OF_ONNX) == set(ONNX.functions)


EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize("example", [pytest.param(EXAMPLES[0], marks=with_torch), EXAMPLES[1]], ids=["torch", "onnx"])
def test_example_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(np.ones((3, 2), dtype=np.float32), "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "model.onnx")
    rng = np.random.default_rng(0)
    exec(example, {"pcn": pcn, "X": rng.normal(size=(1, 3)), "Y": rng.normal(size=(1, 2))})
