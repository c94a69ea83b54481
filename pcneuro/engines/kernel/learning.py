"""Plasticity in the kernel engine: the rules of a circuit as the compiled loop takes them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines.abstract import Stepped
from pcneuro.engines.kernel.blocks import AbstractBlocks
from pcneuro.engines.kernel.gradients import phases_of
from pcneuro.engines.kernel.noise import Noises
from pcneuro.engines.kernel.playing import Playing
from pcneuro.engines.kernel.record_buffer import RecordBuffer
from pcneuro.engines.kernel.update_steps import UpdateSteps
from pcneuro.engines.plastic import Plastic
from pcneuro.kernels import dispatch
from pcneuro.kernels import learning as loop
from pcneuro.kernels.arguments import (
    GAIN_COLUMNS,
    GROUP_OF_COLUMNS,
    LEARNED_COLUMNS,
    LEARNED_NUMBERS,
    PRE,
    Blocks,
    Dirty,
    Layout,
    Learning,
    Team,
)
from pcneuro.kernels.hebbian import PANEL
from pcneuro.kernels.team import BOARD, DISMISSED, TICKET
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.ops.base import Slot
from pcneuro.program import Program
from pcneuro.program.lowering import Code, as_array
from pcneuro.recording.probe import Probe

CALLS = loop.learn, loop.reweigh
"""The compiled functions that a run calls in which parameters change."""
ROLE = "learn"
SHARED_STEP = 2e-5
"""Seconds of a step from which on it is worth dividing: threads wait for each other some four times in one."""
SHARED_CONTEXT = 1, 1, 0, 1, 0
"""Context of instructions on what all samples share: one lane, in use, one part of one."""


@dataclass(frozen=True, eq=False)
class Rules:
    """The rules of a circuit, with what is clamped now; fields are those of ``kernels.arguments.Learning``."""

    plastic: Sequence[Plastic]
    fields: dict[str, Any]

    def of(self, records: RecordBuffer, contexts: np.ndarray, shares: int) -> Learning:
        """What the loop takes, for steps in which this is recorded of parameters, by so many threads."""
        recorded = records.of_block(0)
        panel = len(contexts) * self.fields["breadth"] if (self.fields["table"][:, PRE] >= 0).any() else 0
        return Learning(
            **self.fields,
            context=np.array(SHARED_CONTEXT, dtype=np.int64),
            contexts=np.tile(contexts, (shares, 1, 1)),
            panels=np.zeros((shares, panel), dtype=records.buf.dtype),
            fresh=np.zeros(len(contexts), dtype=np.int64),
            records=recorded.table,
            recorded=recorded.buf,
        )


class AbstractLearner(AbstractBlocks):
    """An engine whose parameters change, and what it has for the loop over time steps."""

    plastic: tuple[Plastic, ...]
    rules: Rules
    room_row: int
    """Row of ``shared`` from which on there is room for what is kept of parameters in a step."""
    updates: UpdateSteps
    layout: Layout
    flags: np.ndarray
    largest: np.ndarray
    playing: Playing
    noise: Noises
    eta: np.ndarray
    current: bool
    driven: bool
    """Whether errors, and what comes of them, are those of the state; and whether all feedback is."""

    @abstractmethod
    def slots(self, vertex: str, variable: str) -> tuple[Slot, ...]:
        """The rows, one or two, whose sum is a variable of a vertex."""

    @abstractmethod
    def failed(self) -> NoReturn:
        """Say which kernel failed, and why: the state is that in which it did."""


def room(plastic: Sequence[Plastic], circuit: Circuit, integrator: AbstractIntegrator) -> int:
    """Numbers that the shared buffer needs beside those of a program: what is kept in a step of several stages."""
    values, stages = circuit.learned, len(integrator.weights)
    return sum(_kept(p, values[p.name].size, stages) for p in plastic)


def _kept(p: Plastic, size: int, stages: int) -> int:
    """Numbers that are kept of a parameter: where a step begins, and the slope of each stage."""
    return size * (stages + 1) if p.every is None and stages > 1 else 0


def rules_of(engine: AbstractLearner) -> Rules:
    """The rules of an engine's circuit, those that are integrated first, with what is clamped now."""
    program, plastic = engine.program, sorted(engine.plastic, key=lambda p: p.every or 0)
    stages = len(engine.tableau.weights)
    intervals = [None, *dict.fromkeys(p.every for p in plastic if p.every is not None)]
    table: list[list[int]] = []
    groups: list[list[int]] = []
    code: list[np.ndarray] = []
    parts: list[np.ndarray] = []
    phases: list[list[int]] = []
    zeroed: list[list[int]] = []
    place = engine.room_row
    for every in intervals:
        members = [p for p in plastic if p.every == every]
        fused = {} if every is None and stages > 1 else _fused(engine, members)
        sums, slots, backward = _sums(program, [p for p in members if p.name not in fused])
        begun = len(table), len(phases), len(zeroed)
        for phase in phases_of(sums, program, engine.dtype.itemsize):
            first = sum(map(len, code))
            code += [phase.whole, phase.split]
            parts += [np.zeros(len(phase.whole), dtype=np.int64), phase.parts]
            phases.append([first, first + len(phase.whole) + len(phase.split)])
        zeroed += [[slot.row, slot.units] for slot in slots]
        for p in members:
            slot, flag = program.leaves[p.name], engine.updates.plastic[p.name]
            outer = fused.get(p.name, (-1, -1, 1))
            precision = program.precision_row + program.first[p.of] if p.rule.of_vertex else -1
            table.append([slot.row, slot.units, program.drives[p.name][0].row, place, flag, *outer, precision])
            place += _kept(p, slot.units, stages)
        ends = len(table), len(phases), len(zeroed)
        pairs = [number for pair in zip(begun, ends, strict=True) for number in pair]
        groups.append([every or 0, *pairs, int(backward)])
    numbers = [[p.rate, p.rule.decay, *p.rule.limits] for p in plastic]
    gains, taus = _gains(engine)
    fields = {
        "table": np.array(table, dtype=np.int64).reshape(-1, LEARNED_COLUMNS),
        "numbers": np.array(numbers, dtype=engine.dtype).reshape(-1, LEARNED_NUMBERS),
        "groups": np.array(groups, dtype=np.int64).reshape(-1, GROUP_OF_COLUMNS),
        "code": np.concatenate([as_array(), *code]),
        "parts": np.concatenate([np.zeros(0, dtype=np.int64), *parts]),
        "sums": np.array(phases, dtype=np.int64).reshape(-1, 2),
        "zeroed": np.array(zeroed, dtype=np.int64).reshape(-1, 2),
        "tail": engine.updates.tail,
        "backward": as_array(program.code["shared_backward"]),
        "refreshed": as_array(program.code["shared"]),
        "gains": gains,
        "taus": taus,
        "dt": engine.dtype.type(engine.integrator.dt),
        "exact": engine.integrator.exact_leak,
        "panel": program.shared_rows,
        "breadth": PANEL[engine.dtype],
        "samples": engine.data.batch,
    }
    engine.compile(fields["code"], fields["tail"], fields["backward"], fields["refreshed"])
    return Rules(plastic, fields)


