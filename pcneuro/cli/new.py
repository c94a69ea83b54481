"""The command ``pcneuro new``: a folder to start from, with a circuit, a simulation of it, and what to change first."""

from __future__ import annotations

from pathlib import Path

from pcneuro.cli.codes import SUCCESS
from pcneuro.errors import OutputError
from pcneuro.files import write_folder

CIRCUIT = '''"""A circuit of your own: a NumPy function of one sample, and the weights that it begins with."""

import numpy as np

import pcneuro as pcn


def network(hidden: int = 8, seed: int = 0) -> pcn.Circuit:
    """Four numbers in, two out, and ``hidden`` units between them."""

    def forward(x, W1, W2):
        h = pcn.vertex(np.tanh(x @ W1), "h")  # each vertex gets value neurons and error neurons
        return pcn.vertex(h @ W2, "out")

    rng = np.random.default_rng(seed)
    graph = pcn.trace(
        forward,
        x=pcn.Input((4,)),
        W1=pcn.Parameter(rng.normal(0, 0.5, (4, hidden))),
        W2=pcn.Parameter(rng.normal(0, 0.5, (hidden, 2))),
    )
    return pcn.build_circuit(graph, tau=10.0)  # ms
'''
SIMULATION = """# What is done with the circuit; all keys: docs/simulations.md.
description = "A first run of a circuit of my own"
task = "run"
circuit = "circuit.py:network"
duration = 200.0 # ms
samples = 8

[arguments] # of the function in circuit.py
hidden = 8

[inputs]
x = {kind = "normal"}

[targets]
out = {kind = "normal"}

[[record]]
vertex = "h"
variable = "error"
every = 2.0 # ms
"""
README = """# {name}

A predictive-coding circuit and a simulation of it. In this folder:

    pcneuro run simulation.toml

prints how it ended and writes numbers, time courses and figures into `results/simulation`.

## What to change first

- `circuit.py`: the function `forward` is the model, in NumPy, for one sample. What shall have neurons gets a
  name: `pcn.vertex(..., "name")`.
- `simulation.toml`: `[inputs]` and `[targets]` (your own arrays: `{{kind = "file", path = "x.npy"}}`), `duration`,
  and what is recorded. Or try a value at once: `pcneuro run simulation.toml --set arguments.hidden=20`.
- `task = "training"` with `[dataset]` learns from a data set; `pcneuro examples list` has such files, and
  `pcneuro examples copy NAME` copies one.
- A table `[sweep]` runs it for several values: `"arguments.hidden" = [4, 8, 16]`.

`pcneuro show circuit.py:network` prints the circuit, with `--draw circuit.png` as a picture.
"""


def new(folder: Path) -> int:
    """Write a folder to start from; returns the exit code. Raises OutputError where there is something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists already, and is not empty: choose another name")
    texts = {
        "circuit.py": CIRCUIT,
        "simulation.toml": SIMULATION,
        "README.md": README.format(name=folder.resolve().name),
    }
    contents = {name: text.encode() for name, text in texts.items()}
    for path in write_folder(folder, contents, overwrite=False):
        print(path)
    print(f"to run it: cd {folder} && pcneuro run simulation.toml")
    return SUCCESS
