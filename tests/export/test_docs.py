"""The examples of docs/exports.md run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.export.targets import targets
from tests.circuits_for_tests import mlp
from tests.extras import MARKS

TEXT = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")


def examples():
    """Each with the marks of what it imports."""
    actual = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    assert actual
    for example in actual:
        libraries = re.findall(r"(?:import|pcneuro\.export\.)\s*(\w+)\b", example)
        yield pytest.param(example, marks=[MARKS[name] for name in libraries if name in MARKS])


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("example", list(examples()))
def test_example_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    exec(example, {"pcn": pcn, "circuit": circuit, "X": rng.normal(size=(1, 3)), "Y": rng.normal(size=(1, 2))})


def test_every_target_is_told():
    for name, target in targets().items():
        module = target.__module__.split(".")[2]
        assert name == "reference" or f"pcneuro.export.{module}" in TEXT, name
        assert f"`{name}`" in TEXT or f"--against {name}" in TEXT, name
