"""Draws the pictures of docs/circuits.md into this folder, from the project's: python -m docs.figures.circuits.draw

What is unrolled over time is drawn over few steps: its wires are the same at all times.
"""

from pathlib import Path

import matplotlib as mpl

from circuits.alpha_oscillation import alpha_oscillation
from circuits.attention import attention
from circuits.autoencoder import autoencoder
from circuits.bogacz_tutorial import bogacz_tutorial
from circuits.chain import chain
from circuits.cnn import cnn
from circuits.cortical import cortical
from circuits.dendritic import dendritic
from circuits.kalman import kalman
from circuits.lstm import lstm
from circuits.mlp import mlp
from circuits.oddball import oddball
from circuits.ode import ode
from circuits.online_digits import online_digits
from circuits.pc_graph import pc_graph
from circuits.prediction_error_neurons import prediction_error_neurons
from circuits.prospective_configuration import prospective_configuration
from circuits.rao_ballard import rao_ballard
from circuits.relaxing_constraints import relaxing_constraints
from circuits.rnn import rnn
from circuits.sampling import sampling
from circuits.scalar_graph import scalar_graph
from circuits.transformer import transformer

mpl.use("Agg")

CIRCUITS = {
    "alpha_oscillation": alpha_oscillation(),
    "attention": attention(),
    "autoencoder": autoencoder(),
    "bogacz_tutorial": bogacz_tutorial(),
    "chain": chain(),
    "cnn": cnn(),
    "cortical": cortical(),
    "dendritic": dendritic(hidden=5),
    "kalman": kalman(),
    "lstm": lstm(length=2),
    "mlp": mlp(),
    "oddball": oddball(),
    "ode": ode(steps=2),
    "online_digits": online_digits(),
    "pc_graph": pc_graph(),
    "prediction_error_neurons": prediction_error_neurons(),
    "prospective_configuration": prospective_configuration(),
    "rao_ballard": rao_ballard(),
    "relaxing_constraints": relaxing_constraints(),
    "rnn": rnn(length=4),
    "sampling": sampling(),
    "scalar_graph": scalar_graph(),
    "transformer": transformer(),
}

for name, circuit in CIRCUITS.items():
    circuit.draw().figure.savefig(Path(__file__).with_name(f"{name}.png"), dpi=130)
