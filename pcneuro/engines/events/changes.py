"""Counts of what changes from step to step: what neurons send where every change is sent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pcneuro.circuit.cycles import recurrent_of
from pcneuro.circuit.units import UnitFunction, UnitGraph
from pcneuro.engines.events.senders import Sender, Sending
from pcneuro.engines.events.state import Sample
from pcneuro.engines.events.topology import Topologies
from pcneuro.recording.event_log import EventLog

Arrays = dict[str, np.ndarray]

KNOWN = ("values", "errors", "adjoints", "activities")
"""What others know of units (values, errors) and of nodes (what goes back, what dendrites read)."""
COUNTS = ("events", "sends_down", "sends_up")


class ChangeCounter:
    """What others know of the neurons of each sample, and how often that has changed.

    Everybody knows at first what the feedforward sweep brings, and of errors nothing. Reads values and errors that it
    is given; adds to the counts of its ``samples``.
    """

    def __init__(self, sender: Sender, topologies: Topologies, parameters: Mapping[str, np.ndarray]) -> None:
        circuit, data = sender.circuit, sender.data
        self.data, self.dtype = data, sender.dtype
        self.names = sender.circuit.vertices
        units = self.units = topologies.units(parameters)
        silence = {n: np.zeros((data.batch, *circuit.graph.nodes[n].shape)) for n in circuit.graph.latents}
        values = {n: data.initial.get(n, a) for n, a in silence.items() if not circuit.has_prediction(n)}
        values |= data.inputs
        self.swept = [
            self._swept({n: a[s] for n, a in values.items()}, {n: a[s] for n, a in data.clamped.items()})
            for s in range(data.batch)
        ]
        no_errors = {n: np.zeros((data.batch, *circuit.graph.nodes[n].shape)) for n in units.predictions}
        self.sending = Sending(sender, topologies.of(units, data.clamped), units, self.swept, no_errors)
        self.samples = [self.sending.sample(activity, False) for activity in self.swept]
        self.known: list[Arrays] = [self._at_the_sweep(activity) for activity in self.swept]

    def _swept(self, values: Arrays, clamped: Arrays) -> list[np.ndarray]:
        """Activity of all populations at the sweep, where leaves that close cycles without delay follow at once."""
        units, graph = self.units, self.units.circuit.graph
        activity = units.forward(values, clamped)
        if not graph.recurrent:
            return activity
        late = {n: activity[units.values[n]] for n in graph.recurrent if recurrent_of(graph, n).delay}
        return units.forward(values | late | {n: activity[units.values[n]] for n in self.names}, clamped)

    def _at_the_sweep(self, activity: list[np.ndarray]) -> Arrays:
        layout, units = self.sending.layout, self.units
        return {
            "values": np.concatenate([activity[units.values[n]] for n in self.names]).astype(self.dtype),
            "errors": np.zeros(self.sending.topology.count, dtype=self.dtype),
            "adjoints": np.zeros(layout.nodes),
            "activities": layout.activity(activity).astype(np.float64),
        }

    def begin(self, values: Arrays) -> None:
        """Let others know these values of vertices, (batch, \\*shape), which are the sweep's but for rounding."""
        for s, known in enumerate(self.known):
            known["values"] = np.concatenate([values[n][s].ravel() for n in self.names])
            if self.sending.strict:
                known["activities"] = self._dendrites(s, values, {})["activities"]

    @property
    def values(self) -> Arrays:
        """Vertices at the sweep, (batch, units)."""
        return {n: np.stack([activity[self.units.values[n]] for activity in self.swept]) for n in self.names}

    def reweight(self, units: UnitGraph) -> None:
        """Take other weights: what is known stays, and what goes back from now on is of these."""
        self.units = units
        self.sending.reweight(units)

    # Where a run diverges the engine says so, not NumPy.
    @np.errstate(all="ignore")
    def count(self, time: float, values: Arrays, errors: Arrays, log: EventLog | None) -> None:
        """What differs from what is known is sent at this time (ms), by neurons of these values and errors."""
        silent = {n: np.zeros_like(values[n]) for n in self.names}
        sending = self.sending
        for s, sample in enumerate(self.samples):
            present = {
                "values": np.concatenate([values[n][s].ravel() for n in self.names]),
                "errors": np.concatenate([errors.get(n, silent[n])[s].ravel() for n in self.names]),
                **self._dendrites(s, values, errors),
            }
            changed = {k: present[k] != self.known[s][k] for k in KNOWN}
            sends = np.concatenate(
                [
                    changed["values"] & (sending.topology.exit >= 0),
                    changed["errors"] & (sending.topology.entry >= 0),
                    changed["adjoints"] & sending.layout.axons,
                ]
            )
            if sending.strict:
                sends[changed["values"].size : 2 * changed["values"].size] = False
            codes = np.flatnonzero(sends[: sample["events"].size])
            sample["events"][codes] += 1
            self._count_operations(sample, changed)
            if log is not None and log.samples[s]:
                change = np.concatenate([present[k] - self.known[s][k] for k in KNOWN[:3]])[codes]
                populations, neurons = sending.topology.sent_by(codes, log.populations)
                log.append(s, np.full(codes.size, time), populations, neurons, change)
            self.known[s] = present

    def _dendrites(self, s: int, values: Arrays, errors: Arrays) -> Arrays:
        """Of nodes: what dendrites read of values, and what goes back."""
        layout, activity = self.sending.layout, self.swept[s]
        if self.sending.strict:
            present = {n: a[s] for n, a in (*self.data.inputs.items(), *values.items())}
            activity = self.units.forward(present, {})
        adjoints = self.units.adjoints(activity, {n: e[s].ravel() for n, e in errors.items()})
        back = layout.sent_back(self.units, activity, adjoints)
        return {"adjoints": back, "activities": layout.activity(activity).astype(np.float64)}

    def _count_operations(self, sample: Sample, changed: Mapping[str, np.ndarray]) -> None:
        layout = self.sending.layout
        sample["sends_down"][changed["adjoints"] & layout.down.sends] += 1
        sample.state.gates += self._multiplications(changed)
        if self.sending.strict:
            sample["sends_up"][changed["activities"] & layout.up.sends] += 1

    def _multiplications(self, changed: Mapping[str, np.ndarray]) -> int:
        """Products with derivatives, and derivatives worked out anew, of functions that something new comes to."""
        layout, number_of_products = self.sending.layout, 0
        for number, _ in layout.formulas.gates:
            nodes = layout.nodes_of(layout.number[number])
            back = changed["adjoints"][nodes]
            if self.sending.strict:
                function = self.units.populations[number]
                assert isinstance(function, UnitFunction)
                moved = np.zeros_like(back)
                for name, operand in function.operands.items():
                    if isinstance(operand, int):
                        moved |= changed["activities"][layout.nodes_of(layout.read_by(number, name))]
                number_of_products += int(np.count_nonzero(moved))
                back = back | moved
            number_of_products += int(np.count_nonzero(back))
        return number_of_products

    # Snapshots

    def state(self) -> Arrays:
        """What is known and what was counted, as arrays by name; ``take_up`` takes it up."""
        arrays = {name: np.stack([known[name] for known in self.known]) for name in KNOWN}
        arrays |= {name: np.stack([sample[name] for sample in self.samples]) for name in COUNTS}
        return arrays | {"multiplications": np.array([sample.state.gates for sample in self.samples])}

    def take_up(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up what ``state`` gave, for the same data. Raises ValueError for arrays of other names or sizes."""
        if state.keys() != {*KNOWN, *COUNTS, "multiplications"}:
            raise ValueError("it is none of an event-driven engine")
        batch = len(self.samples)
        for s, sample in enumerate(self.samples):
            places = self.known[s] | {name: sample[name] for name in COUNTS}
            for name, place in places.items():
                if state[name].shape != (batch, *place.shape) or state[name].dtype != place.dtype:
                    raise ValueError(f"its {name} have another size")
                place[...] = state[name][s]
        if state["multiplications"].shape != (batch,):
            raise ValueError("its multiplications are of another number of samples")
        for sample, number in zip(self.samples, state["multiplications"], strict=True):
            sample.state.gates = int(number)
