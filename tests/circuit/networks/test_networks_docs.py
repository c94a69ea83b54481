"""What the documentation says of networks runs, and lists what nodes and edges may have."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

import pcneuro as pcn
from pcneuro.circuit.networks.attributes import EDGE, NODE

DOCS = Path(__file__).parents[3] / "docs"
NETWORKS = (DOCS / "importing.md").read_text(encoding="utf-8").partition("## Networks")[2]
GRAPHS = (
    (DOCS / "cortex.md").read_text(encoding="utf-8").partition("## Predictive-coding graphs")[2].partition("\n## ")[0]
)


def run(text):
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names = {"pcn": pcn}
    exec(example, names)
    return names


def test_examples_run(capsys):
    assert set(run(NETWORKS)["result"].values) == {"E", "I"}
    for name in "bc":
        np.testing.assert_allclose(run(GRAPHS)["settled"].values[name], 2 / 3, rtol=1e-6)


def test_all_attributes_are_listed():
    nodes, edges = (NETWORKS.partition(f"| of {what} | |")[2].partition("\n\n")[0] for what in ("a node", "an edge"))
    for text, known in ((nodes, NODE), (edges, EDGE)):
        first = {name for row in text.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
        assert first == set(known)
