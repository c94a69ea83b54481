"""Circuits with cycles that several tests use."""

from __future__ import annotations

from typing import Any

import numpy as np

import pcneuro as pcn


def ring(delay: float = 0.0, feedback: bool = True) -> pcn.Circuit:
    """Three vertices in a ring, each half of the one before it."""

    def function(before: Any) -> Any:
        a = pcn.vertex(0.5 * before, "a")
        b = pcn.vertex(0.5 * a, "b")
        return pcn.vertex(0.5 * b, "c")

    return pcn.build_circuit(pcn.trace(function, before=pcn.Recurrent("c", (1,), delay=delay, feedback=feedback)))


def network(rng: np.random.Generator, n: int = 4, plasticity: Any = None, **recurrent: Any) -> pcn.Circuit:
    """A vertex in a loop with itself, one that a folded node leads to, and two outputs."""

    def function(x: Any, h_past: Any, y_past: Any, W: Any, V: Any, U: Any) -> Any:
        h = pcn.vertex(np.tanh(x + h_past @ W + np.square(y_past) @ V), "h")
        y = pcn.vertex(np.tanh(h @ U) * h_past, "y")
        return {"out": np.sin(y) @ V + 0.1 * y_past, "readout": 0.3 * h}

    shapes = {"W": (n, n), "V": (n, n), "U": (n, n)}
    return pcn.build_circuit(
        pcn.trace(
            function,
            x=pcn.Input((n,)),
            h_past=pcn.Recurrent("h", (n,), **recurrent),
            y_past=pcn.Recurrent("y", (n,), initial=0.2, **recurrent),
            **{name: pcn.Parameter(0.4 * rng.normal(size=shape)) for name, shape in shapes.items()},
        ),
        tau={"h": 5.0, "y": np.linspace(8.0, 12.0, n)},
        precision={"y": 1.3},
        plasticity=plasticity,
    )


def linear(rng: np.random.Generator, feedback: bool = True) -> pcn.Circuit:
    """Two linear vertices that predict each other, and an output."""

    def function(x: Any, past: Any, seen: Any, W: Any, V: Any, U: Any) -> Any:
        h = pcn.vertex(x @ U + past @ W, "h")
        y = pcn.vertex(h @ V + 0.3 * past, "y")
        return {"out": y @ U - seen}

    leaves = {
        "x": pcn.Input((3,)),
        "past": pcn.Recurrent("y", (3,), feedback=feedback, initial=0.1),
        "seen": pcn.Recurrent("out", (3,)),
    }
    weights = {name: pcn.Parameter(0.4 * rng.normal(size=(3, 3))) for name in "WVU"}
    return pcn.build_circuit(pcn.trace(function, **leaves, **weights), tau={"h": 6.0}, precision={"y": 1.4})
