"""The event-driven engine with thresholds of zero: nothing is held back, so that bins are the clocked engine's steps.

Every change is sent, and what others know of a neuron is what it is. The kernel engine takes the steps, with sums taken
anew instead of summed up change by change, so that results are its own bit for bit; here is counted what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.units import UnitFunction, UnitGraph
from pcneuro.engines.abstract import HopDistribution, RunData, Stepped
from pcneuro.engines.events.abstract_mode import NO_LEAP, NO_ORDER, AbstractMode
from pcneuro.engines.events.counts import Counts
from pcneuro.engines.events.senders import Sending
from pcneuro.engines.events.state import Sample
from pcneuro.engines.events.thresholds import Thresholds
from pcneuro.engines.kernel.engine import KernelEngine
from pcneuro.errors import ParameterError
from pcneuro.kernels.events.arrays import GATES
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.recording.events import EventLog
from pcneuro.recording.probe import Probe

HEARD = ("values", "errors", "adjoints", "activities")


class UnheldEngine(KernelEngine):
    """The kernel engine, with an account of what changes from step to step."""

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
        super().__init__(circuit, dynamics, integrator, dtype, name, threads)
        self.mode, self.threshold, self.values = mode, threshold, values
        self.number = self.first = 0
        self.log: EventLog | None = None
        self.sending: Sending | None = None

    def start(self, data: RunData) -> None:
        super().start(data)
        self.number = self.first = 0
        self._listen()

    def _listen(self) -> None:
        """Everybody knows what the sweep brings, and of errors nothing."""
        circuit, data = self.circuit.with_parameters(self.parameters), self.data
        units = self.units = UnitGraph(circuit)
        open_ = {n: np.zeros((data.batch, *circuit.graph.nodes[n].shape)) for n in circuit.graph.latents}
        given = {n: data.initial.get(n, a) for n, a in open_.items() if not circuit.has_prediction(n)}
        given |= data.inputs
        self.activity = [
            units.forward({n: a[s] for n, a in given.items()}, {n: a[s] for n, a in data.clamped.items()})
            for s in range(data.batch)
        ]
        nothing = {n: np.zeros((data.batch, *circuit.graph.nodes[n].shape)) for n in units.predictions}
        self.sending = Sending(self, units, self.activity, nothing)
        self.samples = [self.sending.sample(a, False) for a in self.activity]
        layout, names = self.sending.layout, self.circuit.vertices
        self.heard: list[dict[str, np.ndarray]] = [
            {
                "values": np.concatenate([a[units.values[n]] for n in names]).astype(self.dtype),
                "errors": np.zeros(self.sending.entry.size, dtype=self.dtype),
                "adjoints": np.zeros(layout.nodes),
                "activities": layout.activity(a).astype(np.float64),
            }
            for a in self.activity
        ]

    def step(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        if number != self.number:
            self.first = number
        done, finite, settled = 0, True, False
        rows: list[list[np.ndarray]] = [[] for _ in probes]
        while done < steps and finite and not settled:
            self._count(number + done)
            stepped = super().step(number + done, 1, probes)
            for taken, part in zip(rows, stepped.recorded, strict=True):
                taken.append(part)
            done += stepped.steps
            finite, settled = stepped.finite, stepped.settled
        self.number = number + done
        return Stepped(done, finite, [np.concatenate(taken) for taken in rows], settled)

    def _count(self, number: int) -> None:
        """What differs from what was heard before is sent in this bin."""
        assert self.sending is not None
        self.evaluate()
        names = self.circuit.vertices
        values = {n: self.read(n, "value") for n in names}
        errors = {n: self.read(n, "error") for n in self.units.predictions}
        silent = {n: np.zeros_like(values[n]) for n in names}
        for s, sample in enumerate(self.samples):
            new = {
                "values": np.concatenate([values[n][s].ravel() for n in names]),
                "errors": np.concatenate([errors.get(n, silent[n])[s].ravel() for n in names]),
                **self._dendrites(s, values, errors),
            }
            changed = {k: new[k] != self.heard[s][k] for k in HEARD}
            sends = np.concatenate(
                [
                    changed["values"] & (self.sending.exit >= 0),
                    changed["errors"] & (self.sending.entry >= 0),
                    self._axons(changed["adjoints"]),
                ]
            )
            if self.sending.strict:
                sends[changed["values"].size : 2 * changed["values"].size] = False
            codes = np.flatnonzero(sends[: sample["events"].size])
            sample["events"][codes] += 1
            self._sends(sample, changed)
            if self.log is not None and self.log.samples[s]:
                change = np.concatenate([new[k] - self.heard[s][k] for k in HEARD[:3]])[codes]
                populations, units = self.sending.senders(codes, self.log.populations)
                time = np.full(codes.size, number * self.integrator.dt)
                self.log.append(s, time, populations, units, change)
            self.heard[s] = new

    def _axons(self, changed: np.ndarray) -> np.ndarray:
        assert self.sending is not None
        return changed & self.sending.layout.axons

    def _dendrites(
        self, s: int, values: Mapping[str, np.ndarray], errors: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Of nodes: what is known of values, and what goes back."""
        assert self.sending is not None
        layout, found = self.sending.layout, self.activity[s]
        if self.sending.strict:
            given = {n: a[s] for n, a in (*self.data.inputs.items(), *values.items())}
            found = self.units.forward(given, {})
        adjoints = self.units.adjoints(found, {n: e[s].ravel() for n, e in errors.items()})
        back = layout.activity(adjoints).astype(np.float64)
        slopes, at = layout.slopes_at(found), 0
        for number, name in layout.gates:
            size = self.units.populations[number].size
            own = layout.reads.get((number, name))
            if own is not None:
                back[layout.offset[own] : layout.offset[own + 1]] = slopes[at : at + size] * adjoints[number]
            at += size
        return {"adjoints": back, "activities": layout.activity(found).astype(np.float64)}

    def _sends(self, sample: Sample, changed: Mapping[str, np.ndarray]) -> None:
        assert self.sending is not None
        layout = self.sending.layout
        sample["sends_down"][changed["adjoints"] & layout.down.sends] += 1
        sample.state.index[GATES] += self._multiplications(changed)
        if self.sending.strict:
            sample["sends_up"][changed["activities"] & layout.up.sends] += 1

    def _multiplications(self, changed: Mapping[str, np.ndarray]) -> int:
        """Products with derivatives, and derivatives worked out anew, of functions that something new comes to."""
        assert self.sending is not None
        layout, found = self.sending.layout, 0
        for number, _ in layout.gates:
            own = layout.nodes_of(layout.number[number])
            back = changed["adjoints"][own]
            if self.sending.strict:
                function = self.units.populations[number]
                assert isinstance(function, UnitFunction)
                moved = np.zeros_like(back)
                for other, operand in function.operands.items():
                    if isinstance(operand, int):
                        read = layout.nodes_of(layout.reads.get((number, other), layout.number[operand]))
                        moved |= changed["activities"][read]
                found += int(np.count_nonzero(moved))
                back = back | moved
            found += int(np.count_nonzero(back))
        return found

    def settle(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        raise ParameterError(NO_ORDER)

    def leap(self, number: int, steps: int, reach: int, probes: Sequence[Probe], shares: HopDistribution) -> Stepped:
        raise ParameterError(NO_LEAP)

    def bounds(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Nothing is held back, and so nothing is off."""
        if not self.dynamics.superposes:
            return super().bounds()
        errors = {n: np.zeros((self.data.batch, *self.circuit.graph.nodes[n].shape)) for n in self.circuit.vertices}
        return errors, {name: np.zeros(array.shape) for name, array in self.parameters.items()}

    def record_events(self, log: EventLog | None) -> None:
        self.log = log

    def state(self) -> dict[str, np.ndarray]:
        found = super().state() | {"unheld.step": np.array([self.number, self.first])}
        for name in HEARD:
            found[f"unheld.{name}"] = np.stack([heard[name] for heard in self.heard])
        for name in ("events", "sends_down", "sends_up"):
            found[f"unheld.{name}"] = np.stack([sample[name] for sample in self.samples])
        found["unheld.multiplications"] = np.array([sample.state.index[GATES] for sample in self.samples])
        return found

    def set_state(self, data: RunData, state: Mapping[str, np.ndarray]) -> None:
        own = {k.removeprefix("unheld."): a for k, a in state.items() if k.startswith("unheld.")}
        if own.keys() != {*HEARD, "events", "sends_down", "sends_up", "multiplications", "step"}:
            raise ValueError("it is none of an event-driven engine")
        super().set_state(data, {k: a for k, a in state.items() if not k.startswith("unheld.")})
        self._listen()
        for s, sample in enumerate(self.samples):
            places = self.heard[s] | {name: sample[name] for name in ("events", "sends_down", "sends_up")}
            for name, place in places.items():
                if own[name].shape != (data.batch, *place.shape) or own[name].dtype != place.dtype:
                    raise ValueError(f"its {name} have another size")
                place[...] = own[name][s]
        if own["multiplications"].shape != (data.batch,):
            raise ValueError("its multiplications are of another number of samples")
        for sample, number in zip(self.samples, own["multiplications"], strict=True):
            sample.state.index[GATES] = int(number)
        self.number, self.first = (int(n) for n in own["step"])

    @property
    def identity(self) -> str:
        return f"{super().identity}, {self.mode!r}"

    def describe(self) -> dict[str, Any]:
        assert self.sending is not None
        counts = Counts(self.sending, self.samples, self.number - self.first).stats()
        return super().describe() | {"engine": "events", "mode": repr(self.mode), **counts}
