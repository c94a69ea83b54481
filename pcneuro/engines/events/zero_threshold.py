"""The event-driven engine with thresholds of zero: every change is sent, so that bins are the clocked engine's steps.

What others know of a neuron is what it is. The kernel engine takes the steps, with sums taken anew instead of summed up
change by change, so that results are its own bit for bit; beside it stands a counter of what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.activity import check_like
from pcneuro.circuit.circuit import Circuit
from pcneuro.engines.abstract import AbstractEngine, HopDistribution, Stepped
from pcneuro.engines.data import NEVER, RunData
from pcneuro.engines.events.abstract_mode import NO_LEAP, NO_ORDER, AbstractMode
from pcneuro.engines.events.changes import ChangeCounter
from pcneuro.engines.events.continuing import Moment, count_jumps
from pcneuro.engines.events.counts import Counts
from pcneuro.engines.events.tally import Tally
from pcneuro.engines.events.thresholds import Thresholds
from pcneuro.engines.events.topology import Topologies
from pcneuro.engines.kernel.engine import KernelEngine
from pcneuro.errors import ParameterError
from pcneuro.model.dynamics import AbstractDynamics, StateRow
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.model.settled import Settled
from pcneuro.recording.event_log import EventLog
from pcneuro.recording.probe import Probe

if TYPE_CHECKING:
    import xarray

COUNTER, BEGAN, TALLY = "counter.", "began.", "tally."
"""What arrays of the counter, parameters at the sweep, and earlier counts begin with in a snapshot."""


class ZeroThresholdEngine(AbstractEngine):
    """A kernel engine, which takes the steps, and a counter of what changes from one to the next."""

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        dtype: np.dtype,
        name: str,
        threshold: Thresholds,
        mode: AbstractMode,
        values: Thresholds | None = None,
        threads: int | None = None,
    ) -> None:
        super().__init__(circuit, dynamics, integrator, dtype, name)
        self.kernel = KernelEngine(circuit, dynamics, integrator, dtype, name, threads)
        self.parameters = self.kernel.parameters
        self.mode, self.threshold, self.values = mode, threshold, values
        self.number = self.first = 0
        """The step that is next, and that from which on it is counted."""
        self.changes = 0
        """Entries of parameters that plasticity has changed, each time that it did."""
        self.log: EventLog | None = None
        self.topologies = Topologies(circuit, dtype, integrator.dt, not dynamics.holds_predictions)
        self.counter: ChangeCounter
        self.tally = Tally()
        """What was counted before the counter was made."""
        self.began: dict[str, np.ndarray] = {}
        """The parameters at the sweep, if they have changed since."""

    def load(self, parameters: Mapping[str, np.ndarray]) -> None:
        self.kernel.load(parameters)

    def update(self, parameters: Mapping[str, np.ndarray]) -> None:
        if not self.began:
            self.began = {name: array.copy() for name, array in self.parameters.items()}
        self.kernel.update(parameters)
        self.counter.reweight(self.topologies.units(self.parameters))

    def learn(self, learn: bool) -> None:
        super().learn(learn)
        self.kernel.learn(learn)

    def begin(self, until: Settled | None) -> None:
        self.kernel.begin(until)
        self.until, self.rested = until, self.kernel.rested

    def start(self, data: RunData) -> None:
        self.kernel.separate_errors = self.separate_errors
        # Asked for the steps between two changes, it has nothing that changes.
        self.kernel.start(replace(data, stimuli={}, restarts=NEVER))
        before, self.data, self.began = self.data, data, {}
        if not data.continues and data.step == 0:
            self.tally, self.number, self.first, self.changes = Tally(), 0, 0, 0
            self.counter = ChangeCounter(self, self.topologies, self.parameters)
        else:
            self.tally = self._counts().tallied()
            counted, self.counter = self.counter, ChangeCounter(self, self.topologies, self.parameters)
            if data.continues:
                self._go_on(counted, before)
        if not data.continues and not data.initial:
            self.counter.begin({n: self.read(n, "value") for n in self.circuit.vertices})
        self.tally.expect(data, self.counter.units)

    def follow(self, data: RunData) -> None:
        self.data = data
        self.kernel.follow(replace(data, stimuli={}, restarts=NEVER))

    def _go_on(self, before: ChangeCounter, data: RunData) -> None:
        """What was sent stays sent; what value neurons send as data change is counted."""
        was = Moment(before.sending, before.samples, before.values, data.inputs, data.clamped)
        counter, now = self.counter, self.data
        moment = Moment(counter.sending, counter.samples, counter.values, now.inputs, now.clamped)
        count_jumps(was, moment, self.tally, self.log, self.number * self.integrator.dt)
        if was.leads_to(moment):
            self.counter.known = before.known

    def step(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        done, finite, settled = 0, True, False
        rows: list[list[np.ndarray]] = [[] for _ in probes]
        while done < steps and finite and not settled:
            self._count(number + done)
            before = {name: self.parameters[name].copy() for name in self.circuit.rules} if self.learns else {}
            stepped = self.kernel.step(number + done, 1, probes)
            changes = sum(int((self.parameters[name] != array).sum()) for name, array in before.items())
            if changes:
                self.changes += changes
                self.counter.reweight(self.topologies.units(self.parameters))
            for taken, part in zip(rows, stepped.recorded, strict=True):
                taken.append(part)
            done += stepped.steps
            finite, settled = stepped.finite, stepped.settled
        self.number = number + done
        return Stepped(done, finite, [np.concatenate(taken) for taken in rows], settled)

    def _count(self, number: int) -> None:
        """Count what is sent in a bin: what has changed since the one before."""
        self.evaluate()
        values = {n: self.read(n, "value") for n in self.circuit.vertices}
        values |= {n: self.kernel.recalled(n) for n in self.circuit.graph.recurrent}
        errors = {n: self.read(n, "error") for n in self.counter.units.predictions}
        self.counter.count(number * self.integrator.dt, values, errors, self.log)

    def settle(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        raise ParameterError(NO_ORDER)

    def leap(self, number: int, steps: int, reach: int, probes: Sequence[Probe], shares: HopDistribution) -> Stepped:
        raise ParameterError(NO_LEAP)

    @property
    def blocks(self) -> Sequence[slice]:
        return self.kernel.blocks

    def integrated(self, vertex: str, row: StateRow) -> np.ndarray:
        return self.kernel.integrated(vertex, row)

    def region(self, vertex: str, region: str) -> np.ndarray:
        return self.kernel.region(vertex, region)

    def evaluate(self) -> None:
        self.kernel.evaluate()

    def read(self, vertex: str, variable: str) -> np.ndarray:
        return self.kernel.read(vertex, variable)

    def gradients(self) -> dict[str, np.ndarray]:
        return self.kernel.gradients()

    def bounds(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Nothing is held back, and so nothing is off."""
        if not self.dynamics.superposes:
            return super().bounds()
        errors = {n: np.zeros((self.data.batch, *self.circuit.graph.nodes[n].shape)) for n in self.circuit.vertices}
        return errors, {name: np.zeros(array.shape) for name, array in self.parameters.items()}

    def record_events(self, log: EventLog | None) -> None:
        self.log = log

    def state(self) -> dict[str, np.ndarray]:
        counted = {f"{COUNTER}{name}": array for name, array in self.counter.state().items()}
        began = {f"{BEGAN}{name}": array for name, array in self.began.items()}
        counted |= {f"{TALLY}{name}": array for name, array in self.tally.state().items()}
        counted[f"{COUNTER}step"] = np.array([self.number, self.first, self.changes])
        return self.kernel.state() | counted | began

    def set_state(self, data: RunData, state: Mapping[str, np.ndarray]) -> None:
        counted = {k.removeprefix(COUNTER): a for k, a in state.items() if k.startswith(COUNTER)}
        if "step" not in counted:
            raise ValueError("it is none of an event-driven engine")
        self.kernel.set_state(data, {k: a for k, a in state.items() if not k.startswith((COUNTER, BEGAN, TALLY))})
        self.data = data
        self.began = {k.removeprefix(BEGAN): a for k, a in state.items() if k.startswith(BEGAN)}
        if self.began:
            check_like(self.began, self.parameters)
        number, first, self.changes = (int(n) for n in counted.pop("step"))
        self.counter = ChangeCounter(self, self.topologies, self.began or self.parameters)
        if self.began:
            self.counter.reweight(self.topologies.units(self.parameters))
        self.counter.take_up(counted)
        tally = {k.removeprefix(TALLY): a for k, a in state.items() if k.startswith(TALLY)}
        self.tally = Tally.of_state(tally, self.counter.sending.layout.branches, data.batch)
        self.number, self.first = number, first

    @property
    def identity(self) -> str:
        return f"{super().identity}, {self.mode!r}"

    def _counts(self) -> Counts:
        return Counts(self.counter.sending, self.counter.samples, self.number - self.first, self.tally)

    def activity(self) -> xarray.Dataset:
        return self._counts().activity()

    def axons(self) -> xarray.Dataset:
        return self._counts().axons(self.number)

    def describe(self) -> dict[str, Any]:
        counts = self._counts().stats() | ({"plasticity_operations": self.changes} if self.circuit.plasticity else {})
        return self.kernel.describe() | {"engine": "events", "mode": repr(self.mode), **counts}
