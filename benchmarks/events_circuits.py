"""Circuits and data for the benchmark of events, and how far their gradients are from backprop's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from sparse import projection

import pcneuro as pcn
from circuits.mlp import mlp
from circuits.rnn import rnn

Data = dict[str, dict[str, np.ndarray]]
MODES = (pcn.TimeBinned(), pcn.Exact())


@dataclass(frozen=True)
class EventTask:
    """A circuit, its data, how long it runs (ms), and how many synaptic operations a second are aimed at."""

    name: str
    circuit: pcn.Circuit
    data: Data
    duration: float
    goal: float


def labels(rng: np.random.Generator, batch: int, classes: int) -> np.ndarray:
    """One-hot rows."""
    return np.eye(classes)[rng.integers(classes, size=batch)]


def dense(small: bool) -> EventTask:
    """784-256-256-256-10: what an error neuron sends goes to 256 value neurons."""
    sizes, batch = ((12, 16, 16, 16, 5), 2) if small else ((784, 256, 256, 256, 10), 4)
    rng = np.random.default_rng(0)
    data = {"inputs": {"x": rng.random((batch, sizes[0]))}, "targets": {"out": labels(rng, batch, sizes[-1])}}
    return EventTask("dense", mlp(sizes), data, 200.0, 1e9)


def sparse(small: bool) -> EventTask:
    """Three random projections of a ``scipy.sparse`` matrix each."""
    neurons, fan_out, batch = (60, 5, 2) if small else (5_000, 100, 2)
    rng = np.random.default_rng(0)

    def network(x, **weights):
        for number, w in enumerate(weights.values(), 1):
            x = pcn.vertex(np.tanh(x @ w), f"h{number}" if number < len(weights) else "out")
        return x

    theta = {f"W{k}": pcn.Parameter(projection(rng, neurons, fan_out)) for k in (1, 2, 3)}
    circuit = pcn.build_circuit(pcn.trace(network, x=pcn.Input((neurons,)), **theta))
    shape = (batch, neurons)
    data = {"inputs": {"x": rng.normal(size=shape)}, "targets": {"out": 0.1 * rng.normal(size=shape)}}
    return EventTask("sparse", circuit, data, 200.0, 1e8)


def convolutional(small: bool) -> EventTask:
    """Three convolutions with ReLU."""
    size, kernel, features, batch = (8, 3, (1, 2, 2, 2), 2) if small else (20, 5, (3, 8, 16, 16), 2)
    rng = np.random.default_rng(0)

    def network(x, **kernels):
        for number, k in enumerate(kernels.values(), 1):
            x = pcn.vertex(pcn.ops.relu(pcn.ops.conv2d(x, k)), f"h{number}" if number < len(kernels) else "out")
        return x

    theta = {}
    for number, (n, m) in enumerate(pairwise(features), 1):
        theta[f"K{number}"] = pcn.Parameter(rng.normal(0, (2 / (n * kernel**2)) ** 0.5, (m, n, kernel, kernel)))
    graph = pcn.trace(network, x=pcn.Input((features[0], size, size)), **theta)
    (out,) = graph.outputs.values()
    inputs, targets = rng.normal(size=(batch, features[0], size, size)), rng.normal(size=(batch, *out.shape))
    data = {"inputs": {"x": inputs}, "targets": {"out": targets}}
    return EventTask("convolutional", pcn.build_circuit(graph), data, 200.0, 1e8)


def letters(length: int, hidden: int, batch: int, gain: float = 1.0) -> tuple[pcn.Circuit, Data]:
    """The RNN of circuits/rnn.py on drawn letters; its recurrent weights are ``gain`` times what they are there."""
    rng = np.random.default_rng(0)
    circuit = rnn(length=length, vocabulary=27, hidden=hidden, classes=10)
    circuit = circuit.with_parameters({"U": gain * circuit.parameters["U"]})
    inputs = np.eye(27)[rng.integers(27, size=(batch, length))]
    return circuit, {"inputs": {"x": inputs}, "targets": {"out": labels(rng, batch, 10)}}


def recurrent(small: bool) -> EventTask:
    """An RNN over 20 letters."""
    circuit, data = letters(*((4, 8, 2) if small else (20, 64, 2)))
    return EventTask("RNN", circuit, data, 400.0, 1e9)


NETS: tuple[Callable[[bool], EventTask], ...] = (dense, sparse, convolutional, recurrent)


def by_events(
    circuit: pcn.Circuit, threshold: float | pcn.Absolute, mode: object, dt: float, dtype: type = np.float64
) -> pcn.Simulator:
    """A simulator by events, in one thread."""
    engine = pcn.EventDriven(threshold, mode, threads=1)
    return pcn.Simulator(circuit, engine=engine, integrator=pcn.Euler(dt), dtype=dtype)
