"""Draws the pictures of docs/circuits.md into this folder, from the project's: python -m docs.figures.circuits.draw

What is unrolled over time is drawn over few steps: its wires are the same at all times.
"""

from pathlib import Path

import matplotlib as mpl

from circuits.autoencoder import autoencoder
from circuits.chain import chain
from circuits.cnn import cnn
from circuits.lstm import lstm
from circuits.mlp import mlp
from circuits.ode import ode
from circuits.rnn import rnn
from circuits.scalar_graph import scalar_graph
from circuits.transformer import transformer

mpl.use("Agg")

CIRCUITS = {
    "autoencoder": autoencoder(),
    "chain": chain(),
    "cnn": cnn(),
    "lstm": lstm(length=2),
    "mlp": mlp(),
    "ode": ode(steps=2),
    "rnn": rnn(length=4),
    "scalar_graph": scalar_graph(),
    "transformer": transformer(),
}

for name, circuit in CIRCUITS.items():
    circuit.draw().figure.savefig(Path(__file__).with_name(f"{name}.png"), dpi=130)
