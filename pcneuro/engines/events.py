"""The event-driven engine: error neurons that send changes, when there is something new to say.

Send-on-delta (Miskowicz 2006) of errors under fixed prediction, for every operator: an error e is sent as the change
since it was last sent, once that is at least its threshold; in between, what others know of it is what was sent. With
``TimeBinned`` all of a bin's events come at once and units step by Euler's method; with ``Exact`` the leaky dynamics
are solved between events, and the next crossing of a threshold is computed, as in quantised state systems (Kofman &
Junco 2001).

**A bound.** What others know of an error is at most a threshold theta away from it, at all times. An error relaxes to
what it receives: it is a mean of that over the past, with weights that are positive and sum to 1 at most (of Euler's
method as long as dt Pi / tau <= 1). So with |J| the absolute derivatives of the sweep, and children c of i,

    |e_i - exact e_i| <= B_i = sum over c of |J_ci|^T (theta_c + B_c)

at all times, and B = 0 where an error is clamped. The same chain rule bounds gradients (``bounds``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.circuit import Circuit
from pcneuro.dynamics import AbstractDynamics
from pcneuro.engines.abstract import AbstractEngine, Data, Engine, Law, Stepped, Tape
from pcneuro.engines.bounds import bounds, of_gradients
from pcneuro.engines.edges import Edges
from pcneuro.engines.modes import AbstractMode, TimeBinned
from pcneuro.engines.reference import ReferenceEngine
from pcneuro.engines.thresholds import DEFAULT, Thresholds, by_vertex
from pcneuro.errors import ParameterError
from pcneuro.integrators import AbstractIntegrator
from pcneuro.kernels import events as kernels
from pcneuro.units import UnitGraph

BINS = TimeBinned()


@dataclass(frozen=True, eq=False)
class EventDriven(Engine):
    """Errors are sent as events.

    Parameters
    ----------
    threshold
        Change from which on an error is sent: a share of the root mean square of its population's errors at equilibrium
        (a number, or ``Share``), ``Absolute`` values, or a dict of these by vertex. 0 sends whatever changes.
    mode
        ``TimeBinned()`` (default) or ``Exact()``.

    For ``FixedPrediction``, with every operator; ``Strict`` is refused. Raises ParameterError for what is no threshold
    or mode.
    """

    threshold: Thresholds = DEFAULT
    mode: AbstractMode = BINS

    def __post_init__(self) -> None:
        if not isinstance(self.mode, AbstractMode):
            raise ParameterError(f"mode is {self.mode!r}; give TimeBinned() or Exact()")
        by_vertex({} if isinstance(self.threshold, Mapping) else self.threshold, {})

    def make(
        self, circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, dtype: np.dtype
    ) -> AbstractEngine:
        if not dynamics.linear:
            raise ParameterError(
                f"EventDriven does not run {type(dynamics).__name__}: its predictions change with values; use "
                "FixedPrediction"
            )
        if dtype != np.float64:
            raise ParameterError(f"EventDriven runs in float64, not in {dtype}")
        self.mode.check(circuit, integrator)
        return EventEngine(circuit, dynamics, integrator, dtype, self)


class _Common:
    """What all samples share: units in the order of their vertices."""

    def __init__(self, engine: EventEngine, units: UnitGraph, equilibria: Mapping[str, np.ndarray]) -> None:
        circuit, integrator, data = engine.circuit, engine.integrator, engine.data
        self.edges = Edges(units, list(circuit.vertices), set(data.clamped))
        thresholds = by_vertex(engine.events.threshold, equilibria)
        precision, gain, rate, threshold = [], [], [], []
        for name in circuit.vertices:
            node = circuit.graph.nodes[name]
            clamped, predicted = name in data.clamped, circuit.has_prediction(name)
            free = not clamped and predicted
            # What is clamped has its error, which stays, for its deviation.
            own = circuit.precision[name].ravel() if free else np.full(node.size, float(clamped and predicted))
            precision.append(own)
            steps = integrator.gain(circuit.tau[name], circuit.precision[name]).ravel()
            gain.append(np.zeros(node.size) if clamped else steps)
            rate.append((circuit.precision[name] / circuit.tau[name]).ravel() if free else np.zeros(node.size))
            threshold.append(
                thresholds[name].of(equilibria[name], node.shape, name) if predicted else np.zeros(node.size)
            )
        self.precision, self.gain, self.rate, self.threshold = (
            np.concatenate(parts).astype(np.float64) for parts in (precision, gain, rate, threshold)
        )


class Sample:
    """The state of one sample; arrays (units,)."""

    def __init__(self, common: _Common, slopes: np.ndarray, deviation: np.ndarray) -> None:
        self.common, size = common, deviation.size
        self.deviation = deviation
        self.received, self.sent, self.error, self.at, self.incoming, self.value = (np.zeros(size) for _ in range(6))
        self.due = np.full(size, np.inf)
        self.since = np.full(size, -1, dtype=np.int64)
        self.sizes = np.zeros(size, dtype=np.int64)
        """Events that each unit has sent."""
        self.awake, self.heap, self.touched_units = (np.zeros(size, dtype=np.int32) for _ in range(3))
        self.where = np.full(size, -1, dtype=np.int32)
        self.counters = np.zeros(kernels.COUNTERS, dtype=np.int64)
        edges = common.edges
        room = edges.first.size + edges.targets.size + 1
        stack = np.zeros(room, dtype=np.int32), np.zeros(room)
        way = (edges.first, edges.last, edges.targets, slopes, edges.weights, edges.place, *stack)
        self.way = (edges.entry, way, self.incoming, np.zeros(size, dtype=np.uint8), self.touched_units)
        """Where events go, and what of it is touched: arguments of both kernels."""


STATE = ("deviation", "received", "sent", "error", "at", "due", "since", "sizes", "awake", "heap", "where", "counters")
"""Arrays of a sample that change."""


class EventEngine(ReferenceEngine):
    """Values and errors as the reference has them, brought on by events instead of steps."""

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        dtype: np.dtype,
        settings: EventDriven,
    ) -> None:
        super().__init__(circuit, dynamics, integrator, dtype, settings)
        self.events = settings
        self.samples: list[Sample] = []
        self.units: UnitGraph
        self.activity: list[list[np.ndarray]]
        """Of all populations at the sweep, by sample."""
        self.number = 0
        """The step that is next."""

    def start(self, data: Data) -> None:
        self.samples = []
        super().start(data)
        self.number = 0
        self._make()
        for sample in self.samples:
            self.events.mode.prepare(sample)

    def _make(self) -> None:
        """Samples at the sweep that the reference has made."""
        circuit = self.circuit.with_parameters(self.parameters)
        units, batch = UnitGraph(circuit), self.data.batch
        activity = [self._activity(units, s) for s in range(batch)]
        self.units, self.activity = units, activity
        held = [
            {n: self.error[n][s].ravel() for n in units.predictions if n in self.data.clamped} for s in range(batch)
        ]
        feedback = [units.backward(a, h) for a, h in zip(activity, held, strict=True)]
        equilibria = {
            name: np.stack([h.get(name, f[name]) for h, f in zip(held, feedback, strict=True)])
            for name in units.predictions
        }
        common = _Common(self, units, equilibria)
        for s in range(batch):
            deviation = np.zeros(common.precision.size)
            for name, first in common.edges.start.items():
                size = self.circuit.graph.nodes[name].size
                if name in self.data.clamped:
                    own = self.error[name][s] if name in units.predictions else np.zeros(size)
                else:
                    own = self.value[name][s] - (self.prediction[name][s] if name in units.predictions else 0.0)
                deviation[first : first + size] = np.ravel(own)
            self.samples.append(Sample(common, common.edges.slopes_at(activity[s]), deviation))

    def _activity(self, units: UnitGraph, sample: int) -> list[np.ndarray]:
        """Of all populations at the sweep, as the reference has it."""
        given = {name: a[sample] for name, a in self.data.inputs.items()}
        swept = {n: self.presynaptic[n][sample % len(self.presynaptic[n])] for n in self.circuit.vertices}
        return units.forward(given | swept, {})

    def step(self, number: int, steps: int, tapes: Sequence[Tape]) -> Stepped:
        recorded: list[list[np.ndarray]] = [[] for _ in tapes]
        end = number + steps
        while number < end:
            for tape, taken in zip(tapes, recorded, strict=True):
                if number % tape.every == 0:
                    taken.append(self.read(tape.vertex, tape.variable).reshape(self.data.batch, -1))
            most = min([end, *(number - number % tape.every + tape.every for tape in tapes)])
            for sample in self.samples:
                self.events.mode.advance(sample, number, most - number, self.integrator.dt)
            number = self.number = most
        # Bins are stable steps, and between events there is a closed form: nothing grows without bound.
        return Stepped(steps, True, [self._stack(t, r) for t, r in zip(tapes, recorded, strict=True)])

    def settle(self, number: int, steps: int, tapes: Sequence[Tape]) -> Stepped:
        raise ParameterError("EventDriven has no order of populations: use the schedule Parallel()")

    def leap(self, number: int, steps: int, reach: int, tapes: Sequence[Tape], law: Law) -> Stepped:
        raise ParameterError("EventDriven goes from event to event: use the schedule Parallel()")

    def evaluate(self) -> None:
        if not self.samples:
            super().evaluate()
            return
        errors = np.stack([self.events.mode.errors(s, self.number, self.integrator.dt) for s in self.samples])
        values, received = (np.stack([getattr(s, name) for s in self.samples]) for name in ("value", "received"))
        for name, first in self.samples[0].common.edges.start.items():
            node = self.circuit.graph.nodes[name]
            if name not in self.data.clamped:
                own, error, feedback = (
                    array[:, first : first + node.size].reshape(-1, *node.shape) for array in (values, errors, received)
                )
                self.value[name] = self.prediction[name] + own if self.circuit.has_prediction(name) else own
                self.error[name], self.feedback[name] = error, feedback

    def read(self, vertex: str, variable: str) -> np.ndarray:
        self.evaluate()
        return super().read(vertex, variable)

    def gradients(self) -> dict[str, np.ndarray]:
        self.evaluate()
        return super().gradients()

    def state(self) -> dict[str, np.ndarray]:
        common = self.samples[0].common
        found = super().state() | {"step": np.array(self.number), "events.threshold": common.threshold}
        for name in STATE:
            found[f"events.{name}"] = np.stack([getattr(sample, name) for sample in self.samples])
        return found

    def set_state(self, data: Data, state: Mapping[str, np.ndarray]) -> None:
        own = {key: array for key, array in state.items() if key.startswith("events.")}
        if {key.removeprefix("events.") for key in own} != {*STATE, "threshold"} or "step" not in state:
            raise ValueError("it is none of an event-driven engine")
        self.samples = []
        super().set_state(data, {key: a for key, a in state.items() if key not in own and key != "step"})
        self._make()
        if not np.array_equal(self.samples[0].common.threshold, own["events.threshold"]):
            raise ValueError("its thresholds are others")
        for name in STATE:
            for sample, array in zip(self.samples, own[f"events.{name}"], strict=True):
                if getattr(sample, name).shape != array.shape:
                    raise ValueError(f"its {name} has another size")
                getattr(sample, name)[:] = array
        self.number = int(state["step"])
        self.evaluate()

    @property
    def identity(self) -> str:
        return f"{super().identity}, {self.events.mode!r}"

    def bounds(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Vertex -> bound of how far off its errors are, (batch, \\*shape); and parameter -> that of its gradient.

        Against the same dynamics without thresholds, at any time: Euler's steps (``TimeBinned``) or continuous time
        (``Exact``). Parameters that functions read, such as added biases, have no bound. Raises ParameterError where dt
        Pi / tau is above 1, with which Euler's steps overshoot.
        """
        common = self.samples[0].common
        if isinstance(self.events.mode, TimeBinned) and (common.gain * common.precision > 1.0).any():
            raise ParameterError("there is no bound where dt * precision / tau is above 1: choose a shorter dt")
        nodes = self.circuit.graph.nodes
        limits = {n: common.threshold[f : f + nodes[n].size] for n, f in common.edges.start.items()}
        found: list[dict[str, np.ndarray]] = []
        total: dict[str, np.ndarray] = {}
        for activity in self.activity:
            errors, adjoints = bounds(self.units, activity, limits, self.data.clamped)
            found.append(errors)
            for name, array in of_gradients(self.units, activity, adjoints).items():
                total[name] = total.get(name, 0.0) + array
        return {n: np.stack([f[n].reshape(nodes[n].shape) for f in found]) for n in found[0]}, total

    def describe(self) -> dict[str, Any]:
        sent = np.sum([sample.sizes for sample in self.samples], axis=0)
        common = self.samples[0].common
        by = {
            name: int(np.sum(sent[first : first + self.circuit.graph.nodes[name].size]))
            for name, first in common.edges.start.items()
            if self.circuit.has_prediction(name)
        }
        counts = np.sum([sample.counters for sample in self.samples], axis=0)
        return {
            "engine": "events",
            "threads": 1,
            "mode": repr(self.events.mode),
            "events": by,
            "synaptic_operations": int(counts[kernels.SYNAPSES]),
            "dendritic_multiplications": int(counts[kernels.GATES]),
        }
