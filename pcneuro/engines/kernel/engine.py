"""The kernel engine: the compiled loop over blocks of samples, each on its own state, in as many threads as wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines.abstract import HopDistribution, Stepped
from pcneuro.engines.data import RunData
from pcneuro.engines.kernel import beginning, leaping, learning, settling
from pcneuro.engines.kernel import gradients as summing
from pcneuro.engines.kernel.blocks import Phase
from pcneuro.engines.kernel.gradients import phases
from pcneuro.engines.kernel.noise import Noises
from pcneuro.engines.kernel.playing import Playing
from pcneuro.engines.kernel.record_buffer import RecordBuffer
from pcneuro.engines.kernel.threads import available_threads
from pcneuro.engines.kernel.update_steps import UpdateSteps, lists_of, update_steps
from pcneuro.engines.plastic import plastic_of
from pcneuro.errors import DataError
from pcneuro.kernels import dispatch, lists, loop, samples, updates
from pcneuro.kernels import records as recording
from pcneuro.kernels.arguments import Dirty, Layout, Memory, Rest
from pcneuro.kernels.hebbian import PANEL
from pcneuro.model.dynamics import AbstractDynamics, StateRow, deviation
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.model.settled import Settled
from pcneuro.ops.base import Slot
from pcneuro.program import Program, lower
from pcneuro.program.lowering import as_array
from pcneuro.recording.probe import Probe


class KernelEngine(learning.AbstractLearner):
    """The program of a circuit, and the ways to run it."""

    calls = lists.execute, lists.add_up, loop.advance, updates.refresh, samples.put, samples.take
    """The compiled functions that every run calls, beside the operator kernels of its program."""

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        dtype: np.dtype,
        name: str,
        threads: int | None = None,
        tolerance: float = 0.0,
    ) -> None:
        super().__init__(circuit, dynamics, integrator, dtype, name)
        self.threads = threads or available_threads()
        self.lowered: dict[tuple[frozenset[str], frozenset[str], bool], tuple[Program, list[Phase]]] = {}
        self.program, self.phases = self._lowered(self.data)
        self.plastic = plastic_of(circuit, integrator)
        # Behind what the program has, room for each part of a Hebbian sum, then for what is kept of parameters.
        self.room_row = self.program.shared_rows + self.threads * PANEL[dtype]
        self.shared = np.zeros(self.room_row + learning.room(self.plastic, circuit, integrator), dtype=dtype)
        for row, values in self.program.numbers().items():
            self.shared[row : row + values.size] = values
        self.tolerance = np.dtype(dtype).type(tolerance)
        self.limits = Settled().limits(dtype)
        self.quiet = np.zeros(1, dtype=np.int64)
        """By block the number of steps for which it has been at rest in a run until it settles."""
        self.prepared: dict[Any, tuple[np.ndarray, np.ndarray, np.ndarray, UpdateSteps]] = {}
        self.rhs = as_array()
        # Whether errors, and what comes of them, are those of the state; and whether all feedback is.
        self.current = self.driven = False
        self.leaps: dict[frozenset[str], leaping.Leap] = {}
        self.eta = np.zeros((1, 0), dtype=dtype)
        """Noise that goes on from step to step, a row a block of samples."""
        self.load(self.parameters)

    # Buffers

    def load(self, parameters: Mapping[str, np.ndarray]) -> None:
        for name, value in parameters.items():
            slot = self.program.leaves[name]
            view = self.shared[slot.row : slot.row + slot.units].reshape(value.shape)
            view[...] = value
            self.parameters[name] = view

    def update(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Take new values of parameters, which hold from the next step on; see ``AbstractEngine.update``.

        Under fixed prediction weights are new where errors are pulled back through them, but predictions and the
        derivatives of functions stay those of the sweep until the next ``start``.
        """
        self.load(parameters)
        self.execute_shared(self.program.code["shared"])
        if self.circuit.plasticity:
            learning.reweigh(self)
        # No flag tells of a parameter: whatever may read one is computed again, and what had settled goes on.
        self.flags[...] = 1
        self.rested[:] = [None] * len(self.rested)
        self.current = self.driven = False

    def _lowered(self, data: RunData) -> tuple[Program, list[Phase]]:
        """The program for what is clamped and has currents, and its Hebbian sums. All have the same shared rows."""
        outputs = {node.name for node in self.circuit.graph.outputs.values()}
        clamped = frozenset(data.clamped) - outputs if self.dynamics.holds_predictions else frozenset()
        key = clamped, frozenset(data.currents), self.separate_errors
        if key not in self.lowered:
            program = lower(self.circuit, self.dynamics, clamped, separate_errors=key[2], currents=key[1])
            size = self.dtype.itemsize
            self.lowered[key] = program, program.once(("phases", size), lambda: phases(program, size))
        return self.lowered[key]

    # Running

    def start(self, data: RunData) -> None:
        # Where other vertices have currents the past has other rows.
        kept, self.taken_over = self._kept_past() if data.continues else {}, None
        self.program, self.phases = self._lowered(data)
        self.data, program, code = data, self.program, self.program.code
        self._expect_kernels()
        self._allocate(data.batch)
        self._keep_past(kept)
        if not data.continues and data.step == 0:
            self.eta = np.zeros(self._eta_shape(data.batch), dtype=self.dtype)
        for name, values in data.inputs.items():
            self._write(program.leaves[name], values)
        for name, values in data.clamped.items():
            self._write(program.slot("value", name), values)
        for name, values in data.currents.items():
            self._write(program.currents[name], values)
        beginning.begin(self)
        self._prepare()
        self.execute_shared(code["shared"])
        self.execute("sweep", self.sweep)
        for name, values in data.initial.items():
            # What the state and other regions add up to is the activity.
            for region in (region for region in self.dynamics.activity if region != self.dynamics.state):
                values = deviation(values, self._read(program.slot(region, name), values.shape[1:]))
            self._write(program.slot(self.dynamics.state, name), values)
        for row in self.dynamics.rows[1:]:
            begun = data.rows.get(row.variable, {})
            for name in self.circuit.vertices:
                nothing = np.zeros((data.batch, *self.circuit.graph.nodes[name].shape))
                self._write(program.slot(row.region, name), begun.get(name, nothing))
        if not data.initial:
            self.flags[:, self.updates.swept] = 0
        self.current = self.driven = False

    def _play(self) -> None:
        """Let what changes with time go on from the step that the data is of."""
        shape, rings = (len(self.buf), self.lanes), self._rings(self.program)
        sent = Slot(self.layout.sent, self._rows(self.program) - self.layout.sent, True)
        given = self.data, self.program, self.updates, self.sweep, self.dynamics
        self.playing = Playing.of(*given, rings, sent, shape, self.dtype)

    def follow(self, data: RunData) -> None:
        other = data.stimuli is not self.data.stimuli or data.restarts is not self.data.restarts
        before, self.data = self.data, data
        for name, current in data.currents.items():
            if current is not before.currents[name]:
                self._write(self.program.currents[name], current)
                self.flags[:, self.updates.currents[name][0]] = 1
                self.current = self.driven = False
        if other:
            self._play()

    @property
    def plays(self) -> bool:
        return True

    def steps_at_once(self, room: int) -> int:
        return self.playing.steps_at_once(room)

    def read_ahead(self, number: int, steps: int) -> None:
        self.playing.read_ahead(number, steps)

    def _expect_kernels(self) -> None:
        """Say which kernels a run calls, gradients included."""
        _, sweep, _, steps = self._prepared()
        sums = (code for phase in self.phases for code in (phase.whole, phase.split))
        calls = (*self.calls, *(learning.CALLS if self.circuit.plasticity else ()))
        dispatch.expect(self.dtype, (sweep, steps.tables.code, steps.tail, *sums), calls)

    def _prepared(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, UpdateSteps]:
        """Gains and instruction lists for what is clamped now."""
        key = frozenset(self.data.clamped), frozenset(self.data.currents)
        if key not in self.prepared:
            self.prepared[key] = self._instructions()
        return self.prepared[key]

    def _prepare(self) -> None:
        """The state of the kernels for what is clamped now."""
        gain, self.sweep, self.rhs, self.updates = self._prepared()
        self.compile(self.sweep, self.updates.tables.code, self.updates.tail)
        self.layout = self._layout()
        self.shared[self.program.gain_row : self.program.gain_row + gain.size] = gain
        self.flags = self.updates.fresh(len(self.buf))
        # Of each row of the states, and of all errors.
        self.largest = np.zeros((len(self.buf), len(self.updates.tables.states) + 1), dtype=self.dtype)
        self._play()
        self.noise = Noises.of(self, self.updates)
        if self.circuit.plasticity:
            self.rules = learning.rules_of(self)
            learning.reweigh(self)

    def _eta_shape(self, batch: int) -> tuple[int, int]:
        lanes = self._lanes(batch)
        return -(-batch // lanes), lanes * sum(self.persistent.values())

    def _instructions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, UpdateSteps]:
        """Gains, the feedforward sweep, what follows from a state, and the update steps."""
        program = self.program
        gain = np.zeros(len(self.dynamics.rows) * program.units)
        for name, row in self.moving():
            first = self.dynamics.rows.index(row) * program.units + program.first[name]
            values = self.gain(name, row)
            gain[first : first + values.size] = values.ravel()
        clamped, rings = frozenset(self.data.clamped), self._rings(program)
        key = "lists", clamped, tuple(rings.items())
        return gain, *program.once(key, lambda: lists_of(program, self.dynamics, clamped, rings))

    def _layout(self) -> Layout:
        """Where states stand; behind the program's rows, a step's start and slopes, and states and errors as sent."""
        program, stages = self.program, len(self.tableau.weights)
        units = len(self.dynamics.rows) * program.units
        sent = program.rows + (1 + stages if stages > 1 else 0) * units
        flags = len(self.updates.inputs) + len(self.updates.plastic) + len(program.currents)
        return Layout(program.regions["error"], units, program.rows, sent, flags)

    def slots(self, vertex: str, variable: str) -> tuple[Slot, ...]:
        """The rows, one or two, whose sum is a variable of a vertex."""
        regions: tuple[str, ...] = ("drive" if variable == "feedback" else variable,)
        if variable == "value" and vertex not in self.data.clamped:
            regions = self.dynamics.activity
        return tuple(self.program.slot(region, vertex) for region in regions)

    def _places(self, vertex: str, variable: str) -> tuple[Slot, tuple[int, ...], Slot | None]:
        """The arguments of ``_read`` for a variable of a vertex."""
        first, *added = self.slots(vertex, variable)
        return first, self.circuit.graph.nodes[vertex].shape, added[0] if added else None

    def begin(self, until: Settled | None) -> None:
        super().begin(until)
        self.limits = (until or Settled()).limits(self.dtype)
        self.quiet = np.zeros(len(self.buf), dtype=np.int64)

    @property
    def steps_to_rest(self) -> int:
        return max((steps for steps, _ in self.past.values()), default=0)

    @property
    def blocks(self) -> list[slice]:
        return [slice(k * self.lanes, (k + 1) * self.lanes) for k in range(len(self.buf))]

    def integrated(self, vertex: str, row: StateRow) -> np.ndarray:
        return self._read(self.program.slot(row.region, vertex), self.circuit.graph.nodes[vertex].shape)

    def step(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        if self.learns:
            return learning.step(self, number, steps, probes)
        if any(probe.of_parameter for probe in probes):
            return learning.held(self, number, steps, probes)
        self.current = self.driven = False
        slots = [self.slots(probe.vertex, probe.variable) for probe in probes]
        buffer = RecordBuffer.of(probes, slots, number, steps, (len(self.buf), self.lanes), self.dtype)
        outcomes = self.spread(
            "step", lambda block: self._step_block(block, number, steps, buffer), len(self.buf), steps
        )
        if any(status != dispatch.OK for status, _, _ in outcomes):
            self.failed()
        wrong = [done for _, done, finite in outcomes if not finite]
        if wrong:
            return Stepped(min(wrong), False, buffer.recorded(min(wrong) + 1, self.data.batch))
        rested = [n for n in self.rested if n is not None]
        settled = self.until is not None and len(rested) == len(self.buf)
        done = max(rested) - number if settled else steps
        self.data = self.data.at(number + max(done, 1) - 1, self.playing.ends)
        self.contexts[:, dispatch.STEP_NUMBER] = number + done
        return Stepped(done, True, buffer.recorded(done, self.data.batch), settled)

    def failed(self) -> NoReturn:
        """Say which kernel failed, and why: the state is that in which it did, and all is computed once more."""
        self.execute("evaluate all", self.rhs)
        raise DataError("an operator kernel failed, and did not when it was called once more")

    def _step_block(self, block: int, number: int, steps: int, buffer: RecordBuffer) -> tuple[int, int, bool]:
        """Step one block, which is held where it has settled: status of the kernels, steps done, whether finite."""
        records = buffer.of_block(block)
        status, done, finite = dispatch.OK, 0, True
        if self.rested[block] is None:
            relative, absolute, rounding = self.limits
            quiet, wait = self.quiet[block : block + 1], self.steps_to_rest
            rest = Rest(self.until is not None, relative, absolute, rounding, self.work[block], wait, quiet)
            given = self.playing.of_block(block, self.lanes), self.noise.of_block(self, self.eta, block), rest, records
            status, done, finite = loop.advance(*self._of_block(block), self.tableau, *given, number, steps)
            if status != dispatch.OK or not finite or done == steps:
                return status, done, finite
            self.rested[block] = number + done
        recording.hold(records, self.buf[block], self.lanes, number + done, steps - done)
        return status, done, finite

    def settle(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        self.current = self.driven = False
        return settling.settle(self, number, steps, probes)

    def leap(self, number: int, steps: int, reach: int, probes: Sequence[Probe], shares: HopDistribution) -> Stepped:
        self.current = self.driven = False
        key = frozenset(self.data.clamped)
        if key not in self.leaps:
            self.leaps[key] = leaping.Leap(self.program, key)
        return leaping.leap(self, self.leaps[key], number, steps, reach, probes, shares)

    def evaluate(self) -> None:
        if self.current:
            return
        # With a tolerance, what is small has not been read.
        statuses = [0] if self.tolerance > 0 else self.spread("evaluate", self._refresh_block, len(self.buf))
        if any(status != dispatch.OK for status in statuses):
            # All of it: what is there, or what fails, and why.
            self.execute("evaluate all", self.rhs)
            self.driven = True
        self.current = True

    def _of_block(self, block: int) -> tuple[Any, ...]:
        """What the functions of ``loop`` and ``updates`` take first."""
        memory = Memory(self.buf[block], self.shared, self.contexts[block])
        dirty = Dirty(self.flags[block], self.largest[block], self.tolerance)
        return self.operators, memory, self.updates.tables, self.layout, dirty

    def _refresh_block(self, block: int) -> int:
        return updates.refresh(*self._of_block(block), self.updates.tail)

    def read(self, vertex: str, variable: str) -> np.ndarray:
        if variable == "feedback" and not self.driven:
            self.execute("evaluate all", self.rhs)
            self.current = self.driven = True
        elif variable != "value":
            self.evaluate()
        return self._read(*self._places(vertex, variable))

    def gradients(self) -> dict[str, np.ndarray]:
        self.evaluate()
        return summing.gradients(self)

    # Snapshots

    def state(self) -> dict[str, np.ndarray]:
        self.evaluate()
        # With a tolerance it matters what was sent last, and beside how large a number.
        sent = {"flags": self.flags, "largest": self.largest} if self.tolerance > 0 else {}
        kept = {"eta": self.eta} if self.eta.size else {}
        return {"buf": self.buf, "shared": self.shared[: self.program.shared_rows], **sent, **kept}

    def set_state(self, data: RunData, state: Mapping[str, np.ndarray]) -> None:
        buf, shared = state["buf"], state["shared"]
        types = {buf.dtype, shared.dtype}
        program, sums = self._lowered(data)
        if (
            types != {self.dtype}
            or buf.shape != self._shape(program, data.batch)
            or shared.shape != (program.shared_rows,)
        ):
            raise ValueError(f"its buffers have shapes {buf.shape} and {shared.shape}")
        if self.tolerance > 0:
            steps = update_steps(program, self.dynamics, data.clamped, self._rings(program))
            wanted = [(len(buf), steps.flag_count), (len(buf), len(steps.tables.states) + 1)]
            if [state["flags"].shape, state["largest"].shape] != wanted:
                raise ValueError("what was sent last is of another circuit")
        eta = state["eta"] if self.persistent else self.eta[:1, :0]
        if self.persistent and (eta.shape != self._eta_shape(data.batch) or eta.dtype != self.dtype):
            raise ValueError(f"its noise has shape {eta.shape}")
        self.eta = eta.copy()
        self.data, self.program, self.phases = data, program, sums
        self._allocate(data.batch)
        self.buf[...] = buf
        self.shared[: shared.size] = shared
        self.current = self.driven = False
        self._prepare()
        if self.tolerance > 0:
            self.flags[...], self.largest[...] = state["flags"], state["largest"]

    def describe(self) -> dict[str, Any]:
        return {
            "engine": "kernel",
            "threads": self.threads,
            "blocks": len(self.buf),
            "lanes": self.lanes,
            "state_bytes": self.buf.nbytes + self.work.nbytes + self.flags.nbytes + self.contexts.nbytes,
            "shared_bytes": self.shared.nbytes,
            "program_bytes": self.program.ints.nbytes,
        }
