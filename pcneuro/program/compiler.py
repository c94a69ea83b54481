"""The compiler: a circuit becomes the program of flat arrays that the kernels work through."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import recurrent_of
from pcneuro.circuit.feedback import AbstractVisitor, Pull, Station, feedback
from pcneuro.graph.graph import Constant, Input, Latent, Parameter, Recurrent
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.ops.base import Placed, PlacedPull, Slot
from pcneuro.ops.rows import lower_combine
from pcneuro.program.allocation import Allocation
from pcneuro.program.lowering import Code, Lowering
from pcneuro.program.plasticity import write_drives
from pcneuro.program.program import Program
from pcneuro.program.states import emit_states


class _Compiler:
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
                if isinstance(node.source, Constant):
                    low.arrays[self.read[name].row] = node.source.value.ravel()
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


class _FeedbackCode(AbstractVisitor[Station, Slot]):
    """The instructions of adjoints, children before parents.

    What leaves a vertex starts from its own error and ends at the drive of its parents; a gradient ends at a parameter.
    """

    def __init__(self, compiler: _Compiler, program: Program) -> None:
        self.compiler, self.program, self.low = compiler, program, compiler.low
        for name, node in compiler.graph.parameters.items():
            program.adjoints[name] = self._sum(node.size)
        self.adjoint: dict[str, Slot] = dict(program.adjoints)
        self.written: set[str] = set()
        self.shared: Code = []
        self.feedback: Code = []
        """What leaves the station that the visitor is at."""

    def write(self) -> None:
        """Emit everything."""
        program = self.program
        self.visit(self.compiler.way.stations)
        if self.compiler.dynamics.holds_predictions:
            self._join()
        program.code["shared_backward"] = self.shared
        program.code["feedback"] = [i for code in program.node_feedback.values() for i in code]

    def arrive(self, station: Station) -> Slot | None:
        """Where the adjoint of a node's own computation stands, or None where nothing asks for it."""
        name, compiler = station.name, self.compiler
        self.feedback = []
        if station.node.is_leaf or name not in compiler.active:
            return None
        if name not in compiler.vertices:
            return self.adjoint.get(name)
        error = compiler.region("error", name)
        if compiler.place[name].laned:
            return error
        summed, every = self._sum(station.node.size), np.arange(station.node.size)
        lower_combine(self.low, summed, every, error, every, True)
        self.program.hebb.append((summed, self.low.taken()))
        return summed

    def pull(self, station: Station, pull: Pull, leaving: Slot) -> None:
        program = self.program
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

    def _join(self) -> None:
        """Let an adjoint that one consumer writes and one operand reads be computed where it is read.

        It then needs no rows of its own. Not where derivatives change with the state, which it would have to notice.
        """
        program = self.program
        holder: dict[str, str] = {}
        """Node -> the one among whose feedback is what writes its adjoint, where that is not the consumer."""
        for station in self.compiler.way.stations:
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
    these vertices.
    """
    compiler = _Compiler(circuit, dynamics, clamped, separate_errors)
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
        ints=np.empty(0, dtype=np.int64),
        precision_row=compiler.precision_row,
        gain_row=compiler.gain_row,
        decay_row=compiler.decay_row,
        growth_row=compiler.growth_row,
    )
    compiler.forward(program)
    compiler.linearise(program)
    _FeedbackCode(compiler, program).write()
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
    precision = [circuit.precision[name].ravel() for name in circuit.vertices]
    program.constants[program.precision_row] = np.concatenate(precision) if precision else np.zeros(0)
    return program


def _allocate(low: Lowering, program: Program, dynamics: AbstractDynamics) -> None:
    """Give temporaries their rows."""
    sweep = [*program.node_forward.values(), *program.node_linearise.values()]
    steps = [part for parts in program.pulls.values() for _, part in parts]
    held = dynamics.holds_predictions
    sums = [code for _, code in (*program.hebb, *program.drives.values())]
    steps += [*program.followed.values(), *sums]
    allocation = Allocation(low, sweep if held else [], [*([] if held else sweep), *steps])
    program.collected = {name: allocation.slot(slot) for name, slot in program.collected.items()}
    program.origin = {at: (name, tuple(map(allocation.slot, slots))) for at, (name, slots) in low.origin.items()}