def _sums(program: Program, members: Sequence[Plastic]) -> tuple[list[tuple[Slot, Code]], list[Slot], bool]:
    """The instructions that sum the drives of these, what they add to, and whether shared adjoints are pulled back.

    Where a parameter is read as it stands its own sums do; else all sums are made.
    """
    own = [program.drives[p.name] for p in members if not p.rule.hebbian]
    sums, slots = list(own), [slot for slot, _ in own]
    wanted = {program.drives[p.name][0].row for p in members if p.rule.hebbian}
    if not wanted:
        return sums, slots, False
    if program.code["shared_backward"]:
        return [*program.hebb, *sums], [*program.sums, *slots], True
    chosen = [(slot, code) for slot, code in program.hebb if slot.row in wanted]
    return [*chosen, *sums], [*(s for s in program.sums if s.row in wanted), *slots], False


def _fused(engine: AbstractLearner, members: Sequence[Plastic]) -> dict[str, tuple[int, int, int]]:
    """Rows before and behind, and how many behind, of those whose drive is one product of activities.

    The sum over samples is made where it is used then, in one pass over the weights.
    """
    program = engine.program
    if program.code["shared_backward"]:
        return {}
    outer = dispatch.opcode("hebb")
    wanted = [program.drives[p.name][0].row for p in members]
    found = {}
    for p in members:
        target = program.drives[p.name][0]
        codes = [code for slot, code in program.hebb if slot.row == target.row]
        single = len(codes) == 1 and len(codes[0]) == 1 and codes[0][0][0] == outer
        if not (p.rule.hebbian and single and wanted.count(target.row) == 1):
            continue
        ints, at = program.ints, codes[0][0][1]
        (out, pre, post), (products, rows, columns, sums) = ints[at + 1 : at + 4], ints[at + 4 : at + 8]
        # Offsets over rows and columns of the weights, over what is before and what is behind; then those of no axis.
        axes = [(9, rows, columns), (10, columns, 1), (12, rows, 1), (16, columns, 1)]
        tables = [(ints[ints[at + k] :][:n], step * np.arange(n)) for k, n, step in axes]
        whole = out == target.row and rows * columns == target.units and products == sums == 1 and rows > 1
        if whole and all(np.array_equal(table - table[0], evenly) for table, evenly in tables):
            before, behind = (sum(int(ints[ints[at + k]]) for k in axis) for axis in ((11, 12, 13), (14, 15, 16)))
            found[p.name] = int(pre) + before, int(post) + behind, int(columns)
    return found


