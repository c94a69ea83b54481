"""The examples of docs/time.md run, each with the circuit and the data that its section takes for granted."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import numpy as np
import pandas
import pytest

import pcneuro as pcn
from tests.circuits_for_tests import mlp

matplotlib.use("Agg")
TEXT = (Path(__file__).parents[1] / "docs" / "time.md").read_text(encoding="utf-8")
EXAMPLES = {
    section.partition("\n")[0]: re.findall(r"^```python\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)
}


def one_layer(name: str, size: tuple[int, ...]) -> pcn.Graph:
    """An input of this name and size, h and y, with weights W1 and W2."""
    units = int(np.prod(size))

    def function(x, W1, W2):
        return pcn.vertex(pcn.vertex(np.tanh(x.reshape(-1) @ W1), "h") @ W2, "y")

    weights = {"W1": pcn.Parameter(np.full((units, 3), 1 / units)), "W2": pcn.Parameter(np.eye(3))}
    graph = pcn.trace(function, x=pcn.Input(size), **weights)
    return (
        graph
        if name == "x"
        else pcn.trace(lambda tone, W1, W2: function(tone, W1, W2), tone=pcn.Input(size), **weights)
    )


def given(section: str) -> dict:
    """What a section's examples read that they do not make."""
    if section == "Stimuli":
        return {"simulator": pcn.Simulator(pcn.build_circuit(one_layer("x", (64, 64))))}
    if section == "Perturbations":
        return {"simulator": pcn.Simulator(pcn.build_circuit(mlp((4, 3, 3, 2)))), "X": np.ones(4)}
    if section == "Trials":
        low, high = np.eye(4)[:2]
        simulator = pcn.Simulator(pcn.build_circuit(one_layer("tone", (4,))))
        return {"simulator": simulator, "low": low, "high": high, "pandas": pandas}
    graph = one_layer("x", (4,))
    return {"simulator": pcn.Simulator(pcn.build_circuit(graph)), "graph": graph, "X": np.ones(4), "Y": np.ones(3)}


@pytest.mark.parametrize("section", [section for section, examples in EXAMPLES.items() if examples])
def test_its_examples_run(section, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("movie.npy", np.random.default_rng(0).normal(size=(80, 64, 64)))
    names = {"np": np, "pcn": pcn, **given(section)}
    for example in EXAMPLES[section]:
        exec(compile(example, "docs/time.md", "exec"), names)
    if section == "Trials":
        assert names["trials"].sizes["trial"] == 400
        assert Path("trials.png").is_file()
    if section == "Cycles":
        assert names["result"].values["E"] == pytest.approx(2.0, abs=1e-6)


def test_every_example_is_in_a_section():
    assert sum(map(len, EXAMPLES.values())) == TEXT.count("```python")
