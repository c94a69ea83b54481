"""One time step as cells: instructions that run together, and the changes that make them run again.

A cell is evaluated again where something that it reads has changed since it was read last. Nothing else can change what
it writes, so that leaving it out changes no bit of any result.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from pcneuro.kernels import loop
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.program import Program
from pcneuro.program.lowering import Code, as_array

GROUP = 32
"""Cells in a group."""


@dataclass(frozen=True)
class Cells:
    """What ``loop.advance`` steps: see the columns there. ``signals`` is the number of flags that a block needs.

    ``tail`` are instructions for what gradients ask for beside cells that do not end at a drive; ``swept`` are flags
    that need not be up where the feedforward sweep has just computed all predictions.
    """

    code: np.ndarray
    cells: np.ndarray
    groups: np.ndarray
    links: np.ndarray
    vertices: np.ndarray
    signals: int
    tail: np.ndarray
    swept: np.ndarray

    def fresh(self, blocks: int) -> np.ndarray:
        """Flags by block, before the first step: everything has changed."""
        return np.ones((blocks, self.signals), dtype=np.int64)


def driving(program: Program) -> set[str]:
    """Nodes whose adjoint drives a vertex; that of all others is asked for by gradients only, after the steps."""
    found = set(program.first)
    for name, node in program.circuit.graph.nodes.items():
        if not node.is_leaf and found.intersection(node.operands):
            found.add(name)
    return found


class _Builder:
    """Lays out the cells of a step for what is clamped now."""

    def __init__(self, program: Program, dynamics: AbstractDynamics, clamped: Collection[str]) -> None:
        self.program, self.dynamics, self.clamped = program, dynamics, clamped
        self.graph = program.circuit.graph
        self.code: Code = []
        self.rows: list[list[int]] = []
        self.links: list[int] = []
        self.signals = loop.UNSWEPT + 1
        self.state = {name: self._signal() for name in program.first}
        self.sent_state = {name: self._signal() for name in program.first}
        self.sent_error = {name: self._signal() for name in program.first}
        self.error: dict[str, int] = {}
        self.computed: dict[str, int] = {}
        self.feedback: dict[str, int] = {}

    def _signal(self) -> int:
        self.signals += 1
        return self.signals - 1

    def cell(
        self, code: Code, inputs: Sequence[int], vertex: int = -1, *, begun: int = loop.FRESH, drives: bool = False
    ) -> int:
        """Add a cell; returns the flag that is up where it ran.

        ``begun`` is the flag that tells it of a start, ``drives`` whether it ends at the drive of a vertex.
        """
        first, link, out = len(self.code), len(self.links), self._signal()
        self.code += code
        self.links += [begun, *dict.fromkeys(inputs)]
        self.rows.append([first, len(self.code), link, len(self.links), out, vertex, int(drives)])
        return out

    def read(self, name: str) -> list[int]:
        """What tells that the value of a node has changed, as its users read it."""
        if name in self.state:
            return [self.sent_state[name]]
        if name in self.computed:
            return [self.computed[name]]
        node = self.graph.nodes[name]
        return [] if node.is_leaf else [s for operand in node.operands for s in self.read(operand)]

    def predictions(self) -> None:
        """Every node's own computation and its derivatives."""
        for name, code in self.program.node_forward.items():
            inputs = [s for operand in self.graph.nodes[name].operands for s in self.read(operand)]
            code = code + self.program.node_linearise.get(name, [])
            self.computed[name] = self.cell(code, inputs, begun=loop.UNSWEPT)

    def errors(self) -> None:
        """Every vertex' error."""
        for number, name in enumerate(self.program.first):
            code: Code = []
            for part in self.dynamics.before_error:
                code += self.program.vertex_code.get(part, {}).get(name, [])
            if name in self.clamped:
                code += self.program.energy.get(name, [])
            inputs = [self.state[name], *([self.computed[name]] if name in self.computed else [])]
            self.error[name] = self.cell(code, inputs, number)

    def adjoint(self, name: str) -> int:
        """What tells that the adjoint of a node has changed."""
        if name in self.error:
            return self.sent_error[name]
        return self.feedback[name] if name in self.feedback else self.adjoint(self.program.passed[name])

    def pulls(self) -> None:
        """What each node gets from its consumers."""
        wanted = driving(self.program)
        for name in reversed(list(self.graph.nodes)):
            if name not in wanted:
                continue
            code: Code = []
            inputs: list[int] = []
            for consumer, part in self.program.pulls.get(name, []):
                code += part
                inputs.append(self.adjoint(consumer))
                if self.computed:
                    inputs += [self.computed[consumer]] if consumer in self.computed else self.read(consumer)
            if code:
                self.feedback[name] = self.cell(code, inputs, drives=name in self.program.first)

    def tail(self) -> Code:
        """Adjoints of nodes that are no vertices, but for those that have a cell of their own."""
        code: Code = []
        for name in reversed(list(self.graph.nodes)):
            if name in self.program.first:
                code += self.program.joined.get(name, [])
            elif name not in self.feedback:
                code += [i for _, part in self.program.pulls.get(name, []) for i in part]
        return code

    def groups(self) -> list[list[int]]:
        """Cells that follow each other, and what they read from others: in a wave, few of them have anything to do."""
        found, sent = [], list(self.sent_error.values())
        for first in range(0, len(self.rows), GROUP):
            last, link = min(first + GROUP, len(self.rows)), len(self.links)
            own: set[int] = set()
            read: list[int] = []
            for cell in range(first, last):
                _, _, begin, end, ran, vertex, _ = self.rows[cell]
                read += [flag for flag in self.links[begin:end] if flag not in own]
                own.add(ran)
                if vertex >= 0:
                    own.add(sent[vertex])
            self.links += dict.fromkeys(read)
            found.append([first, last, link, len(self.links), self._signal()])
        return found

    def build(self) -> Cells:
        if not self.dynamics.holds_predictions:
            self.predictions()
        self.errors()
        self.pulls()
        vertices = []
        for name, first in self.program.first.items():
            signals = [self.state[name], self.sent_state[name], self.error[name], self.sent_error[name]]
            drive = self.feedback.get(name, self.error[name])
            free = int(name not in self.clamped)
            predicted = int(self.program.circuit.has_prediction(name))
            vertices.append([first, self.graph.nodes[name].size, *signals, drive, free, predicted])
        groups = self.groups()
        return Cells(
            as_array(self.code),
            np.array(self.rows, dtype=np.int64).reshape(-1, loop.CELL_COLUMNS),
            np.array(groups, dtype=np.int64).reshape(-1, loop.GROUP_COLUMNS),
            np.array(self.links, dtype=np.int64),
            np.array(vertices, dtype=np.int64).reshape(-1, loop.VERTEX_COLUMNS),
            self.signals,
            as_array(self.tail()),
            np.array([loop.UNSWEPT, *self.state.values(), *self.sent_state.values()]),
        )


def cells(program: Program, dynamics: AbstractDynamics, clamped: Collection[str]) -> Cells:
    """The cells of one step of a program, with these vertices clamped."""
    return _Builder(program, dynamics, clamped).build()