def _gains(engine: AbstractLearner) -> tuple[np.ndarray, np.ndarray]:
    """The table of gains that follow precisions, and the time constants in it."""
    program, rows = engine.program, []
    taus: list[np.ndarray] = []
    begin = 0
    learned = {p.of for p in engine.plastic if p.rule.of_vertex}
    for name, row in engine.moving() if learned else ():
        if name not in learned:
            continue
        neurons = engine.circuit.properties[name]
        ones = engine.with_precision(name, np.ones_like(neurons.precision))
        twos = engine.with_precision(name, np.full_like(neurons.precision, 2.0))
        (tau, leak), (tau_of_two, leak_of_two) = (engine.dynamics.rates(row, each) for each in (ones, twos))
        scaled, leaks = (not np.array_equal(a, b) for a, b in ((tau, tau_of_two), (leak, leak_of_two)))
        if not (scaled or (leaks and engine.integrator.exact_leak)):
            continue
        first = program.first[name]
        gain = program.gain_row + engine.dynamics.rows.index(row) * program.units + first
        rows.append([gain, program.precision_row + first, begin, tau.size, int(scaled), int(leaks)])
        taus.append(tau.ravel())
        begin += tau.size
    table = np.array(rows, dtype=np.int64).reshape(-1, GAIN_COLUMNS)
    return table, np.concatenate([np.zeros(0), *taus]).astype(engine.dtype)


def reweigh(engine: AbstractLearner) -> None:
    """Compute what follows from parameters alone, precisions and gains among it."""
    shared, program = engine.shared, engine.program
    if program.share_row >= 0:
        shared[program.share_row] = 1.0 / engine.data.batch
    rules = engine.rules.of(RecordBuffer.of([], [], 0, 0, (1, 1), engine.dtype), engine.contexts, 1)
    loop.reweigh(engine.operators, shared, rules)


def held(engine: AbstractLearner, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
    """Steps in which no parameter changes, and some are recorded."""
    stepped = engine.step(number, steps, [probe for probe in probes if not probe.of_parameter])
    others = iter(stepped.recorded)
    done = stepped.steps + (0 if stepped.finite else 1)
    recorded = [
        np.repeat(engine.observed(probe)[None], probe.count(number, done), axis=0)
        if probe.of_parameter
        else next(others)
        for probe in probes
    ]
    return replace(stepped, recorded=recorded)


def step(engine: AbstractLearner, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
    """Steps in which parameters change, of all blocks together."""
    engine.current = engine.driven = False
    neurons = [probe for probe in probes if not probe.of_parameter]
    weights = [probe for probe in probes if probe.of_parameter]
    slots = [engine.slots(probe.vertex, probe.variable) for probe in neurons]
    shape = len(engine.buf), engine.lanes
    of_neurons = RecordBuffer.of(neurons, slots, number, steps, shape, engine.dtype)
    leaves = [(engine.program.leaves[probe.vertex],) for probe in weights]
    of_weights = RecordBuffer.of(weights, leaves, number, steps, (1, 1), engine.dtype)
    shares = engine.shares(ROLE, SHARED_STEP)
    team = Team(np.zeros(BOARD, dtype=np.int64), np.zeros(shares, dtype=np.int64), shares)
    given = (
        engine.operators,
        Blocks(engine.buf, engine.shared, engine.contexts),
        engine.updates.tables,
        engine.layout,
        Dirty(engine.flags, engine.largest, engine.tolerance),
        engine.tableau,
        engine.playing.of_all(),
        engine.noise.of_all(engine, engine.eta),
        of_neurons.of_all(),
        engine.rules.of(of_weights, engine.contexts, shares),
        team,
    )

    def part(share: int) -> tuple[int, int, bool]:
        try:
            return loop.learn(*given, share, number, steps)
        finally:
            if share == 0:
                team.board[TICKET] = DISMISSED

    status, done, finite = engine.spread(ROLE, part, shares, steps)[0]
    if status != dispatch.OK:
        engine.failed()
    recorded = done if finite else done + 1
    parts = iter(of_neurons.recorded(recorded, engine.data.batch)), iter(of_weights.recorded(recorded, 1))
    engine.data = engine.data.at(number + max(done, 1) - 1, engine.playing.ends)
    engine.contexts[:, dispatch.STEP_NUMBER] = number + done
    return Stepped(done, finite, [next(parts[probe.of_parameter]) for probe in probes])
