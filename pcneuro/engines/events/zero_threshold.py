"""The event-driven engine with thresholds of zero: every change is sent, so that bins are the clocked engine's steps.

What others know of a neuron is what it is. The kernel engine takes the steps, with sums taken anew instead of summed up
change by change, so that results are its own bit for bit; beside it stands a counter of what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.activity import check_like
from pcneuro.circuit.circuit import Circuit
from pcneuro.engines.abstract import AbstractEngine, HopDistribution, RunData, Stepped
from pcneuro.engines.events.abstract_mode import NO_LEAP, NO_ORDER, AbstractMode
from pcneuro.engines.events.changes import ChangeCounter
from pcneuro.engines.events.counts import Counts
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

COUNTER, BEGAN = "counter.", "began."
"""What arrays of the counter, and parameters at the sweep, begin with in a snapshot."""


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
        self.log: EventLog | None = None
        self.topologies = Topologies(circuit, dtype, integrator.dt, not dynamics.holds_predictions)
        self.counter: ChangeCounter
        self.began: dict[str, np.ndarray] = {}
        """The parameters at the sweep, if they have changed since."""

    def load(self, parameters: Mapping[str, np.ndarray]) -> None:
        self.kernel.load(parameters)

    def update(self, parameters: Mapping[str, np.ndarray]) -> None:
        if not self.began:
            self.began = {name: array.copy() for name, array in self.parameters.items()}
        self.kernel.update(parameters)
        self.counter.reweight(self.topologies.units(self.parameters))

    def begin(self, until: Settled | None) -> None:
        self.kernel.begin(until)
        self.until, self.rested = until, self.kernel.rested

    def start(self, data: RunData) -> None:
        self.kernel.separate_errors = self.separate_errors
        self.kernel.start(data)
        self.data = data
        self.number = self.first = 0
        self.began = {}
        self.counter = ChangeCounter(self, self.topologies, self.parameters)

    def step(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        if number != self.number:
            self.first = number
        done, finite, settled = 0, True, False
        rows: list[list[np.ndarray]] = [[] for _ in probes]
        while done < steps and finite and not settled:
            self._count(number + done)
            stepped = self.kernel.step(number + done, 1, probes)
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
        return self.kernel.state() | counted | began | {f"{COUNTER}step": np.array([self.number, self.first])}

    def set_state(self, data: RunData, state: Mapping[str, np.ndarray]) -> None:
        counted = {k.removeprefix(COUNTER): a for k, a in state.items() if k.startswith(COUNTER)}
        if "step" not in counted:
            raise ValueError("it is none of an event-driven engine")
        self.kernel.set_state(data, {k: a for k, a in state.items() if not k.startswith((COUNTER, BEGAN))})
        self.data = data
        self.began = {k.removeprefix(BEGAN): a for k, a in state.items() if k.startswith(BEGAN)}
        if self.began:
            check_like(self.began, self.parameters)
        number, first = (int(n) for n in counted.pop("step"))
        self.counter = ChangeCounter(self, self.topologies, self.began or self.parameters)
        if self.began:
            self.counter.reweight(self.topologies.units(self.parameters))
        self.counter.take_up(counted)
        self.number, self.first = number, first

    @property
    def identity(self) -> str:
        return f"{super().identity}, {self.mode!r}"

    def _counts(self) -> Counts:
        return Counts(self.counter.sending, self.counter.samples, self.number - self.first)

    def activity(self) -> xarray.Dataset:
        return self._counts().activity()

    def describe(self) -> dict[str, Any]:
        counts = self._counts().stats()
        return self.kernel.describe() | {"engine": "events", "mode": repr(self.mode), **counts}
