"""An integrator of NIR's primitives: it knows their equations, and nothing of circuits.

NIR describes networks and runs none; so this is what stands for a tool that reads its graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Any

import numpy as np

from pcneuro.errors import ParameterError, told

Arrays = dict[str, np.ndarray]
STATEFUL = ("I", "LI", "IF", "Delay")
STATELESS = ("Input", "Output", "Flatten", "Scale", "Linear", "Conv2d")


def kind(node: Any) -> str:
    """The name of a node's primitive."""
    return type(node).__name__


class Executed:
    """Euler's steps of dt (s) through a NIRGraph, all nodes that have a state at the same time.

    A spike is ``height`` for a step, 1/dt unless it is given. ``subtract`` takes the threshold from a membrane that is
    above it, where NIR sets it to the reset. Raises ParameterError for a node that it has no equations of.
    """

    def __init__(
        self,
        graph: Any,
        dt: float,
        inputs: Mapping[str, np.ndarray],
        states: Mapping[str, np.ndarray] | None = None,
        subtract: bool = False,
        height: float | None = None,
    ) -> None:
        self.nodes, self.dt, self.inputs, self.subtract = graph.nodes, dt, inputs, subtract
        for name, node in self.nodes.items():
            _check(name, node, dt)
        self.height = 1 / dt if height is None else height
        self.sources = {name: [a for a, b in graph.edges if b == name] for name in self.nodes}
        plain = {n: s for n, s in self.sources.items() if kind(self.nodes[n]) not in STATEFUL}
        known = {n for n in self.nodes if n not in plain or kind(self.nodes[n]) == "Input"}
        self.order = [
            n for n in TopologicalSorter({n: set(s) - known for n, s in plain.items()}).static_order() if n not in known
        ]
        self.state = {n: np.zeros(_shape(self.nodes[n])) for n in self.nodes if kind(self.nodes[n]) in STATEFUL}
        self.state |= {n: np.array(v) for n, v in (states or {}).items()}
        self.fired = {n: np.zeros_like(v) for n, v in self.state.items() if kind(self.nodes[n]) == "IF"}
        self.past: dict[str, list[np.ndarray]] = {n: [] for n, node in self.nodes.items() if kind(node) == "Delay"}

    def current(self, name: str, sent: Arrays) -> np.ndarray:
        """The sum of what the sources of a node send."""
        return sum(
            (sent[source] for source in self.sources[name]), np.zeros(tuple(self.nodes[name].input_type["input"]))
        )

    def activity(self) -> Arrays:
        """What every node gives now."""
        sent = dict(self.inputs)
        for name, state in self.state.items():
            sent[name] = self.fired[name] * self.height if name in self.fired else state
        for name in self.order:
            sent[name] = _plain(self.nodes[name], self.current(name, sent))
        return sent

    def step(self) -> None:
        sent = self.activity()
        for name, state in self.state.items():
            node, current = self.nodes[name], self.current(name, sent)
            if kind(node) == "Delay":
                self.state[name] = self.delayed(name, current)
            elif kind(node) == "LI":
                self.state[name] = state + self.dt / node.tau * (node.v_leak - state + node.r * current)
            else:
                self.state[name] = state + self.dt * node.r * current
            if kind(node) == "IF":
                self.spike(name)

    def delayed(self, name: str, current: np.ndarray) -> np.ndarray:
        (steps,) = set(np.rint(self.nodes[name].delay / self.dt).astype(int).ravel())
        self.past[name].append(current)
        return self.past[name][-steps] if len(self.past[name]) >= steps else np.zeros_like(current)

    def spike(self, name: str) -> None:
        node, state = self.nodes[name], self.state[name]
        fired = state > node.v_threshold
        self.state[name] = np.where(fired, state - node.v_threshold if self.subtract else node.v_reset, state)
        self.fired[name] = fired.astype(float)

    def run(self, steps: int) -> Arrays:
        """Vertex -> its output (steps + 1, units)."""
        outputs = [n for n, node in self.nodes.items() if kind(node) == "Output"]
        rows: dict[str, list[np.ndarray]] = {n.removesuffix("_output"): [] for n in outputs}
        for k in range(steps + 1):
            sent = self.activity()
            for name in outputs:
                rows[name.removesuffix("_output")].append(sent[name].ravel())
            if k < steps:
                self.step()
        return {name: np.array(recorded) for name, recorded in rows.items()}


def _check(name: str, node: Any, dt: float) -> None:
    """Raise ParameterError unless this integrator has the equations of a node."""
    if kind(node) not in (*STATEFUL, *STATELESS):
        known = ", ".join((*STATEFUL, *STATELESS))
        raise ParameterError(f"node {name!r} of the NIR graph is {told(node)}; those that can be run are {known}")
    if kind(node) == "Conv2d" and node.groups != 1:
        raise ParameterError(f"node {name!r} of the NIR graph, a Conv2d, has {node.groups} groups; one can be run")
    if kind(node) == "Delay" and np.unique(np.rint(np.asarray(node.delay) / dt)).size != 1:
        raise ParameterError(f"node {name!r} of the NIR graph, a Delay, has several; one for all units can be run")


def _shape(node: Any) -> tuple:
    return tuple(int(n) for n in node.output_type["output"])


def _plain(node: Any, x: np.ndarray) -> np.ndarray:
    if kind(node) == "Output":
        return x
    if kind(node) == "Flatten":
        return x.reshape(_shape(node))
    if kind(node) == "Scale":
        return node.scale * x
    if kind(node) == "Linear":
        return node.weight @ x
    (p, q), (d, e), (s, t) = (tuple(int(n) for n in v) for v in (node.padding, node.dilation, node.stride))
    x = np.pad(x, ((0, 0), (p, p), (q, q)))
    out = np.zeros(_shape(node)) + node.bias[:, None, None]
    for a, b in np.ndindex(*node.weight.shape[2:]):
        window = x[:, a * d :, b * e :][:, ::s, ::t][:, : out.shape[1], : out.shape[2]]
        out += np.tensordot(node.weight[:, :, a, b], window, axes=1)
    return out
