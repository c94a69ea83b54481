"""What is called with wrong values: a row for each argument of each public function, class and method."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import pcneuro as pcn
from tests.robustness.wrong_values import (
    Value,
    arrays,
)


@dataclass(frozen=True)
class Row:
    """One argument, and the values that it is called with.

    ``call`` makes the call with a value, and returns what came of it; ``right`` is a value that fits. A refusal
    mentions ``said``, by default the argument.
    """

    target: str
    argument: str
    right: Any
    values: Sequence[Value]
    call: Callable[[Any], Any]
    said: str = ""
    but: tuple[str, ...] = ()
    """Labels of values that fit here, or of which nothing is known."""

    @property
    def cases(self) -> list[Value]:
        return [value for value in self.values if value.label not in self.but]

    def __str__(self) -> str:
        return f"{self.target}({self.argument})"


X = np.array([[0.5, -0.25, 1.0], [0.125, 2.0, -1.0]])
Y = np.array([[1.0, -0.5], [0.25, 0.75]])
W, V = np.arange(-6, 6).reshape(3, 4) / 8, np.arange(-4, 4).reshape(4, 2) / 4


def function(x, W, V):
    h = pcn.vertex(np.tanh(x @ W), "h")
    return pcn.vertex(h @ V, "out")


@cache
def graph() -> pcn.Graph:
    return pcn.trace(function, x=pcn.Input((3,)), W=pcn.Parameter(W), V=pcn.Parameter(V))


@cache
def circuit() -> pcn.Circuit:
    return pcn.build_circuit(graph())


@cache
def generative() -> pcn.Graph:
    return pcn.trace(lambda z, V: pcn.vertex(z @ V, "out"), z=pcn.Latent((4,), prior=0.5), V=pcn.Parameter(V))


def simulator(of: pcn.Circuit | None = None, **settings: Any) -> pcn.Simulator:
    """By the reference, for which nothing is compiled: values are checked before any engine has them."""
    return pcn.Simulator(of or circuit(), **{"engine": pcn.Reference()} | settings)


def run(**changes: Any) -> pcn.Result:
    """Two steps, with something changed in what the run is given."""
    given = {"duration": 2.0, "inputs": {"x": X}, "targets": {"out": Y}} | changes
    return simulator().run(**given)


def streamed(**changes: Any) -> pcn.Result:
    given = {"duration": 2.0, "inputs": {"x": X}, "targets": {"out": Y}} | changes
    sim = simulator()
    chunks = list(sim.stream(**given))
    return sim.values, chunks[-1].status


def built(**arguments: Any) -> Any:
    made = pcn.build_circuit(graph(), **arguments)
    return {name: (made.tau[name], made.precision[name]) for name in made.vertices}, made.delays, made.energies


def written(write: Callable[[Path], Any]) -> Callable[[Any], Any]:
    """A call in an empty folder; the right value stands for a file in it."""

    def call(value: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / "file" if value == "file" else value)

    return call


X_ARRAY = arrays(X, samples=True)


def set_parameters(values: Any) -> Any:
    made = simulator()
    made.set_parameters(values)
    return made.run(2.0, inputs={"x": X}, targets={"out": Y})
