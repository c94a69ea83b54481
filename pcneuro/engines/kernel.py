"""The kernel engine: the compiled loop over blocks of samples, each on its own state, in as many threads as wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import numpy as np

from pcneuro.circuit import Circuit
from pcneuro.dynamics import AbstractDynamics
from pcneuro.engines import leaping, settling
from pcneuro.engines.abstract import AbstractEngine, Data, Engine, Law, Stepped, Tape
from pcneuro.engines.cells import cells
from pcneuro.engines.summing import Phase, phases
from pcneuro.engines.threads import available_threads, spread
from pcneuro.errors import ParameterError
from pcneuro.graph import Latent
from pcneuro.integrators import AbstractIntegrator
from pcneuro.kernels import dispatch, loop
from pcneuro.kernels.hebbian import PANEL
from pcneuro.kernels.tile import vector_length
from pcneuro.lowering import Code, as_array
from pcneuro.ops.base import Slot
from pcneuro.program import lower

# The most samples in a block: two 512-bit vectors of floats. The same for any number of threads, as all results are.
LANES = {np.dtype(np.float32): 32, np.dtype(np.float64): 16}
# Below this many multiplications a Hebbian sum is not worth handing to several threads.
SPLIT_WORK = 2_000_000


@dataclass(frozen=True)
class Kernel(Engine):
    """The compiled engine.

    Parameters
    ----------
    threads
        Number of threads, by default one for each processor; results do not depend on it.
    tolerance
        What a population sends is read again where it has changed since it was read last: at all (0, the default, which
        changes no bit of any result), or by more than this share of the population's largest activity.

    Raises ParameterError for values out of range.
    """

    threads: int | None = None
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.threads is not None and (not isinstance(self.threads, int) or self.threads < 1):
            raise ParameterError(f"threads={self.threads!r}: give a whole number from 1 on, or None for all processors")

        if not (isinstance(self.tolerance, int | float) and 0 <= self.tolerance < 1):
            raise ParameterError(f"tolerance={self.tolerance!r}: give a share from 0 to below 1")

    def make(
        self, circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, dtype: np.dtype
    ) -> KernelEngine:
        return KernelEngine(circuit, dynamics, integrator, dtype, self)


class KernelEngine(AbstractEngine):
    """Buffers for the program of a circuit.

    ``buf`` (blocks, rows * lanes) holds activities, ``shared`` what all samples share.
    """

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        dtype: np.dtype,
        settings: Kernel,
    ) -> None:
        super().__init__(circuit, dynamics, integrator, dtype, settings)
        self.threads = settings.threads or available_threads()
        self.program = lower(circuit)
        self.phases = phases(self.program)
        self.table = dispatch.table(dtype)
        # Behind what the program has, room for each part of a Hebbian sum.
        self.shared = np.zeros(self.program.shared_rows + self.threads * PANEL[dtype], dtype=dtype)
        for row, values in self.program.constants.items():
            self.shared[row : row + values.size] = values
        self.tableau = np.array(integrator.tableau, dtype=dtype)
        self.weights = np.array(integrator.weights, dtype=dtype)
        self.lanes = 1
        self.buf = np.zeros((1, 1), dtype=dtype)
        self.contexts = np.zeros((1, dispatch.CONTEXT), dtype=np.int64)
        self.tolerance = np.dtype(dtype).type(settings.tolerance)
        self.rhs = self.observe = as_array()
        self.leaps: dict[frozenset[str], leaping.Leap] = {}
        self.load(self.parameters)

    # Buffers

    def load(self, parameters: Mapping[str, np.ndarray]) -> None:
        for name, value in parameters.items():
            slot = self.program.leaves[name]
            self.parameters[name] = np.array(value, dtype=self.dtype)
            self.shared[slot.row : slot.row + slot.units] = self.parameters[name].ravel()

    def _lanes(self, batch: int) -> int:
        """Samples a block: full vectors, unless more than three quarters of them would be empty; blocks of one size."""
        vector = vector_length(self.dtype)
        blocks = -(-batch // LANES[self.dtype])
        if 4 * batch < vector:
            return batch
        return vector * -(-batch // (blocks * vector))

    def _shape(self, batch: int) -> tuple[int, int]:
        """Shape of ``buf``: as many blocks as the batch needs, and behind the program's rows those of ``_plan``."""
        lanes = self._lanes(batch)
        stages = len(self.weights)
        regions = (1 + stages if stages > 1 else 0) + (2 if self.tolerance > 0 else 0)
        rows = self.program.rows + regions * self.program.units
        return -(-batch // lanes), max(rows, 1) * lanes

    def _allocate(self, batch: int) -> None:
        self.lanes = self._lanes(batch)
        shape = self._shape(batch)
        blocks = shape[0]
        if self.buf.shape == shape:
            self.buf.fill(0.0)
        else:
            self.buf = np.zeros(shape, dtype=self.dtype)
        self.contexts = np.zeros((blocks, dispatch.CONTEXT), dtype=np.int64)
        self.contexts[:, dispatch.LANES] = self.lanes
        self.contexts[:, dispatch.ACTIVE] = np.minimum(batch - self.lanes * np.arange(blocks), self.lanes)
        self.contexts[:, dispatch.PARTS] = 1

    def _rows(self, block: int, slot: Slot) -> np.ndarray:
        first = slot.row * self.lanes
        return self.buf[block, first : first + slot.units * self.lanes].reshape(slot.units, self.lanes)

    def _write(self, slot: Slot, values: np.ndarray) -> None:
        flat = values.reshape(len(values), -1)
        for block in range(len(self.buf)):
            part = flat[block * self.lanes : (block + 1) * self.lanes].T
            rows = self._rows(block, slot)
            rows[:, : part.shape[1]] = part
            # Lanes without a sample repeat the last one, so that they stay as finite as it does.
            rows[:, part.shape[1] :] = part[:, -1:]

    def _read(self, slot: Slot, shape: tuple[int, ...]) -> np.ndarray:
        columns = np.concatenate([self._rows(block, slot) for block in range(len(self.buf))], axis=1)
        return np.ascontiguousarray(columns[:, : self.data.batch].T).reshape(self.data.batch, *shape)

    # Running

    def _each_block(self, function: Callable[[int], Any]) -> list[Any]:
        return spread(function, len(self.buf), self.threads)

    def execute(self, code: np.ndarray) -> None:
        """Run instructions on every block."""
        if len(code):
            self._each_block(lambda b: self._checked(code, self.buf[b], self.contexts[b]))

    def _execute_shared(self, code: Code) -> None:
        """Run instructions on what all samples share: the same kernels, on one lane, over the shared buffer."""
        if code:
            with np.errstate(all="ignore"):
                self._checked(as_array(code), self.shared, np.array([1, 1, 0, 1, 0], dtype=np.int64))

    def _checked(self, code: np.ndarray, buf: np.ndarray, context: np.ndarray) -> None:
        status, at = loop.execute(self.table, code, buf, self.shared, self.program.ints, context)
        if status != dispatch.OK:
            self._refuse(int(code[at, 0]), int(code[at, 1]))

    def _refuse(self, opcode: int, position: int) -> NoReturn:
        """Say what a kernel did not take: its twin in NumPy, on the same operands, has the words."""
        name, operands = self.program.origin[position]
        node = self.circuit.graph.nodes[name]
        values = []
        for slot, operand in zip(operands, node.operands, strict=True):
            shape = self.circuit.graph.nodes[operand].shape
            shared = self.shared[slot.row : slot.row + slot.units]
            values.append(self._read(slot, shape) if slot.laned else shared.reshape(1, *shape))
        node.compute(*values)
        raise RuntimeError(f"operator kernel {list(dispatch.KERNELS)[opcode]!r} of node {name!r} failed")

    def start(self, data: Data) -> None:
        program, code = self.program, self.program.code
        self.data = data
        self._allocate(data.batch)
        for name, values in data.inputs.items():
            self._write(program.leaves[name], values)
        for name, values in data.clamped.items():
            self._write(program.slot("value", name), values)
        for name, node in self.circuit.graph.latents.items():
            assert isinstance(node.source, Latent)
            prior = np.zeros(node.shape) if node.source.prior is None else np.asarray(node.source.prior)
            mean = np.broadcast_to(prior, (1, *node.shape))
            self._write(program.slot("prediction", name), mean)
            if name not in data.clamped:
                self._write(program.slot("value", name), data.initial.get(name, mean))
        self._prepare()
        self._execute_shared(code["shared"])
        if data.initial:
            self.execute(self.sweep)
            for name, values in data.initial.items():
                deviation = values - self.read(name, "prediction")
                state = deviation if self.dynamics.state == "deviation" else values
                self._write(program.slot(self.dynamics.state, name), state)
            self.evaluate()
        else:
            self.execute(self.begin)

    def _prepare(self) -> None:
        """Gains and instruction lists for what is clamped now."""
        program = self.program
        gain = np.zeros(program.units)
        for name, first in program.first.items():
            if name not in self.data.clamped:
                values = self.integrator.gain(self.circuit.tau[name], self.circuit.precision[name])
                gain[first : first + values.size] = values.ravel()
        self.shared[program.gain_row : program.gain_row + program.units] = gain
        energies = [code for name, code in program.energy.items() if name in self.data.clamped]
        self.rhs = as_array(
            *(program.code[k] for k in self.dynamics.before_error),
            *energies,
            *(program.code[k] for k in self.dynamics.after_error),
        )
        self.observe = as_array(*(program.code[k] for k in self.dynamics.observe))
        sweep: Code = []
        for name, forward in program.node_forward.items():
            sweep += forward
            if name in program.settle and name not in self.data.clamped:
                sweep += program.settle[name]
        self.sweep = as_array(sweep, program.code["linearise"], program.code["deviate"])
        self.present = np.concatenate([self.rhs, self.observe])
        self.begin = np.concatenate([self.sweep, self.present])
        self.cells = cells(program, self.dynamics, self.data.clamped)
        self.flags = self.cells.fresh(len(self.buf))

    def _plan(self) -> np.ndarray:
        """Where things stand; behind the program's rows, a step's start and slopes, and states and errors as sent."""
        program = self.program
        stages = len(self.weights)
        plan = np.zeros(8, dtype=np.int64)
        plan[[loop.STATE, loop.DRIVE, loop.ERROR]] = [
            program.regions[r] for r in (self.dynamics.state, "drive", "error")
        ]
        plan[[loop.GAIN, loop.UNITS, loop.STAGES, loop.START, loop.SEEN]] = [
            program.gain_row,
            program.units,
            stages,
            program.rows,
            program.rows + (1 + stages if stages > 1 else 0) * program.units,
        ]
        return plan

    def _slot(self, vertex: str, variable: str) -> Slot:
        activity = "value" if vertex in self.data.clamped else self.dynamics.activity
        region = {"value": activity, "feedback": "drive"}.get(variable, variable)
        return self.program.slot(region, vertex)

    def step(self, number: int, steps: int, tapes: Sequence[Tape]) -> Stepped:
        counts = [tape.count(number, steps) for tape in tapes]
        slots = [self._slot(tape.vertex, tape.variable) for tape in tapes]
        sizes = [c * s.units * self.lanes for c, s in zip(counts, slots, strict=True)]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        tape_buf = np.zeros((len(self.buf), max(int(offsets[-1]), 1)), dtype=self.dtype)
        records = np.array(
            [[s.row, s.units, t.every, o] for s, t, o in zip(slots, tapes, offsets[:-1], strict=True)], dtype=np.int64
        ).reshape(-1, 4)
        plan, step = self._plan(), self.cells

        def run(block: int) -> tuple[int, int, bool]:
            return loop.advance(
                self.table,
                step.code,
                step.cells,
                step.links,
                step.vertices,
                self.flags[block],
                self.observe,
                self.buf[block],
                self.shared,
                self.program.ints,
                self.contexts[block],
                plan,
                self.tableau,
                self.weights,
                self.tolerance,
                records.copy(),
                tape_buf[block],
                number,
                steps,
            )

        outcomes = self._each_block(run)
        if any(status != dispatch.OK for status, _, _ in outcomes):
            # The state is that in which it failed: once more, to hear which one and why.
            self.evaluate()
            raise RuntimeError("an operator kernel failed")
        done = min(n for _, n, _ in outcomes)
        finite = all(ok for _, _, ok in outcomes)
        recorded = []
        for tape, slot, offset, size in zip(tapes, slots, offsets, sizes, strict=False):
            count = tape.count(number, done if finite else done + 1)
            blocks, room = len(self.buf), size // (slot.units * self.lanes)
            raw = tape_buf[:, offset : offset + size].reshape(blocks, room, slot.units, self.lanes)[:, :count]
            rows = raw.transpose(1, 0, 3, 2).reshape(raw.shape[1], blocks * self.lanes, slot.units)
            recorded.append(rows[:, : self.data.batch])
        return Stepped(done, finite, recorded)

    def settle(self, number: int, steps: int, tapes: Sequence[Tape]) -> Stepped:
        return settling.settle(self, number, steps, tapes)

    def leap(self, number: int, steps: int, reach: int, tapes: Sequence[Tape], law: Law) -> Stepped:
        return leaping.leap(self, number, steps, reach, tapes, law)

    def leap_plan(self) -> leaping.Leap:
        """Instructions for a leap with what is clamped now, made once."""
        key = frozenset(self.data.clamped)
        if key not in self.leaps:
            self.leaps[key] = leaping.Leap(self.program, key)
        return self.leaps[key]

    def holds(self, slot: Slot) -> bool:
        """Whether anything there is not zero."""
        return bool(self.buf[:, slot.row * self.lanes : (slot.row + slot.units) * self.lanes].any())

    def leak(self) -> float:
        """Share that the free populations, which must have one rate, leak in a step."""
        gains = self.shared[self.program.gain_row :][: self.program.units]
        free = np.flatnonzero(gains)
        unit = free[0] if len(free) else 0
        return float(gains[unit] * self.shared[self.program.precision_row + unit]) or 1.0

    def evaluate(self) -> None:
        self.execute(self.present)

    def read(self, vertex: str, variable: str) -> np.ndarray:
        return self._read(self._slot(vertex, variable), self.circuit.graph.nodes[vertex].shape)

    def gradients(self) -> dict[str, np.ndarray]:
        program = self.program
        for slot in program.sums:
            self.shared[slot.row : slot.row + slot.units] = 0.0
        for phase in self.phases:
            parts = self.threads if phase.work * self.data.batch >= SPLIT_WORK else 1
            spread(partial(self._sum, phase, parts), parts, parts)
        self._execute_shared(program.code["shared_backward"])
        found = {}
        for name, slot in program.adjoints.items():
            found[name] = -self.shared[slot.row : slot.row + slot.units].reshape(self.parameters[name].shape)
        return found

    def _sum(self, phase: Phase, parts: int, part: int) -> None:
        """One part of the Hebbian sums of a phase over all blocks, in their order; the first has what is not split."""
        for block in range(len(self.buf)):
            if part == 0 and len(phase.whole):
                self._checked(phase.whole, self.buf[block], self.contexts[block])
            if len(phase.split):
                context = self.contexts[block].copy()
                context[[dispatch.PART, dispatch.PARTS]] = part, parts
                context[dispatch.PANEL] = self.program.shared_rows + part * PANEL[self.dtype]
                self._checked(phase.split, self.buf[block], context)

    # Snapshots

    def state(self) -> dict[str, np.ndarray]:
        return {"buf": self.buf, "shared": self.shared[: self.program.shared_rows]}

    def set_state(self, data: Data, state: Mapping[str, np.ndarray]) -> None:
        buf, shared = state["buf"], state["shared"]
        types = {buf.dtype, shared.dtype}
        if types != {self.dtype} or buf.shape != self._shape(data.batch) or shared.shape != (self.program.shared_rows,):
            raise ValueError(f"its buffers have shapes {buf.shape} and {shared.shape}")
        self.data = data
        self._allocate(data.batch)
        self.buf[...] = buf
        self.shared[: shared.size] = shared
        for name in self.parameters:
            slot = self.program.leaves[name]
            self.parameters[name] = (
                self.shared[slot.row : slot.row + slot.units].reshape(self.parameters[name].shape).copy()
            )
        self._prepare()

    def describe(self) -> dict[str, Any]:
        return {
            "engine": "kernel",
            "threads": self.threads,
            "blocks": len(self.buf),
            "lanes": self.lanes,
            "state_bytes": int(self.buf.nbytes),
            "shared_bytes": int(self.shared.nbytes),
        }
