"""Circuits, snapshots and checkpoints on disk, how each is read, and what of it can be compared."""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

import pcneuro as pcn
from pcneuro.circuit.saving import fingerprint
from pcneuro.files import read_archive
from pcneuro.learning.checkpoint import Checkpoint
from tests.circuits_for_tests import data_for, mlp
from tests.learning.small import classifier, clusters


def circuit_with_all() -> pcn.Circuit:
    """An expression, a prior, delays of two kinds, time constants and energies of its own."""
    gate = pcn.elementwise("x*tanh(x/2) + gelu(x)")

    def function(x, W1, W2):
        z = pcn.vertex(np.tanh(x @ W1), "h")
        return pcn.vertex(gate(z) @ W2, "out")

    generator = np.random.default_rng(4)
    graph = pcn.trace(
        function,
        x=pcn.Latent((3,), prior=0.5),
        W1=pcn.Parameter(generator.normal(size=(3, 4))),
        W2=pcn.Parameter(generator.normal(size=(4, 2))),
    )
    delays = {("x.value", "h.error"): pcn.UniformDelay(1.0, 3.0, seed=1), ("out.error", "h.value"): 2.0}
    return pcn.build_circuit(graph, tau={"h": np.arange(1.0, 5.0)}, energies={"out": pcn.Bernoulli()}, delays=delays)


class AbstractArchive(ABC):
    """A kind of archive: an example, and what reading one gives."""

    @abstractmethod
    def write(self, path: Path) -> None:
        """Write the example."""

    @abstractmethod
    def read(self, path: Path) -> Any:
        """What is in a file, as something that is equal where everything is."""

    def __str__(self) -> str:
        return type(self).__name__.lower()


class Circuits(AbstractArchive):
    def __init__(self) -> None:
        self.circuit = circuit_with_all()

    def write(self, path: Path) -> None:
        self.circuit.save(path)

    def read(self, path: Path) -> Any:
        loaded = pcn.load_circuit(path)
        return fingerprint(loaded), {name: a.tobytes() for name, a in loaded.parameters.items()}


class Snapshots(AbstractArchive):
    """Of an engine, with data, targets and initial values."""

    def __init__(self, engine: pcn.Engine) -> None:
        self.circuit, self.engine = pcn.build_circuit(mlp((3, 4, 2))), engine
        self.simulator = self._simulator()

    def _simulator(self) -> pcn.Simulator:
        return pcn.Simulator(self.circuit, engine=self.engine, dynamics=pcn.Strict())

    def write(self, path: Path) -> None:
        sim = self._simulator()
        inputs, targets = data_for(self.circuit.graph, 2)
        sim.run(4.0, inputs=inputs, targets=targets, initial={"h1": np.ones((2, 4))})
        sim.store(path)

    def read(self, path: Path) -> Any:
        """The state that is restored, in which a run can go on."""
        read_archive(path, "snapshot")  # what is refused here is not worth a simulator
        sim = self.simulator
        sim.restore(path)
        actual = self.state()
        sim.run(1.0)
        return actual

    def state(self) -> Any:
        sim = self.simulator
        groups = (sim.values, sim.errors, sim.predictions, sim.parameters, sim.clamped, sim.gradients)
        return sim.time, [{name: a.tobytes() for name, a in group.items()} for group in groups]

    def __str__(self) -> str:
        return f"snapshots of {type(self.engine).__name__}"


class Checkpoints(AbstractArchive):
    def __init__(self) -> None:
        self.circuit, self.examples = classifier(), clusters(12)

    def _trainer(self, path: Path) -> pcn.Trainer:
        source, optimizer = pcn.Backprop(self.circuit), pcn.SGD(0.05, momentum=0.9)
        examples = self.examples
        return pcn.Trainer(source, optimizer, examples, examples, batch=6, checkpoint=path, resume=True)

    def write(self, path: Path) -> None:
        self._trainer(path).run(1)

    def read(self, path: Path) -> Any:
        Checkpoint.read(path)  # what is refused here is not worth a trainer
        trainer = self._trainer(path)
        arrays = [trainer.parameters, *({n: m[k] for n, m in trainer.memory.items()} for k in range(1))]
        # The rows as text, in which NaN is equal to NaN.
        rows = json.dumps([epoch.row() for epoch in trainer.epochs])
        return trainer.updates, rows, [{n: a.tobytes() for n, a in group.items()} for group in arrays]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in a tree of dicts and lists."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


def put(facts: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The tree with another value at a path; without what is there for ``MISSING``."""
    if not path:
        return facts if value is MISSING else value
    changed = copy.deepcopy(facts)
    at = changed
    for key in path[:-1]:
        at = at[key]
    if value is MISSING:
        del at[path[-1]]
    else:
        at[path[-1]] = copy.deepcopy(value)
    return changed


MISSING = object()


def nested(depth: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


ODD: list[Any] = [
    MISSING, None, True, False, 0, 1, -1, 3, 10**6, 10**12, 10**30, -(10**400), 0.5, -0.0, 1e308,
    float("nan"), float("inf"), "", "x", "h1", "W1", "a/b", "..", "x\0y", "\ud800", "9" * 5000, "(" * 500,
    "x**x**x**9**9", [], [1], ["x"], ["h", "out"], [[]], [10**9, 10**9], nested(60), {}, {"array": "x"},
    {"array": "h/value"}, {"a": {"b": []}},
]  # fmt: skip
"""What may stand anywhere in a file's facts."""
ODD_ARRAYS: list[Any] = [
    MISSING, np.zeros(()), np.zeros(0), np.zeros((0, 10**6)), np.full((3, 4), np.nan), np.full((3, 4), np.inf),
    np.zeros((3, 4), np.float32), np.zeros((3, 4), np.int64), np.zeros((3, 4), bool), np.zeros((3, 4), ">f8"),
    np.zeros((4, 3)), np.full(4, -1.0), np.full((2, 4), 1e300), np.zeros((3, 4), complex), np.full((3, 4), "a"),
    np.zeros((2, 4), "V8"), np.asfortranarray(np.arange(12.0).reshape(3, 4)),
]  # fmt: skip
"""What may be in the place of an array."""
