"""The compiler: a circuit becomes the program of flat arrays that the kernels work through."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import recurrent_of
from pcneuro.circuit.feedback import feedback
from pcneuro.graph.graph import Constant, Input, Latent, Parameter, Recurrent
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.ops.base import Placed, Slot
from pcneuro.ops.rows import lower_combine
from pcneuro.program.allocation import Allocation
from pcneuro.program.feedback_code import write_feedback
from pcneuro.program.kept import Kept
from pcneuro.program.lowering import Code, Lowering
from pcneuro.program.plasticity import write_drives
from pcneuro.program.program import Program
from pcneuro.program.states import emit_states

PROGRAMS: Kept[dict[str, Any]] = Kept(most=32, limit=256_000_000)
"""What circuits have been lowered to in this process, without the circuits."""
_LISTED = 4
"""A program's lists of instructions, and what engines derive of them, take some three times what its arguments do."""


class Compiler:
    """One pass over a circuit. ``place`` is where a node's computation is written, ``read`` where its users read it."""

    def __init__(
        self, circuit: Circuit, dynamics: AbstractDynamics, clamped: Collection[str], separate_errors: bool
    ) -> None:
        self.circuit, self.graph, self.low = circuit, circuit.graph, Lowering()
        self.dynamics = dynamics
        self.vertices = set(circuit.vertices)
        self.way = feedback(self.graph, self.vertices)
        self.active = self.way.active
        self.first: dict[str, int] = {}
        units = 0
        for name in circuit.vertices:
            self.first[name] = units
            units += self.graph.nodes[name].size
        self.units = units
        names = {"prediction", "error", "drive", *dynamics.regions}
        computed = all(dynamics.error_region(name) == "error" for name in circuit.vertices)
        if not computed or any(rule.reads_deviations for rule in circuit.plasticity.values()):
            names.add("deviation")  # Errors do not stand there, or something else than errors reads it.
        elif not separate_errors and all((circuit.precision[name] == 1).all() for name in circuit.vertices):
            names.discard("deviation")
        self.regions = {name: self.low.reserve(units, True).row for name in sorted(names)}
        self.regions.setdefault("deviation", self.regions["error"])
        self.values = self._values(clamped)
        self.precision_row = self.low.reserve(units, False).row
        self.gain_row = self.low.reserve(len(dynamics.rows) * units, False).row
        self.decay_row, self.growth_row = (self.low.reserve(units, False).row for _ in range(2))
        self.place: dict[str, Slot] = {}
        self.read: dict[str, Slot] = {}
        self.linearised: dict[str, object] = {}
        self.senders: dict[str, str] = {}
        """Leaf that closes a cycle -> the vertex whose activity it has."""
        self.constants: dict[str, int] = {}
        """Constant -> its first row."""
        self.initial: dict[str, Slot] = {}
        """Leaf that closes a cycle -> where what it has initially stands."""

    def _values(self, clamped: Collection[str]) -> dict[str, Slot]:
        """Vertex -> where predictions read its value: where predictions are held, the prediction itself serves them."""
        if not self.dynamics.holds_predictions:
            return {name: self.region(self.dynamics.state, name) for name in self.first}
        with_values = {*clamped, *self.graph.latents, *(node.name for node in self.graph.outputs.values())}
        values = {}
        for name in self.first:
            held = name in with_values
            values[name] = (
                self.low.reserve(self.graph.nodes[name].size, True) if held else self.region("prediction", name)
            )
        return values

    def region(self, region: str, vertex: str) -> Slot:
        """Rows of a vertex, as ``Program.slot`` has them."""
        if region == "value" and self.dynamics.holds_predictions:
            return self.values[vertex]
        return Slot(self.regions[region] + self.first[vertex], self.graph.nodes[vertex].size, True)

    def at(self, name: str) -> Placed:
        """Where a node's operator reads and writes; what is emitted next is known to be the node's."""
        node = self.graph.nodes[name]
        self.low.owner = name, tuple(self.operands(name))
        shapes = tuple(self.graph.nodes[o].shape for o in node.operands)
        return Placed(self.place[name], tuple(self.operands(name)), node.shape, shapes, self.linearised.get(name))

    def operands(self, name: str) -> list[Slot]:
        return [self.read[o] for o in self.graph.nodes[name].operands]

    def computed_shared(self, name: str) -> bool:
        """Whether a node's operands are all the same for every sample (vertices never are, each sample has its own)."""
        node = self.graph.nodes[name]
        return not node.is_leaf and all(not self.read[o].laned for o in node.operands)

    def allocate(self) -> None:
        low = self.low
        for name, node in self.graph.nodes.items():
            if isinstance(node.source, Input):
                self.read[name] = low.reserve(node.size, True)
            elif isinstance(node.source, Recurrent):
                self.place[name] = self.read[name] = low.reserve(node.size, True)
                self.senders[name] = self.graph.sender(name)
                self.initial[name] = low.reserve(node.size, True)
            elif isinstance(node.source, Latent):
                self.place[name] = self.region("prediction", name)
                self.read[name] = self.region("value", name)
            elif isinstance(node.source, Parameter | Constant):
                self.read[name] = low.temporary(node.size, False)
                if isinstance(node.source, Constant) and node.size:
                    self.constants[name] = self.read[name].row
            elif name in self.vertices:
                self.place[name] = (
                    low.temporary(node.size, False) if self.computed_shared(name) else self.region("prediction", name)
                )
                self.read[name] = self.region("value", name)
            elif self.alias(name):
                self.place[name] = self.read[name] = self.operands(name)[0]
            else:
                self.place[name] = self.read[name] = low.temporary(node.size, not self.computed_shared(name))

    def alias(self, name: str) -> bool:
        """Whether a folded node is another view of its one operand: the same units in the same order."""
        description = self.graph.nodes[name].operator.description
        if description.passes_on:
            return True
        flat = description.copied
        if flat is None or len(self.graph.nodes[name].operands) != 1:
            return False
        return flat.size == self.operands(name)[0].units and np.array_equal(flat, np.arange(flat.size))

    def forward(self, program: Program) -> None:
        shared: Code = []
        forward: Code = []
        for name, node in self.graph.nodes.items():
            if name in self.senders and not recurrent_of(self.graph, name).delay:
                every = np.arange(node.size)
                lower_combine(self.low, self.place[name], every, self.values[self.senders[name]], every, False)
                program.followed[name] = self.low.taken()
                forward += program.followed[name]
            if node.is_leaf or self.place[name] is (self.operands(name)[0] if self.operands(name) else None):
                continue
            node.operator.lower_forward(self.low, self.at(name))
            code = self.low.taken()
            if not self.place[name].laned:
                shared += code
                code = []
                if name in self.vertices:
                    every = np.arange(node.size)
                    lower_combine(self.low, self.region("prediction", name), every, self.place[name], every, False)
                    code = self.low.taken()
            program.node_forward[name] = code
            forward += code
        program.code["shared"], program.code["forward"] = shared, forward

    def linearise(self, program: Program) -> None:
        lists: dict[bool, Code] = {True: [], False: []}
        for name, node in self.graph.nodes.items():
            wanted = [k for k, o in enumerate(node.operands) if o in self.active]
            if node.is_leaf or not wanted:
                continue
            self.linearised[name] = node.operator.lower_linearise(self.low, self.at(name), wanted)
            code = self.low.taken()
            lists[self.place[name].laned] += code
            if self.place[name].laned:
                program.node_linearise[name] = code
        program.code["linearise"] = lists[True]
        program.code["shared"] += lists[False]


