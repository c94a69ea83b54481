"""The examples of docs/exports.md run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
from tests.circuits_for_tests import mlp

TEXT = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL))
def test_example_runs(example, tmp_path, monkeypatch):
    for library in re.findall(r"import (brian2)", example):
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    exec(example, {"pcn": pcn, "circuit": circuit, "X": rng.normal(size=(1, 3)), "Y": rng.normal(size=(1, 2))})


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "pcneuro" / "export").glob("*.py")))
def test_every_target_is_told(path):
    if path.stem not in ("__init__", "rates", "reference", "script", "targets", "units", "wiring"):
        assert f"pcneuro.export.{path.stem}" in TEXT
