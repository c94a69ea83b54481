"""Small instances of everything in circuits/, and data for them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

import pcneuro as pcn
from circuits.autoencoder import autoencoder
from circuits.chain import chain
from circuits.cnn import cnn
from circuits.cortical import cortical
from circuits.lstm import lstm
from circuits.mlp import mlp
from circuits.ode import ode
from circuits.rnn import rnn
from circuits.scalar_graph import scalar_graph
from circuits.transformer import transformer
from pcneuro.circuit.backprop import BackpropResult

BATCH = 3
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Small:
    """A circuit with what it is given, in a batch; its latents are held where they are not at their prior's mean."""

    circuit: pcn.Circuit
    inputs: Arrays
    targets: Arrays
    latents: Arrays = field(default_factory=dict)

    @property
    def free(self) -> list[str]:
        """Vertices whose errors come from the outputs: all but the latents that are held."""
        return [vertex for vertex in self.circuit.vertices if vertex not in self.latents]

    def backprop(self) -> BackpropResult:
        """The exact gradients."""
        return pcn.backprop(self.circuit, self.inputs, self.targets, latents=self.latents)

    def run(self, duration: float, integrator: pcn.Euler) -> pcn.Result:
        """What the circuit makes of it with fixed predictions."""
        sim = pcn.Simulator(self.circuit, integrator=integrator)
        return sim.run(duration, inputs=self.inputs, targets=self.targets, clamp=self.latents)


def one_hot(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random one-hot rows; the last axis is that of the classes."""
    return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]


def _classifier(circuit: pcn.Circuit, rng: np.random.Generator) -> Small:
    """Random images, or numbers, and classes."""
    (x,), (out,) = circuit.graph.inputs.values(), circuit.graph.outputs.values()
    return Small(circuit, {"x": rng.uniform(size=(BATCH, *x.shape))}, {"out": one_hot(rng, BATCH, *out.shape)})


def _reader(circuit: pcn.Circuit, rng: np.random.Generator) -> Small:
    """Random characters, and characters or classes to predict."""
    (x,), (out,) = circuit.graph.inputs.values(), circuit.graph.outputs.values()
    return Small(circuit, {"x": one_hot(rng, BATCH, *x.shape)}, {"out": one_hot(rng, BATCH, *out.shape)})


def _scalar(rng: np.random.Generator) -> Small:
    return Small(scalar_graph(), {}, {"v4": np.ones(1)})


def _chain(rng: np.random.Generator) -> Small:
    return Small(chain(4), {"x": rng.normal(size=BATCH)}, {"out": rng.normal(size=BATCH)})


def _autoencoder(rng: np.random.Generator) -> Small:
    z, images = rng.normal(size=(BATCH, 3)), rng.uniform(size=(BATCH, 8))
    return Small(autoencoder((3, 5, 8), precision=1.5), {}, {"out": images}, {"z": z})


def _ode(rng: np.random.Generator) -> Small:
    return Small(ode(steps=4), {"start": rng.normal(size=(BATCH, 2))}, {"out": rng.normal(size=(BATCH, 4, 2))})


def _tokens(rng: np.random.Generator) -> Small:
    circuit = rnn(length=6, vocabulary=5, hidden=7, classes=3, embedding=4)
    return Small(circuit, {"x": rng.integers(5, size=(BATCH, 6))}, {"out": one_hot(rng, BATCH, 3)})


MAKERS: Mapping[str, Callable[[np.random.Generator], Small]] = {
    "autoencoder": _autoencoder,
    "chain": _chain,
    "cnn": lambda rng: _classifier(cnn(channels=2, size=12, classes=4, kernel=3, features=(3, 4), hidden=(7, 6)), rng),
    "cortical": lambda rng: _classifier(cortical((6, 5, 4, 3), interneurons=10.0), rng),
    "lstm": lambda rng: _reader(lstm(length=5, vocabulary=4, hidden=6), rng),
    "mlp": lambda rng: _classifier(mlp((6, 5, 4, 3)), rng),
    "ode": _ode,
    "rnn": lambda rng: _reader(rnn(length=6, vocabulary=5, hidden=7, classes=3), rng),
    "rnn, embedded": _tokens,
    "scalar_graph": _scalar,
    "transformer": lambda rng: _reader(transformer(length=5, vocabulary=6, width=8, heads=2, hidden=9), rng),
}


@functools.cache
def small(name: str) -> Small:
    """The small instance of circuits/<name>.py (and, behind a comma, of which kind).

    Biases that begin at zero and gains at one are moved away from there, so that no derivative is hidden.
    """
    rng = np.random.default_rng(0)
    made = MAKERS[name](rng)
    moved = {
        parameter: value + 0.1 * rng.normal(size=value.shape)
        for parameter, value in made.circuit.parameters.items()
        if value.size > 1 and np.ptp(value) == 0
    }
    return Small(made.circuit.with_parameters(moved), made.inputs, made.targets, made.latents)