def lower(
    circuit: Circuit,
    dynamics: AbstractDynamics,
    clamped: Collection[str] = (),
    *,
    separate_errors: bool = False,
    currents: Collection[str] = (),
) -> Program:
    """Turn a circuit into a program for these dynamics, in which outputs and these vertices can be clamped.

    Errors that are deviations stand in the same rows, unless ``separate_errors``. There are rows for ``currents`` into
    these vertices. Circuits with the same ``key`` are lowered once.
    """
    key = circuit.key, dynamics.key, frozenset(clamped), separate_errors, frozenset(currents)
    given = circuit, dynamics, clamped, separate_errors, currents
    blank = PROGRAMS.get(key, lambda: _lowered(*given).blank(), lambda blank: _LISTED * int(blank["ints"].nbytes))
    return Program(circuit=circuit, **blank)


def _lowered(
    circuit: Circuit,
    dynamics: AbstractDynamics,
    clamped: Collection[str],
    separate_errors: bool,
    currents: Collection[str],
) -> Program:
    compiler = Compiler(circuit, dynamics, clamped, separate_errors)
    compiler.allocate()
    low = compiler.low
    program = Program(
        circuit=circuit,
        units=compiler.units,
        regions=compiler.regions,
        first=compiler.first,
        values=compiler.values,
        leaves={},
        adjoints={},
        sums=[],
        rows=0,
        shared_rows=0,
        constants=low.arrays,
        leaf_rows=compiler.constants,
        ints=np.empty(0, dtype=np.int64),
        precision_row=compiler.precision_row,
        gain_row=compiler.gain_row,
        decay_row=compiler.decay_row,
        growth_row=compiler.growth_row,
    )
    compiler.forward(program)
    compiler.linearise(program)
    write_feedback(compiler, program)
    for name in sorted(currents):
        every = np.arange(circuit.graph.nodes[name].size)
        program.currents[name] = low.reserve(every.size, True)
        drive = compiler.region("drive", name)
        lower_combine(low, drive, every, program.currents[name], every, bool(program.pulls.get(name)))
        program.flow[name] = low.taken()
    leaves = (*circuit.graph.inputs, *circuit.graph.parameters, *circuit.graph.recurrent)
    program.leaves, program.initial = {name: compiler.read[name] for name in leaves}, compiler.initial
    write_drives(low, program, dynamics, compiler.read)
    emit_states(low, program, dynamics)
    _allocate(low, program, dynamics)
    program.rows, program.shared_rows = low.rows[True], low.rows[False]
    program.ints = np.concatenate(low.ints) if low.ints else np.zeros(1, dtype=np.int64)
    return program


def _allocate(low: Lowering, program: Program, dynamics: AbstractDynamics) -> None:
    """Give temporaries their rows."""
    sweep = [*program.node_forward.values(), *program.node_linearise.values()]
    steps = [part for parts in program.pulls.values() for _, part in parts]
    held = dynamics.holds_predictions
    sums = [code for _, code in (*program.hebb, *program.drives.values())]
    steps += [*program.followed.values(), *program.sending.values(), program.learning, *sums]
    allocation = Allocation(low, sweep if held else [], [*([] if held else sweep), *steps])
    program.collected = {name: allocation.slot(slot) for name, slot in program.collected.items()}
    program.origin = {at: (name, tuple(map(allocation.slot, slots))) for at, (name, slots) in low.origin.items()}
