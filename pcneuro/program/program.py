"""A program: the rows, constants and instructions that a circuit is lowered to."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.ops.base import Slot
from pcneuro.program.lowering import Code

T = TypeVar("T")
_MOST_DERIVED = 32
"""Things that are kept of what engines have worked out of one program."""


@dataclass
class Program:
    """What the compiled loop needs, except for the data of a run.

    Activities stand in rows, a row a unit, a column a sample. The rows of all vertices follow each other in the same
    order in four regions: ``prediction``, ``error``, ``drive`` (the children's feedback), and what is integrated.
    Where that is ``value``, errors are made of deviations in place. Under fixed prediction it is ``deviation``, where
    errors stand, too, if all precisions are 1; value
    neurons do prediction + deviation, and predictions read what they do in the feedforward sweep: the prediction, but
    of outputs, latents and what else is clamped a value with rows of its own.
    """

    circuit: Circuit
    units: int
    """Units of all vertices."""
    regions: dict[str, int]
    """Region -> its first row."""
    first: dict[str, int]
    """Vertex -> its first unit within a region."""
    values: dict[str, Slot]
    """Vertex -> the rows that predictions read it from."""
    leaves: dict[str, Slot]
    """Input, or leaf that closes a cycle -> its rows; parameter -> its rows in the shared buffer."""
    adjoints: dict[str, Slot]
    """Parameter -> rows of the shared buffer for its gradient."""
    sums: list[Slot]
    """All rows of the shared buffer that gradients are added to, and that start from zero."""
    rows: int
    shared_rows: int
    constants: dict[int, np.ndarray]
    """First row in the shared buffer -> values that instructions bring with them, the same in any circuit."""
    leaf_rows: dict[str, int]
    """Constant of the graph -> its first row in the shared buffer."""
    ints: np.ndarray
    precision_row: int
    gain_row: int
    decay_row: int
    growth_row: int
    code: dict[str, Code] = field(default_factory=dict)
    """Instruction lists: ``shared`` (what samples share), ``forward`` and ``linearise``, ``feedback``,
    ``shared_backward``, and of all vertices ``deviate`` (deviation = value - prediction) and ``error`` (of a Gaussian
    vertex)."""
    hebb: list[tuple[Slot, Code]] = field(default_factory=list)
    """From activities to gradients of what samples share: where each sum goes, and its instructions."""
    node_forward: dict[str, Code] = field(default_factory=dict)
    """Node -> the instructions that compute it (a vertex: its prediction)."""
    initial: dict[str, Slot] = field(default_factory=dict)
    """Leaf that closes a cycle -> the rows of what it has initially."""
    drives: dict[str, tuple[Slot, Code]] = field(default_factory=dict)
    """What rules of plasticity change -> rows of the shared buffer for its drive, and the instructions that add to it,
    if it has any: all others are adjoints."""
    share_row: int = -1
    """Row of the shared buffer for 1 / samples of the batch; -1: nothing asks for it."""
    followed: dict[str, Code] = field(default_factory=dict)
    """Leaf that closes a cycle without delay -> the instructions that copy the activity of its vertex."""
    node_feedback: dict[str, Code] = field(default_factory=dict)
    """Node, children first -> the instructions that pull its adjoint back to its operands."""
    node_linearise: dict[str, Code] = field(default_factory=dict)
    """Node -> the instructions that compute its derivatives."""
    pulls: dict[str, list[tuple[str, Code]]] = field(default_factory=dict)
    """Node -> what adds to its adjoint, in this order, the first of which writes it: consumer, instructions."""
    joined: dict[str, Code] = field(default_factory=dict)
    """Vertex -> those of its instructions in ``pulls`` that make adjoints of folded nodes on the way."""
    collected: dict[str, Slot] = field(default_factory=dict)
    """Node that adjoints are collected for -> where (a vertex: its drive)."""
    passed: dict[str, str] = field(default_factory=dict)
    """Folded node whose adjoint is that of its one consumer -> the last of those that pass it on."""
    sending: dict[str, Code] = field(default_factory=dict)
    """Vertex whose errors are sent in messages of few bits -> the instructions that make these of its error."""
    learning: Code = field(default_factory=list)
    """Where there are such: adjoints of folded nodes that gradients are read of, which know errors themselves."""
    vertex_code: dict[str, dict[str, Code]] = field(default_factory=dict)
    """``deviate`` and ``error`` for single vertices, by vertex."""
    energy: dict[str, Code] = field(default_factory=dict)
    """Output vertex whose energy has a kernel -> the instruction that writes its error while it is clamped."""
    settle: dict[str, Code] = field(default_factory=dict)
    """Vertex -> the instruction value = prediction."""
    origin: dict[int, tuple[str, tuple[Slot, ...]]] = field(default_factory=dict)
    """Position of an instruction's arguments -> the node that it is of, and where that node's operands stand."""
    currents: dict[str, Slot] = field(default_factory=dict)
    """Vertex that a current flows into -> the rows of that."""
    flow: dict[str, Code] = field(default_factory=dict)
    """The same -> the instruction that adds it to the vertex' drive, or writes it there, where nothing else does."""
    relax: dict[str, Code] = field(default_factory=dict)
    """Vertex -> the instruction that does many steps of it at once, at a constant drive."""

    derived: dict[Hashable, Any] = field(default_factory=dict)
    """What engines have worked out of the program, whatever its circuit's numbers: of all alike, the same dict."""

    def blank(self) -> dict[str, Any]:
        """All but the circuit, whose parameters may be large: with another one of the same ``key`` it is its program.

        Its lists and tables are those of all programs made of it, and stay as they are.
        """
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "circuit"}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, which is the same for all programs alike and is kept under this key."""
        made: T | None = self.derived.get(key)
        if made is None:
            if len(self.derived) >= _MOST_DERIVED:
                self.derived.clear()
            self.derived[key] = made = make()
        return made

    def numbers(self) -> dict[int, np.ndarray]:
        """First row in the shared buffer -> values that stay: of instructions, constants of the graph, precisions."""
        nodes = self.circuit.graph.nodes
        leaves = {row: nodes[name].source.value.ravel() for name, row in self.leaf_rows.items()}  # type: ignore[union-attr]
        precision = [self.circuit.precision[name].ravel() for name in self.circuit.vertices]
        return {**self.constants, **leaves, self.precision_row: np.concatenate([np.zeros(0), *precision])}

    @property
    def all_feedback(self) -> Code:
        """What ``node_feedback`` has, node by node."""
        return [i for code in self.node_feedback.values() for i in code]

    def slot(self, region: str, vertex: str) -> Slot:
        """Rows of one vertex in one region, or of its ``value``."""
        if region == "value":
            return self.values[vertex]
        return Slot(self.regions[region] + self.first[vertex], self.circuit.graph.nodes[vertex].size, True)
