"""The way back as instructions: what errors send to value neurons, and what gradients are read of.

Both are one walk where errors are sent as they are. Where messages of error neurons have few bits they are two: to
value neurons comes what the messages say, while the synapses onto a neuron know its error itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.feedback import AbstractVisitor, Feedback, Pull, Station, value_feedback
from pcneuro.graph.graph import Graph, Parameter
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.ops.base import Placed, PlacedPull, Slot
from pcneuro.ops.rows import lower_combine
from pcneuro.program.lowering import Code, Lowering
from pcneuro.program.program import Program


class Compiling(Protocol):
    """What the compiler has when the way forward is written."""

    circuit: Circuit
    graph: Graph
    dynamics: AbstractDynamics
    low: Lowering
    vertices: set[str]
    way: Feedback
    active: frozenset[str]
    place: dict[str, Slot]
    read: dict[str, Slot]
    senders: dict[str, str]
    linearised: dict[str, object]

    def region(self, region: str, vertex: str) -> Slot: ...
    def at(self, name: str) -> Placed: ...
    def alias(self, name: str) -> bool: ...


def write_feedback(compiler: Compiling, program: Program) -> None:
    """Emit all adjoints, those of gradients among them, to a program."""
    for name, node in compiler.graph.parameters.items():
        program.sums.append(compiler.low.reserve(node.size, False))
        program.adjoints[name] = program.sums[-1]
    errors = {name: compiler.region("error", name) for name in compiler.vertices}
    stations = compiler.way.stations
    learning: Code = []
    if compiler.circuit.payloads:
        onward = _learning_nodes(compiler.graph, compiler.vertices)
        # The same sums and rows of gradients; what it writes on the way is its own.
        own = replace(program, pulls={}, joined={}, collected={}, passed={}, node_feedback={})
        _FeedbackCode(compiler, own, errors, lambda operand: operand in onward).visit(stations)
        learning = program.learning = own.all_feedback
        stations, errors = value_feedback(compiler.graph, compiler.vertices).stations, errors | _sent(compiler, program)
        alike = frozenset(name for name in compiler.vertices if compiler.place[name].laned)
        stations = tuple(s for s in stations if s.name not in compiler.vertices or s.name in alike)
    back = _FeedbackCode(compiler, program, errors, lambda operand: True)
    back.visit(stations)
    if compiler.dynamics.holds_predictions:
        back.join(stations)
    for name, code in program.sending.items():
        program.node_feedback[name] = code + program.node_feedback.get(name, [])
    program.code["feedback"] = program.all_feedback + learning


def _learning_nodes(graph: Graph, vertices: set[str]) -> set[str]:
    """Parameters, and nodes of dendrites that errors come through to them."""
    found: set[str] = set()
    for name, node in graph.nodes.items():
        inside = any(o in found and node.operator.passes_back(k) for k, o in enumerate(node.operands))
        if isinstance(node.source, Parameter) or (inside and name not in vertices):
            found.add(name)
    return found


def _sent(compiler: Compiling, program: Program) -> dict[str, Slot]:
    """Vertex whose errors are sent in messages of few bits -> rows of what these say."""
    sent = {}
    for name, payload in compiler.circuit.payloads.items():
        error = compiler.region("error", name)
        sent[name] = compiler.low.reserve(error.units, True)
        payload.lower(compiler.low, sent[name], error, f"{name}.error")
        program.sending[name] = compiler.low.taken()
    return sent


class _FeedbackCode(AbstractVisitor[Station, Slot]):
    """The instructions of adjoints, children before parents.

    What leaves a vertex starts from ``errors`` and ends at the drive of its parents; a gradient ends at a parameter.
    Nothing is pulled to operands that it does not go ``onward`` to.
    """

    def __init__(
        self, compiler: Compiling, program: Program, errors: Mapping[str, Slot], onward: Callable[[str], bool]
    ) -> None:
        self.compiler, self.program, self.low = compiler, program, compiler.low
        self.errors, self.onward = errors, onward
        self.adjoint: dict[str, Slot] = dict(program.adjoints)
        self.written: set[str] = set()
        self.shared: Code = program.code.setdefault("shared_backward", [])
        self.feedback: Code = []
        """What leaves the station that the visitor is at."""

    def arrive(self, station: Station) -> Slot | None:
        """Where the adjoint of a node's own computation stands, or None where nothing asks for it."""
        name, compiler = station.name, self.compiler
        self.feedback = []
        if station.node.is_leaf or name not in compiler.active:
            return None
        if name not in compiler.vertices:
            return self.adjoint.get(name)
        error = self.errors[name]
        if compiler.place[name].laned:
            return error
        summed, every = self._sum(station.node.size), np.arange(station.node.size)
        lower_combine(self.low, summed, every, error, every, True)
        self.program.hebb.append((summed, self.low.taken()))
        return summed

    def pull(self, station: Station, pull: Pull, leaving: Slot) -> None:
        program = self.program
        if not self.onward(pull.operand):
            return
        # What comes back to a leaf that closes a cycle drives the vertex whose activity it has.
        operand = self.compiler.senders.get(pull.operand, pull.operand)
        if self._passes(pull, leaving):
            program.passed[operand] = program.passed.get(station.name, station.name)
            return
        laned = self.compiler.read[pull.operand].laned
        # What is shared starts from zero and is always added to; the first to a laned adjoint writes it.
        placed = PlacedPull(pull.k, leaving, self._target(operand), not laned or operand in self.written)
        self.written.add(operand)
        station.node.operator.lower_vjp(self.low, self.compiler.at(station.name), placed)
        code = self.low.taken()
        if laned:
            self.feedback += code
            program.collected[operand] = placed.target
            program.pulls.setdefault(operand, []).append((station.name, code))
        elif leaving.laned:
            program.hebb.append((placed.target, code))
        else:
            self.shared += code

    def depart(self, station: Station, leaving: Slot | None) -> None:
        if leaving is not None:
            self.program.node_feedback[station.name] = self.feedback

    def join(self, stations: Sequence[Station]) -> None:
        """Let an adjoint that one consumer writes and one operand reads be computed where it is read.

        It then needs no rows of its own. Not where derivatives change with the state, which it would have to notice.
        """
        program = self.program
        holder: dict[str, str] = {}
        """Node -> the one among whose feedback is what writes its adjoint, where that is not the consumer."""
        for station in stations:
            name = station.name
            written = program.pulls.get(name, [])
            if name in self.compiler.vertices or len(station.pulls) != 1 or len(written) != 1:
                continue
            operand = station.pulls[0].operand
            read = program.pulls.get(operand, [])
            at = next((k for k, (consumer, _) in enumerate(read) if consumer == name), None)
            if at is None:
                continue
            ((source, code),) = program.pulls.pop(name)
            read[at] = source, code + read[at][1]
            if operand in self.compiler.vertices:
                program.joined.setdefault(operand, []).extend(code)
            before = holder.get(name, source)
            holder[operand] = name
            program.node_feedback[before] = [i for i in program.node_feedback[before] if i not in code]
            program.node_feedback[name] = code + program.node_feedback[name]

    def _sum(self, units: int) -> Slot:
        """Rows of the shared buffer that gradients are added to."""
        self.program.sums.append(self.low.reserve(units, False))
        return self.program.sums[-1]

    def _target(self, operand: str) -> Slot:
        """Where the adjoints of an operand are collected."""
        if operand in self.compiler.vertices:
            return self.compiler.region("drive", operand)
        if operand not in self.adjoint:
            source = self.compiler.read[operand]
            self.adjoint[operand] = self.low.temporary(source.units, True) if source.laned else self._sum(source.units)
        return self.adjoint[operand]

    def _passes(self, pull: Pull, leaving: Slot) -> bool:
        """Let an operand share the node's adjoint where both are the same: a sum or another view, and no other user."""
        name, operand, compiler = pull.node.name, pull.operand, self.compiler
        source = compiler.read[operand]
        if (
            operand in compiler.vertices
            or operand in compiler.senders
            or not source.laned
            or compiler.graph.consumers[operand] != (name,)
        ):
            return False
        linearised = compiler.linearised.get(name)
        plain = isinstance(linearised, dict) and linearised.get(pull.k) == (1.0, None, None)
        same = plain and source.units == compiler.place[name].units
        copies = pull.node.operator.description.copied is not None
        if compiler.alias(name) if copies else same:
            self.adjoint[operand] = leaving
            return True
        return False
