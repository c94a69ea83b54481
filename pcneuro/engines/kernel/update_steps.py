"""A time step as update steps: instructions that run together, and the changes that make them run again.

An update step runs again where a dirty flag of what it depends on is up: where something that it reads has changed
since it was read last. Nothing else can change what it writes, so that leaving it out changes no bit of any result.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pcneuro.circuit.feedback import value_feedback
from pcneuro.circuit.plasticity import VARIANCE
from pcneuro.kernels import arguments
from pcneuro.kernels.arguments import FRESH, INPUTS, UNSWEPT
from pcneuro.model.dynamics import AbstractDynamics, StateRow
from pcneuro.program import Program
from pcneuro.program.lowering import Code, as_array

GROUP = 32
"""Update steps in a group."""


@dataclass(frozen=True)
class UpdateSteps:
    """What ``loop.advance`` goes through in every time step.

    ``flag_count`` is the number of dirty flags of a block; ``tail`` are instructions for what gradients ask for beside
    update steps that do not end at a drive; ``swept`` are flags that need not be up where the feedforward sweep has
    just computed all predictions. By name of ``inputs``, of ``clamped`` vertices and of those that ``currents`` flow
    into the flags that say that one has changed, and changed for its readers.
    """

    tables: arguments.Updates
    flag_count: int
    tail: np.ndarray
    swept: np.ndarray
    inputs: Mapping[str, tuple[int, int]]
    clamped: Mapping[str, tuple[int, int]]
    currents: Mapping[str, tuple[int, int]]
    plastic: Mapping[str, int]
    """What plasticity changes -> the flag that says that it has, among those of inputs."""

    def fresh(self, blocks: int) -> np.ndarray:
        """Dirty flags by block, before the first time step: everything has changed."""
        return np.ones((blocks, self.flag_count), dtype=np.int64)


@dataclass(frozen=True)
class Ring:
    """Rows of a block that hold the past of a vertex: the first of them, and how many steps, of as many rows each."""

    row: int
    steps: int


def driving(program: Program) -> tuple[str, ...]:
    """Nodes whose adjoint drives a vertex, last first; that of all others only gradients ask for, after the steps."""
    return tuple(station.name for station in value_feedback(program.circuit.graph, program.first).stations)


class _Builder:
    """Lays out the update steps for what is clamped now."""

    def __init__(
        self, program: Program, dynamics: AbstractDynamics, clamped: Collection[str], rings: Mapping[str, Ring]
    ) -> None:
        self.program, self.dynamics, self.clamped, self.ring_of = program, dynamics, clamped, rings
        self.graph = program.circuit.graph
        self.code: Code = []
        self.rows: list[list[int]] = []
        self.dependencies: list[int] = []
        self.flag_count = INPUTS
        self.inputs = {name: self._flag() for name in self.graph.inputs}
        self.currents = {name: self._flag() for name in program.currents}
        self.plastic = {name: self._flag() for name in program.circuit.rules}
        self.state = {name: self._flag() for name in program.first}
        self.sent_state = {name: self._flag() for name in program.first}
        self.sent_error = {name: self._flag() for name in program.first}
        self.further: dict[StateRow, dict[str, tuple[int, int]]] = {
            row: {name: (self._flag(), self._flag()) for name in program.first} for row in dynamics.rows[1:]
        }
        """Row of the state beside values -> vertex -> flags that it changed, and changed for its readers."""
        for row, flags in self.further.items():
            if row.variable == "error":
                integrated = (name for name in program.first if dynamics.integrates("error", name))
                self.sent_error |= {name: flags[name][1] for name in integrated}
        self.always = self._flag()
        """A flag that nothing takes down, of what is drawn anew in each step."""
        self.sent: dict[str, int] = {}
        """Vertex whose messages are drawn -> the flag that is up where they have been."""
        self.error: dict[str, int] = {}
        self.computed: dict[str, int] = {}
        self.feedback: dict[str, int] = {}

    def _flag(self) -> int:
        self.flag_count += 1
        return self.flag_count - 1

    def _add(
        self,
        code: Code,
        inputs: Sequence[int],
        vertex: int = -1,
        *,
        begun: int = FRESH,
        drives: bool = False,
    ) -> int:
        """Add an update step, which depends on these flags; returns the flag that is up where it ran.

        ``begun`` is the flag of a start that it depends on, ``drives`` whether it ends at the drive of a vertex.
        """
        first, dependency, ran = len(self.code), len(self.dependencies), self._flag()
        self.code += code
        self.dependencies += [begun, *dict.fromkeys(inputs)]
        self.rows.append([first, len(self.code), dependency, len(self.dependencies), ran, vertex, int(drives)])
        return ran

    def read(self, name: str) -> list[int]:
        """The flags that are up where the value of a node has changed, as its users read it."""
        if name in self.inputs:
            return [self.inputs[name]]
        if name in self.plastic:
            return [self.plastic[name]]
        if name in self.state:
            return [self.sent_state[name]]
        if name in self.computed:
            return [self.computed[name]]
        node = self.graph.nodes[name]
        return [] if node.is_leaf else [s for operand in node.operands for s in self.read(operand)]

    def predictions(self) -> None:
        """Every node's own computation and its derivatives."""
        for name, code in self.program.followed.items():
            # It may have followed no vertex yet when the feedforward sweep read it.
            self.computed[name] = self._add(code, self.read(self.graph.sender(name)))
        for name in self.ring_of:
            self.computed[name] = self._flag()
        for name, code in self.program.node_forward.items():
            inputs = [s for operand in self.graph.nodes[name].operands for s in self.read(operand)]
            if not self.graph.nodes[name].is_leaf and self.graph.nodes[name].operator.draws:
                inputs.append(self.always)
            code = code + self.program.node_linearise.get(name, [])
            self.computed[name] = self._add(code, inputs, begun=UNSWEPT)

    def errors(self) -> None:
        """Every vertex's error."""
        for number, name in enumerate(self.program.first):
            code: Code = []
            for part in self.dynamics.before_error:
                code += self.program.vertex_code.get(part, {}).get(name, [])
            if name in self.clamped:
                code += self.program.energy.get(name, [])
            for part in self.dynamics.after_error:
                code += self.program.vertex_code.get(part, {}).get(name, [])
            sending, payload = self.program.sending.get(name, []), self.program.circuit.payloads.get(name)
            drawn = payload is not None and payload.drawn
            code += [] if drawn else sending
            inputs = [self.state[name], *([self.computed[name]] if name in self.computed else [])]
            inputs += [flags[name][0] for flags in self.further.values()]
            inputs += [flag for flag in [self.plastic.get(f"{name}{VARIANCE}")] if flag is not None]
            self.error[name] = self._add(code, inputs, -1 if self.dynamics.integrates("error", name) else number)
            if drawn:
                self.sent[name] = self._add(sending, [self.always])

    def adjoint(self, name: str) -> int:
        """The flag that is up where the adjoint of a node has changed."""
        if name in self.error:
            return self.sent.get(name, self.sent_error[name])
        if name in self.feedback:
            return self.feedback[name]
        passed = self.program.passed[name]
        return self.adjoint(passed)

    def pulls(self) -> None:
        """What each node gets from its consumers; last, vertices with a cycle, which consumers before them drive."""
        senders = {self.graph.sender(leaf) for leaf in self.graph.recurrent}
        for name in sorted(driving(self.program), key=senders.__contains__):
            code: Code = []
            inputs: list[int] = []
            for consumer, part in self.program.pulls.get(name, []):
                code += part
                inputs.append(self.adjoint(consumer))
                if self.computed:
                    inputs += [self.computed[consumer]] if consumer in self.computed else self.read(consumer)
            if code and name in self.currents:
                code += self.program.flow[name]
                inputs.append(self.currents[name])
            if code:
                self.feedback[name] = self._add(code, inputs, drives=name in self.program.first)
        for name, flag in self.currents.items():
            if name not in self.feedback:
                self.feedback[name] = self._add(self.program.flow[name], [flag], drives=True)

    def tail(self) -> Code:
        """Adjoints of nodes that are no vertices, but for those that have an update step."""
        if self.program.sending:
            return self.program.learning
        code: Code = []
        for name in reversed(list(self.graph.nodes)):
            if name in self.program.first:
                code += self.program.joined.get(name, [])
            elif name not in self.feedback:
                code += [i for _, part in self.program.pulls.get(name, []) for i in part]
        return code

    def groups(self) -> list[list[int]]:
        """Update steps that follow each other, and what they depend on outside: in a wave, few of them have work."""
        groups, sent = [], list(self.sent_error.values())
        for first in range(0, len(self.rows), GROUP):
            last, dependency = min(first + GROUP, len(self.rows)), len(self.dependencies)
            within: set[int] = set()
            outside: list[int] = []
            for _, _, begin, end, ran, vertex, _ in self.rows[first:last]:
                outside += [flag for flag in self.dependencies[begin:end] if flag not in within]
                within.add(ran)
                if vertex >= 0:
                    within.add(sent[vertex])
            self.dependencies += dict.fromkeys(outside)
            groups.append([first, last, dependency, len(self.dependencies), self._flag()])
        return groups

    def changes(self, region: str, name: str) -> int:
        """The flag that is up where a drive or leak of a vertex has changed."""
        if region == "drive":
            return self.feedback.get(name, self.error[name])
        for row, flags in self.further.items():
            if row.region == region and self.dynamics.integrates(row.variable, name):
                return flags[name][0]
        return self.error[name]

    def leaked(self, row: StateRow, name: str) -> int:
        """The flag that is up where a row of a vertex may move by its leak.

        Where that is what the row itself is, the two change together. Where it is another row, as an error that is
        integrated, both can stand while this one goes on by the same in every step.
        """
        flag, own = self.changes(row.leak, name), self.state[name]
        if row is not self.dynamics.rows[0] or flag == self.error[name]:
            return flag
        return self._add([], [flag, own])

    def states(self) -> list[list[int]]:
        """The table of what is integrated: values of all vertices, then the further rows of the state."""
        table: list[list[int]] = []
        program = self.program
        count = len(self.dynamics.rows) * len(program.first)
        for number, row in enumerate(self.dynamics.rows):
            before = number * program.units
            for name, first in program.first.items():
                flags = self.further[row][name] if number else (self.state[name], self.sent_state[name])
                predicted = program.circuit.has_prediction(name)
                moves = self.dynamics.moves(row, name, name in self.clamped, predicted)
                regions = (program.regions[region] + first for region in (row.region, row.drive, row.leak))
                table.append(
                    [
                        before + first,
                        self.graph.nodes[name].size,
                        *flags,
                        self.leaked(row, name) if moves else self.changes(row.leak, name),
                        self.sent_error[name],
                        self.changes(row.drive, name),
                        int(moves),
                        int(predicted),
                        *regions,
                        program.gain_row + before + first,
                        count if row.variable == "error" else len(table),
                    ]
                )
        return table

    def rings(self) -> list[list[int]]:
        """The table of what is recalled of vertices."""
        table = []
        for name, ring in self.ring_of.items():
            present, leaf = self.program.values[self.graph.sender(name)], self.program.leaves[name]
            table.append([present.row, ring.row, leaf.row, ring.steps, leaf.units, self.computed[name]])
        return table

    def build(self) -> UpdateSteps:
        if not self.dynamics.holds_predictions:
            self.predictions()
        self.errors()
        self.pulls()
        states = self.states()
        groups = self.groups()
        tables = arguments.Updates(
            as_array(self.code),
            np.array(self.rows, dtype=np.int64).reshape(-1, arguments.UPDATE_COLUMNS),
            np.array(groups, dtype=np.int64).reshape(-1, arguments.GROUP_COLUMNS),
            np.array(self.dependencies, dtype=np.int64),
            np.array(states, dtype=np.int64).reshape(-1, arguments.STATE_COLUMNS),
            np.array(self.rings(), dtype=np.int64).reshape(-1, arguments.RING_COLUMNS),
        )
        return UpdateSteps(
            tables,
            self.flag_count,
            as_array(self.tail()),
            np.array(
                [
                    UNSWEPT,
                    *self.inputs.values(),
                    *self.plastic.values(),
                    *self.state.values(),
                    *self.sent_state.values(),
                ]
            ),
            {name: (flag, flag) for name, flag in self.inputs.items()},
            {name: (self.state[name], self.sent_state[name]) for name in self.clamped},
            {name: (flag, flag) for name, flag in self.currents.items()},
            self.plastic,
        )


def update_steps(
    program: Program, dynamics: AbstractDynamics, clamped: Collection[str], rings: Mapping[str, Ring]
) -> UpdateSteps:
    """The update steps of a program, with these vertices clamped, and these leaves that have the past of a vertex."""
    return _Builder(program, dynamics, clamped, rings).build()


def lists_of(
    program: Program, dynamics: AbstractDynamics, clamped: Collection[str], rings: Mapping[str, Ring]
) -> tuple[np.ndarray, np.ndarray, UpdateSteps]:
    """The feedforward sweep, all that follows from a state, and the update steps; they depend on no number."""
    energies = [code for name, code in program.energy.items() if name in clamped]
    rhs = as_array(
        *(program.code[k] for k in dynamics.before_error),
        *energies,
        *(program.code[k] for k in dynamics.after_error),
        *program.flow.values(),
    )
    sweep: Code = []
    for name, forward in program.node_forward.items():
        sweep += forward
        if name in program.settle and name not in clamped:
            sweep += program.settle[name]
    opening = as_array(sweep, program.code["linearise"], program.code["deviate"])
    return opening, rhs, update_steps(program, dynamics, clamped, rings)
