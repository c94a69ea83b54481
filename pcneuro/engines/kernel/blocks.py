"""What the kernel engine works on: blocks of samples, each with buffers of its own, and instructions run on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines.abstract import AbstractEngine
from pcneuro.engines.cycles import recurrent_steps
from pcneuro.engines.kernel.threads import spread
from pcneuro.engines.kernel.update_steps import Ring
from pcneuro.errors import DataError
from pcneuro.kernels import dispatch, lists, samples
from pcneuro.kernels.arguments import Memory, Operators, Tableau
from pcneuro.kernels.rest import WORK_ROWS
from pcneuro.kernels.tile import vector_length
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.ops.base import Slot
from pcneuro.program import Program
from pcneuro.program.lowering import Code, as_array

T = TypeVar("T")

# The most samples in a block: two 512-bit vectors of floats. The same for any number of threads, as all results are.
LANES = {np.dtype(np.float32): 32, np.dtype(np.float64): 16}
# Seconds that it may take to wake a thread and to wait for its end, and those of work above which that is worth it.
WAKING = 1.5e-4
WORTHWHILE = 5e-4
# Floating-point operations a second that any processor of today does.
MODEST = 5e10


class AbstractBlocks(AbstractEngine):
    """Buffers for a program: ``buf`` (blocks, rows * lanes) holds activities, ``shared`` what all samples share."""

    program: Program
    phases: list[Phase]
    threads: int
    shared: np.ndarray
    tolerance: np.floating[Any]
    eta: np.ndarray
    exchangeable = True

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        dtype: np.dtype,
        name: str,
    ) -> None:
        super().__init__(circuit, dynamics, integrator, dtype, name)
        self.table = dispatch.table(dtype)
        self.tableau = Tableau(np.array(integrator.tableau, dtype=dtype), np.array(integrator.weights, dtype=dtype))
        self.lanes = 1
        self.buf = np.zeros((1, 1), dtype=dtype)
        self.contexts = np.zeros((1, dispatch.CONTEXT), dtype=np.int64)
        steps = recurrent_steps(circuit, integrator.dt)
        self.past = {name: (n, circuit.graph.nodes[name].size) for name, n in steps.items() if n}
        """Leaf that has the past of a vertex -> of how many steps, and its units."""
        self.taken_over: dict[str, tuple[np.ndarray, np.ndarray]] | None = None
        """The past of vertices as another engine had it, for the next ``start``."""
        self.costs: dict[str, float] = {}
        """Seconds that each role took last, in one thread."""

    def take_over(self, before: AbstractEngine) -> None:
        super().take_over(before)
        assert isinstance(before, AbstractBlocks)
        self.eta = before.eta.copy()
        self.taken_over = before._kept_past()

    def _kept_past(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Leaf that has the past of a vertex -> what it has now, and all that it is to have: (batch, units or more).

        Nothing where no circuit has been started.
        """
        if self.taken_over is not None:
            return self.taken_over
        if not self.past or self.buf.shape != self._shape(self.program, self.data.batch):
            return {}
        kept = {}
        for name, ring in self._rings(self.program).items():
            leaf = self.program.leaves[name]
            rows = ring.steps * leaf.units
            kept[name] = self._read(leaf, (leaf.units,)), self._read(Slot(ring.row, rows, True), (rows,))
        return kept

    def _keep_past(self, kept: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Write what ``_kept_past`` gave where this program has it."""
        rings = self._rings(self.program)
        for name, (now, to_come) in kept.items():
            leaf, ring = self.program.leaves[name], rings[name]
            self._write(leaf, now)
            self._write(Slot(ring.row, ring.steps * leaf.units, True), to_come)

    def _lanes(self, batch: int) -> int:
        """Samples a block: full vectors, unless more than three quarters of them would be empty; blocks of one size."""
        vector = vector_length(self.dtype)
        blocks = -(-batch // LANES[self.dtype])
        if self._sparse(batch):
            return batch
        return vector * -(-batch // (blocks * vector))

    def _sparse(self, batch: int) -> bool:
        """Whether more than three quarters of a vector would be empty."""
        return 4 * batch < vector_length(self.dtype)

    def apart(self, batch: int) -> bool:
        # One sample alone, in less than a vector, sums over units in another order; noise goes by a sample's number.
        return not (self._sparse(batch) or self.tolerance or self.circuit.noise or self.circuit.plasticity)

    def state_of(self, state: Mapping[str, np.ndarray], samples: slice) -> dict[str, np.ndarray]:
        buf, batch = state["buf"], samples.stop - samples.start
        by_row = buf.reshape(len(buf), -1, self.lanes)
        lanes = self._lanes(batch)
        blocks = -(-batch // lanes)
        # Lanes without a sample repeat the last one.
        index = samples.start + np.minimum(np.arange(blocks * lanes), batch - 1)
        taken = by_row[index // self.lanes, :, index % self.lanes].reshape(blocks, lanes, -1)
        return {**state, "buf": np.ascontiguousarray(taken.transpose(0, 2, 1)).reshape(blocks, -1)}

    def _shape(self, program: Program, batch: int) -> tuple[int, int]:
        """Shape of ``buf``: as many blocks as the batch needs, and behind the program's rows those of ``_layout``."""
        lanes = self._lanes(batch)
        rows = self._rows(program) + sum(steps * size for steps, size in self.past.values())
        return -(-batch // lanes), max(rows, 1) * lanes

    def _rows(self, program: Program) -> int:
        """Rows of a block before those that hold the past of vertices."""
        stages = len(self.tableau.weights)
        states = len(self.dynamics.rows)
        regions = (1 + stages if stages > 1 else 0) * states + (states + 1 if self.tolerance > 0 else 0)
        return program.rows + regions * program.units

    def _rings(self, program: Program) -> dict[str, Ring]:
        """Where the past of vertices stands, by the leaf that has it."""
        rings, row = {}, self._rows(program)
        for name, (steps, size) in self.past.items():
            rings[name] = Ring(row, steps)
            row += steps * size
        return rings

    def _allocate(self, batch: int) -> None:
        self.lanes = self._lanes(batch)
        shape = self._shape(self.program, batch)
        blocks = shape[0]
        if self.buf.shape == shape:
            # All that is read is written first, but for what was sent last, and the past, which may go on.
            self.buf[:, self.program.rows * self.lanes : self._rows(self.program) * self.lanes] = 0.0
        else:
            self.buf = np.zeros(shape, dtype=self.dtype)
        self.contexts = np.zeros((blocks, dispatch.CONTEXT), dtype=np.int64)
        self.contexts[:, dispatch.LANES] = self.lanes
        self.contexts[:, dispatch.ACTIVE] = np.minimum(batch - self.lanes * np.arange(blocks), self.lanes)
        self.contexts[:, dispatch.PARTS] = 1
        self.contexts[:, dispatch.STEP_NUMBER] = self.next_step
        self.contexts[:, dispatch.SAMPLE] = self.first_sample + self.lanes * np.arange(blocks)
        self.work = np.zeros((blocks, WORK_ROWS * self.lanes), dtype=self.dtype)

    def _write(self, slot: Slot, values: np.ndarray) -> None:
        """Give every sample its values; lanes without a sample repeat the last one, so that they stay as finite."""
        if slot.units:
            flat = np.ascontiguousarray(values, dtype=self.dtype).ravel()
            samples.put(flat, self.buf, slot.row, slot.units, self.lanes)

    def _read(self, slot: Slot, shape: tuple[int, ...], added: Slot | None = None) -> np.ndarray:
        """Activities of shape (batch, \\*shape), or the sum of those of two slots."""
        activities = np.empty(self.data.batch * slot.units, dtype=self.dtype)
        if slot.units:
            samples.take(self.buf, slot.row, -1 if added is None else added.row, slot.units, self.lanes, activities)
        return activities.reshape(self.data.batch, *shape)

    def recalled(self, leaf: str) -> np.ndarray:
        """What a leaf that closes a cycle has now, of shape (batch, \\*shape)."""
        return self._read(self.program.leaves[leaf], self.circuit.graph.nodes[leaf].shape)

    # Running

    @property
    def operators(self) -> Operators:
        """What the program's instructions refer to."""
        return Operators(self.table, self.program.ints)

    def _cost(self, role: str) -> float:
        """Seconds that a role is expected to take for each unit of it, in one thread."""
        guess = 2 * sum(phase.work for phase in self.phases) * self.data.batch / MODEST
        return self.costs.setdefault(role, guess)

    def shares(self, role: str, least: float) -> int:
        """Into how many shares to divide each unit of a role, which is worth it from ``least`` seconds on."""
        return self.threads if self._cost(role) >= least else 1

    def spread(self, role: str, function: Callable[[int], T], count: int, amount: int = 1) -> list[T]:
        """Do something ``count`` times, in several threads if that is worth it.

        It is where what the same ``role`` took last, for each of ``amount`` units, comes to more than ``WORTHWHILE``;
        at first, an estimate from the number of synapses. Results do not depend on it.
        """
        expected = amount * self._cost(role)
        threads = min(self.threads, count) if expected > WORTHWHILE else 1
        begun = time.perf_counter()
        results = spread(function, count, threads)
        seconds = time.perf_counter() - begun
        self.costs[role] = (max(seconds - WAKING, 0) * threads if threads > 1 else seconds) / amount
        return results

    def compile(self, *codes: np.ndarray) -> None:
        """Have the kernels that these instructions call in the table; nothing that is not compiled may be called."""
        # Longer than before where kernels of users' operators have come.
        self.table = dispatch.table(self.dtype, *codes)

    def execute(self, role: str, code: np.ndarray) -> None:
        """Run instructions on every block."""
        if len(code):
            self.compile(code)
            self.spread(role, lambda b: self.checked(code, self.buf[b], self.contexts[b]), len(self.buf))

    def execute_shared(self, code: Code) -> None:
        """Run instructions on what all samples share: the same kernels, on one lane, over the shared buffer."""
        if code:
            with np.errstate(all="ignore"):
                instructions = as_array(code)
                self.compile(instructions)
                self.checked(instructions, self.shared, np.array([1, 1, 0, 1, 0], dtype=np.int64))

    def checked(self, code: np.ndarray, buf: np.ndarray, context: np.ndarray) -> None:
        """Run instructions on a buffer; raises what the operator raises that does not take its operands."""
        status, at = lists.execute(self.operators, Memory(buf, self.shared, context), code)
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
        raise DataError(f"node {name!r}: its operator kernel {list(dispatch.KERNELS)[opcode]!r} failed on its operands")


@dataclass(frozen=True)
class Phase:
    """Sums to different places, which can be made side by side.

    ``split`` are instructions that can do a part of their work, of which there are ``work`` multiplications a sample,
    and ``parts`` the parts that each is done in; ``whole`` those that cannot.
    """

    whole: np.ndarray
    split: np.ndarray
    parts: np.ndarray
    work: int
