"""The event-driven engine: neurons that send changes of their activity, where these are large enough.

Send-on-delta (Miskowicz 2006): an activity is sent as the change since it was last sent, once that is at least its
threshold; in between, what others know of it is what was sent. With ``TimeBinned`` all of a bin's events come
at once and units step by Euler's method; with ``Exact`` the leaky dynamics are solved between events, and the next
crossing of a threshold is computed, as in quantised state systems (Kofman & Junco 2001).

Under fixed prediction error neurons send their errors. Under strict dynamics value neurons send their values, too, and
dendrites work out predictions anew from what they know; what goes back through a dendrite then changes with its
derivatives as well as with the error, and is sent once it has changed by what a threshold of the error makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.activity import Activity
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.units import UnitGraph
from pcneuro.engines.abstract import AbstractEngine, HopDistribution, Stepped
from pcneuro.engines.data import RunData
from pcneuro.engines.events import arrived, continuing, snapshots, vertices
from pcneuro.engines.events.abstract_mode import NO_LEAP, NO_ORDER, AbstractMode
from pcneuro.engines.events.bounds import bounds_of_batch, check_bounded
from pcneuro.engines.events.counts import Counts
from pcneuro.engines.events.senders import Sending, equilibria_of
from pcneuro.engines.events.state import Sample
from pcneuro.engines.events.tally import Tally
from pcneuro.engines.events.thresholds import Thresholds
from pcneuro.engines.events.topology import Topologies
from pcneuro.engines.events.update import update
from pcneuro.engines.kernel.threads import available_threads, spread
from pcneuro.errors import CapacityError, ParameterError
from pcneuro.kernels import dispatch
from pcneuro.kernels.events.arrays import DONE, NOT_FINITE, QUEUE_FULL
from pcneuro.model.dynamics import AbstractDynamics, StateRow
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.recording.event_log import EventLog
from pcneuro.recording.probe import Probe

if TYPE_CHECKING:
    import xarray

MOST_BYTES = 2_000_000_000
"""What events under way may take, of all samples together."""


class EventEngine(AbstractEngine):
    """A circuit whose neurons exchange events: one state for each sample, and what all samples share."""

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
        label: str = "events",
    ) -> None:
        super().__init__(circuit, dynamics, integrator, dtype, name)
        self.label = label
        self.dense = Activity(circuit, dtype)
        """Values, predictions, errors and feedback at the step that is next, once ``evaluate`` was called."""
        self.dense.parameters = self.parameters
        self.mode, self.threshold, self.values = mode, threshold, values
        self.threads = threads or available_threads()
        bin_ms = integrator.dt if mode.binned else None
        self.topologies = Topologies(circuit, dtype, bin_ms, not dynamics.holds_predictions)
        self.samples: list[Sample] = []
        self.sending: Sending
        self.swept: list[list[np.ndarray]]
        """Activity of all populations at the sweep, by sample."""
        self.base: dict[str, np.ndarray] = {}
        """Where value neurons were at the sweep; they are counted from there."""
        self.began: dict[str, np.ndarray] = {}
        """The parameters at the sweep, which thresholds are of."""
        self.number = 0
        """The step that is next."""
        self.first = 0
        """The step at which the state was made: not the first of the simulation where data changed on the way."""
        self.current = False
        """Whether values and errors are those of the samples."""
        self.finite = True
        """Whether nothing has left all bounds."""
        self.present: list[Sample] = []
        """The samples, with what the present bin brings."""
        self.log: EventLog | None = None
        """Where events are recorded."""
        self.tally = Tally()
        """What was counted before the samples were made."""

    def load(self, parameters: Mapping[str, np.ndarray]) -> None:
        self.parameters |= {name: np.array(array, dtype=self.dtype) for name, array in parameters.items()}

    def update(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Let parameters have new values from the next step on: what was sent stays sent, and thresholds stay.

        Under fixed prediction predictions stay those of the sweep. Raises ParameterError at exact times, where what is
        due next was computed with the old ones, and with conduction delays, where events are under way.
        """
        if not self.mode.binned or self.circuit.delayed:
            what = "conduction delays" if self.mode.binned else repr(self.mode)
            raise ParameterError(
                f"{self.name} does not change parameters between steps with {what}: use TimeBinned() without delays, "
                "or set_parameters() between two runs"
            )
        self.load(parameters)
        self.dense.reweight()
        update(self.sending, self.topologies.units(self.parameters), self.samples, self.swept, self.number)
        self.current = False

    def start(self, data: RunData) -> None:
        dispatch.expect(self.dtype, (), self.mode.kernels)
        before = self._moment() if data.continues else None
        if data.continues or data.step > 0:
            self.tally = self._counts().tallied()
            self.number = self.number if data.continues else data.step
        else:
            self.tally, self.number, self.first = Tally(), 0, 0
        self.samples, self.data, self.finite = [], data, True
        self.began = dict(self.parameters)
        self.dense.start(data.batch, data.inputs, data.clamped, data.initial)
        self.base = {n: self.dense.presynaptic[n].copy() for n in self.circuit.vertices}
        self._make()
        self.tally.expect(data, self.sending.units)
        self._begin(before)
        self.evaluate()

    def follow(self, data: RunData) -> None:
        before, self.data = self.data.currents, data
        self.current = self.current and data.currents is before
        continuing.flow(
            self._moment(), before, data.currents, self.mode, self.mode.time(self.number, self.integrator.dt)
        )

    def _begin(self, before: continuing.Moment | None) -> None:
        """Bring samples at the sweep to their begin, and to what they go on from, if anything."""
        now, time = self._moment(), self.mode.time(self.number, self.integrator.dt)
        if before is not None:
            continuing.count_jumps(before, now, self.tally, self.log, self.number * self.integrator.dt)
        sent = continuing.go_on(before, now, time) if before is not None and before.leads_to(now) else []
        for sample in self.samples:
            self.mode.prepare(sample, time)
        continuing.flow(now, {}, self.data.currents, self.mode, time)
        if self.log is not None:
            for s, (codes, changes) in enumerate(sent):
                self._log(s, np.full(codes.size, time), codes, changes)

    def _moment(self) -> continuing.Moment:
        return continuing.Moment(self.sending, self.samples, self.base, self.data.inputs, self.data.clamped)

    def _make(self) -> None:
        """Samples at the sweep, from which value neurons may begin elsewhere."""
        self.current = False
        batch, dense = self.data.batch, self.dense
        units = self.topologies.units(self.parameters)
        self.swept = [
            units.forward({k: a[s] for k, a in (*self.data.inputs.items(), *self.base.items())}, {})
            for s in range(batch)
        ]
        topology = self.topologies.of(units, self.data.clamped)
        self.sending = Sending(self, topology, units, self.swept, equilibria_of(dense, self.base, self.dynamics))
        self.mode.admit(self.sending)
        for s in range(batch):
            sample = self.sending.sample(self.swept[s], self.mode.lines)
            vertices.begin(sample, s, self.sending, dense, self.base)
            sample.shift(self.mode.time(self.number, self.integrator.dt))
            self.samples.append(sample)
        self.record_events(self.log)

    def step(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        recorded: list[list[np.ndarray]] = [[] for _ in probes]
        end = number + steps
        settled = False
        while number < end and not settled and self.finite:
            for probe, taken in zip(probes, recorded, strict=True):
                if number % probe.every == 0:
                    taken.append(self.read(probe.vertex, probe.variable).reshape(self.data.batch, -1))
            most = min([end, *(number - number % probe.every + probe.every for probe in probes)])
            if self.until is not None:
                self.evaluate()
                settled = self.look(number)
                most = number if settled else number + 1
            number = self._advance(number, most)
        done = steps - (end - number)
        shapes = [(self.data.batch, self.circuit.graph.nodes[probe.vertex].size) for probe in probes]
        rows = [
            np.array(t, dtype=self.dtype).reshape(len(t), *shape) for t, shape in zip(recorded, shapes, strict=True)
        ]
        return Stepped(done, self.finite, rows, settled)

    def _advance(self, number: int, end: int) -> int:
        """Bring all samples from step ``number`` to ``end``; where there is no room for events, make some.

        Returns the step they came to: before ``end`` where one of them is no longer finite, which that step made.
        """
        self.current = self.current and end == number
        at = [(number, DONE)] * len(self.samples)
        open_ = list(range(len(self.samples))) if end > number else []
        while open_:
            outcomes = spread(partial(self._one, open_, at, end), len(open_), self.threads)
            for s, reached in zip(open_, outcomes, strict=True):
                at[s] = reached
                if self.log is not None:
                    self._log(s, *self.samples[s].taken())
                if reached[1] == QUEUE_FULL:
                    self._enlarge(self.samples[s], reached[0])
            open_ = [s for s in open_ if at[s][1] not in (DONE, NOT_FINITE)]
        wild = [reached for reached, why in at if why == NOT_FINITE]
        self.finite = not wild
        self.number = min([end, *wild])
        return self.number

    def _one(self, samples: list[int], at: list[tuple[int, int]], end: int, k: int) -> tuple[int, int]:
        s = samples[k]
        return self.mode.advance(self.samples[s], at[s][0], end, self.integrator.dt)

    def record_events(self, log: EventLog | None) -> None:
        self.log = log
        for number, sample in enumerate(self.samples):
            sample.keep_events(log is not None and bool(log.samples[number]))

    def _log(self, number: int, times: np.ndarray, codes: np.ndarray, changes: np.ndarray) -> None:
        """Let the log have events of a sample."""
        assert self.log is not None
        populations, units = self.sending.topology.sent_by(codes, self.log.populations)
        scale = self.integrator.dt if self.mode.binned else 1.0
        self.log.append(number, times * scale, populations, units, changes)

    def _enlarge(self, sample: Sample, number: int) -> None:
        needed = sum(other.queue_bytes for other in self.samples) + sample.queue_bytes
        if needed > MOST_BYTES:
            waiting = sum(other.under_way for other in self.samples)
            rate = self._counts().events.sum() / (max(number, 1) * self.integrator.dt)
            raise CapacityError(
                f"{waiting} events are under way at {number * self.integrator.dt:g} ms, {rate:.3g} are sent a "
                f"ms: more than {MOST_BYTES / 1e9:g} GB can hold; raise thresholds, shorten delays, run fewer samples"
            )
        sample.grow()

    def rests(self, until: Any, samples: slice) -> bool:
        self.evaluate()
        now, waits = self.number * self.integrator.dt, False
        if not self.sending.every_change:
            # Nothing may be on its way, and nothing due by now.
            waits = any(sample.under_way or (sample["due"] <= now).any() for sample in self.present)
        return not waits and super().rests(until, samples)

    @property
    def steps_to_rest(self) -> int:
        return self.sending.topology.longest if self.sending.every_change else 0

    def settle(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        raise ParameterError(NO_ORDER)

    def leap(self, number: int, steps: int, reach: int, probes: Sequence[Probe], shares: HopDistribution) -> Stepped:
        raise ParameterError(NO_LEAP)

    @property
    def blocks(self) -> list[slice]:
        return [slice(0, self.data.batch)]

    def integrated(self, vertex: str, row: StateRow) -> np.ndarray:
        return self.dense.values[vertex]

    def evaluate(self) -> None:
        if not self.current:
            with np.errstate(all="ignore"):
                seen = [self.mode.seen(sample, self.number, self.integrator.dt) for sample in self.samples]
                self.present = [one.sample for one in seen]
                vertices.show(seen, self.sending, self.dense, self.base)
            self.current = True

    def read(self, vertex: str, variable: str) -> np.ndarray:
        self.evaluate()
        return self.dense.variable(variable)[vertex].copy()

    def gradients(self) -> dict[str, np.ndarray]:
        self.evaluate()
        if self.dynamics.holds_predictions or not self.circuit.delayed:
            return self.dense.gradients()
        units = UnitGraph(self.circuit.with_parameters(self.parameters), plastic=self.circuit.graph.parameters)
        late = [self.sending.late(sample) for sample in self.present]
        gradients = arrived.gradients_of_late(units, self.dense, late)
        return {n: gradients[n].reshape(a.shape).astype(self.dtype) for n, a in self.parameters.items()}

    @property
    def in_steps(self) -> bool:
        return self.mode.binned

    def arrivals(self) -> dict[str, np.ndarray]:
        """Vertex -> when something was first received, in ms (batch, \\*shape); infinite where nothing was."""
        arrival = np.stack([sample["arrival"] for sample in self.samples])
        scale = self.integrator.dt if self.mode.binned else 1.0
        return {name: scale * vertices.of_vertex(self.sending, name, arrival) for name in self.sending.slices}

    def state(self) -> dict[str, np.ndarray]:
        parts = {"base": self.base, "began": self.began if self.updated else {}, "tally": self.tally.state()}
        own = {"events.limits": self.sending.limits, "step": np.array([self.number, self.first])}
        return self.dense.state() | snapshots.state(self.samples, parts) | own

    def set_state(self, data: RunData, state: Mapping[str, np.ndarray]) -> None:
        parts = snapshots.SnapshotArrays(state)
        parts.check(data.batch, self.circuit.vertices, self.parameters)
        self.samples = []
        self.dense.take_up(data.batch, data.inputs, data.clamped, parts.dense)
        self.data = data
        if any(a.shape != self.dense.values[name].shape for name, a in parts.base.items()):
            raise ValueError("its values at the sweep have other shapes")
        self.base = {name: a.astype(self.dtype) for name, a in parts.base.items()}
        present = dict(self.parameters)
        self.began = present | parts.began
        if self.updated:
            # Thresholds are of what the parameters were at the sweep.
            self.load(self.began)
            self.dense.reweight()
        self._make()
        if not np.array_equal(self.sending.limits, parts.events["limits"]):
            raise ValueError("its thresholds are others")
        if parts.began:
            self.load(present)
            self.dense.reweight()
            self.sending.reweight(self.topologies.units(self.parameters))
        for number, sample in enumerate(self.samples):
            sample.network = self.sending.network
            sample.take_up(parts.of_sample(number))
        self.tally = Tally.of_state(parts.tally, self.sending.layout.branches, data.batch)
        self.number, self.first = (int(n) for n in state["step"])
        self.current, self.finite = False, True
        self.evaluate()

    @property
    def updated(self) -> bool:
        """Whether parameters have changed since the sweep."""
        return any(self.began[name] is not array for name, array in self.parameters.items())

    @property
    def identity(self) -> str:
        return f"{super().identity}, {self.mode!r}"

    def bounds(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Vertex -> bound of how far off its errors are, (batch, \\*shape); and parameter -> that of its gradient.

        Against the same dynamics without thresholds, at any time: Euler's steps (``TimeBinned``) or continuous time
        (``Exact``). Raises ParameterError for dynamics that are not linear, and where dt Pi / tau is above 1, with
        which Euler's steps overshoot.
        """
        rates = self.sending.gain * self.sending.precision if self.mode.binned else np.zeros(0)
        check_bounded(
            self.circuit, self.dynamics, rates, self.updated, self.data.continues and bool(self.sending.threshold.any())
        )
        limits = {n: self.sending.threshold[part].astype(np.float64) for n, part in self.sending.slices.items()}
        units = UnitGraph(self.circuit.with_parameters(self.parameters), plastic=self.circuit.graph.parameters)
        return bounds_of_batch(units, {**self.data.inputs, **self.base}, limits, self.data.clamped)

    def _counts(self) -> Counts:
        return Counts(self.sending, self.samples, self.number - self.first, self.tally)

    def activity(self) -> xarray.Dataset:
        return self._counts().activity()

    def axons(self) -> xarray.Dataset:
        return self._counts().axons(self.number if self.mode.binned else None)

    def describe(self) -> dict[str, Any]:
        counts = self._counts().stats()
        return {"engine": self.label, "threads": self.threads, "mode": repr(self.mode), **counts}
