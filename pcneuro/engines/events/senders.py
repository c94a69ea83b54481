"""What all samples of an event-driven engine share: the net that events go through, and from what on they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pcneuro.circuit.synapses import delays_at, steps_at, synapse_groups
from pcneuro.circuit.units import SynapticSum, UnitGraph
from pcneuro.engines.events.network import Delays, Layout
from pcneuro.engines.events.state import Sample
from pcneuro.engines.events.thresholds import Absolute, Thresholds, by_vertex
from pcneuro.kernels.events.arrays import SUM, SynapticNetwork

if TYPE_CHECKING:
    from pcneuro.circuit.circuit import Circuit
    from pcneuro.engines.abstract import RunData
    from pcneuro.model.dynamics import AbstractDynamics
    from pcneuro.model.integrators import AbstractIntegrator


class TimeMode(Protocol):
    """What is to be known of how time goes on."""

    @property
    def binned(self) -> bool: ...

    def gain(self, integrator: AbstractIntegrator, tau: np.ndarray, precision: np.ndarray) -> np.ndarray: ...


class Sender(Protocol):
    """What an engine that sends events says of itself."""

    circuit: Circuit
    dynamics: AbstractDynamics
    integrator: AbstractIntegrator
    dtype: np.dtype
    data: RunData

    @property
    def mode(self) -> TimeMode: ...

    threshold: Thresholds
    values: Thresholds | None


def _rms(array: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64)))) if array.size else 0.0


class Sending:
    """Units in the order of their vertices, thresholds, and the net."""

    def __init__(
        self,
        engine: Sender,
        units: UnitGraph,
        activity: list[list[np.ndarray]],
        equilibria: Mapping[str, np.ndarray],
    ) -> None:
        self.engine, self.units, self.activity, self.equilibria = engine, units, activity, equilibria
        circuit, held = engine.circuit, engine.data.clamped
        self.strict = not engine.dynamics.holds_predictions
        self.delays = self._delays()
        self.delayed = bool(self.delays)
        self.layout = Layout(units, held, engine.dtype, self.delays, self.strict)
        self.slices: dict[str, slice] = {}
        """Vertex -> its units."""
        count = 0
        for name in circuit.vertices:
            self.slices[name] = slice(count, count + circuit.graph.nodes[name].size)
            count = self.slices[name].stop
        errors, values = self._thresholds()
        tau, precision = self._units(circuit.tau), self._units(circuit.precision)
        free = self._units({n: np.full(circuit.tau[n].shape, float(n not in held)) for n in circuit.vertices})
        entry, exit_, unit, mean = self._places()
        dtype, layout = engine.dtype, self.layout
        gain = engine.mode.gain(engine.integrator, tau, precision) * free
        gate = self._gates(errors, activity) if self.strict else np.zeros(0)
        sends = {"prediction": layout.up, "feedback": layout.down}
        self.synapses = {kind: int(fan.synapses.sum()) for kind, fan in sends.items()}
        """Kind -> how many there are."""
        rooms = [int(np.count_nonzero(np.diff(f.first))) + 1 if self.delayed else 0 for f in (layout.up, layout.down)]
        self.precision, self.gain, self.threshold = (a.astype(dtype) for a in (precision, gain, errors))
        self.net = SynapticNetwork(
            dtype,
            strict=int(self.strict),
            exact=int(not engine.mode.binned),
            units=count,
            room_up=rooms[0],
            room_down=rooms[1],
            unit=unit,
            mean=mean,
            entry=entry,
            exit=exit_,
            precision=precision,
            gain=gain,
            rate=free * precision / tau,
            threshold=errors,
            value_threshold=values,
            gate=gate,
            **layout.arrays(),
        )
        self.entry, self.exit = entry, exit_
        own = [errors[(entry >= 0)], values[exit_ >= 0], gate[gate >= 0]]
        self.limits = np.concatenate(own).astype(dtype)
        """Thresholds of all that may send."""

    def _delays(self) -> Delays:
        """In bins, or in ms where there are none. Raises ParameterError for delays shorter than a bin."""
        engine, found = self.engine, {}
        for group in synapse_groups(self.units) if engine.circuit.delayed else ():
            up, down = (
                steps_at(self.units, group, kind, engine.integrator.dt)
                if engine.mode.binned
                else delays_at(self.units, group, kind)
                for kind in ("prediction", "feedback")
            )
            if np.any(up) or np.any(down):
                found[group.population, group.operand] = up, down
        return found

    def _units(self, by_name: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.concatenate([np.ravel(by_name[n]) for n in self.engine.circuit.vertices]).astype(np.float64)

    def _thresholds(self) -> tuple[np.ndarray, np.ndarray]:
        """Of errors, and of values, (units,)."""
        circuit, engine = self.engine.circuit, self.engine
        nodes, equilibria = circuit.graph.nodes, self.equilibria
        of_errors = by_vertex(engine.threshold, equilibria)
        given = engine.threshold if engine.values is None else engine.values
        # Latents without a prior have values to send, but no errors.
        of_values = by_vertex(given, dict.fromkeys(circuit.vertices) if engine.values is not None else equilibria)
        errors, values = {}, {}
        for name in circuit.vertices:
            size, shape, precision = nodes[name].size, nodes[name].shape, circuit.precision[name].ravel()
            own = equilibria.get(name, np.zeros((1, *shape)))
            own = own.reshape(len(own), -1)
            errors[name] = of_errors[name].of(own, shape, name) if name in equilibria else np.zeros(size)
            leak = np.where(precision > 0, precision, 1.0)
            limit = of_values.get(name) or by_vertex({} if isinstance(given, Mapping) else given, {name: None})[name]
            values[name] = limit.of(own / leak, shape, name)
            if engine.values is None and isinstance(limit, Absolute):
                values[name] = values[name] / leak
        return self._units(errors), self._units(values)

    def _places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Units -> nodes that errors go down and values go up from; nodes -> units of values, and of predictions."""
        units, layout, held = self.units, self.layout, self.engine.data.clamped
        count = sum(part.stop - part.start for part in self.slices.values())
        entry, exit_ = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
        unit, mean = np.full(layout.nodes, -1, dtype=np.int32), np.full(layout.nodes, -1, dtype=np.int32)
        for name, part in self.slices.items():
            own, value = np.arange(part.start, part.stop), self._nodes(units.values[name])
            prediction = units.predictions.get(name)
            if name not in held:
                unit[value] = own
                if self.strict and (np.diff(layout.up.first)[value] > 0).any():
                    exit_[part] = value
            if prediction is None or prediction not in layout.active:
                continue
            entry[part] = self._nodes(prediction)
            compared = units.means.get(name, prediction) if name in held else prediction
            if self.strict:
                mean[self._nodes(compared)] = own
        return entry, exit_, unit, mean

    def _nodes(self, number: int) -> np.ndarray:
        own = self.layout.number[number]
        return np.arange(self.layout.offset[own], self.layout.offset[own + 1])

    def _gates(self, errors: np.ndarray, activity: list[list[np.ndarray]]) -> np.ndarray:
        """Under strict dynamics, of nodes: what an error's threshold comes to behind its dendrite; -1 inside of it."""
        layout, units = self.layout, self.units
        axons = layout.axons
        gate = np.full(layout.nodes, -1.0)
        adjoints = [
            units.adjoints(a, {n: e[s].ravel() for n, e in self.equilibria.items()}) for s, a in enumerate(activity)
        ]
        reads = {own: number for (number, _), own in layout.reads.items()}
        numbers = {layout.number[n]: n for n, p in enumerate(units.populations) if isinstance(p, SynapticSum)}
        for own in np.flatnonzero(layout.kind == SUM):
            nodes = slice(layout.offset[own], layout.offset[own + 1])
            if not axons[nodes].any():
                continue
            name = layout.owner[own]
            number = numbers.get(own)
            if number is None:
                # What a function sends back to its operand
                number = reads[own]
            whole = _rms(self.equilibria[name])
            share = _rms(np.stack([a[number] for a in adjoints])) / whole if whole else 1.0
            gate[nodes] = np.mean(errors[self.slices[name]]) * (share or 1.0)
        return gate

    def prediction(self, sample: Sample, vertex: str) -> np.ndarray:
        """What a vertex' dendrite makes of what it knows, (units,), under strict dynamics."""
        return sample["activity"][self._nodes(self.units.predictions[vertex])]

    def late(self, sample: Sample) -> list[np.ndarray]:
        """By synapse group, of every synapse: what was sent of its value neuron and has not arrived yet."""
        layout, queued = self.layout, sample.queued()
        nodes, groups, changes = queued["up.key"] >> 32, queued["up.key"] & 0xFFFFFFFF, queued["up.change"]
        # An event has not come to the group that it reaches next, and to those of its node behind it.
        missing = np.zeros(layout.up.delay.size + 1)
        np.add.at(missing, groups, changes)
        np.add.at(missing, layout.up.first[nodes + 1], -changes)
        by_synapse = np.zeros(layout.order.size)
        by_synapse[layout.order] = np.repeat(np.cumsum(missing)[:-1], np.diff(layout.up.begin))
        places = [(c, layout.places.get((c.population, c.operand))) for c in synapse_groups(self.units)]
        return [np.zeros(c.synapses) if place is None else by_synapse[place] for c, place in places]

    @cached_property
    def connection_sparsity(self) -> float:
        """The share of pairs of units before and behind sums without a synapse of a weight other than 0."""
        populations = self.units.populations
        sums = [p for p in populations if isinstance(p, SynapticSum)]
        pairs = sum(p.size * populations[p.source].size for p in sums)
        there = sum(int(np.count_nonzero(np.broadcast_to(p.weights.values, p.pre.shape))) for p in sums)
        return 1.0 - there / pairs if pairs else 0.0

    @cached_property
    def plasticity(self) -> tuple[int, int]:
        """Synapses that learn, over all samples, and those of them that have an activity other than 0 before them."""
        dense = effective = 0
        for population in self.units.populations:
            if isinstance(population, SynapticSum) and population.weights.parameter is not None:
                before = [activity[population.source] != 0 for activity in self.activity]
                fan_out = np.bincount(population.pre, minlength=before[0].size)
                dense += population.pre.size * len(before)
                effective += sum(int(fan_out[there].sum()) for there in before)
        return dense, effective

    def senders(self, codes: np.ndarray, numbers: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
        """Who sent events of these codes: the number of its population, and the unit in it.

        Under strict dynamics errors are sent by nodes, along the axons of a dendrite; a unit then is the neuron whose
        dendrite it is, of several the first.
        """
        names, of, neuron = self._codes
        numbered = np.array([numbers.get(name, -1) for name in names], dtype=np.int32)
        return numbered[of[codes]], neuron[codes]

    @cached_property
    def _codes(self) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Names of populations; and of each code which of them it is of, and the neuron."""
        layout, units = self.layout, self.entry.size
        names = [f"{name}.{kind}" for name in self.slices for kind in ("value", "error")]
        of, neuron = (np.zeros(2 * units + layout.nodes, dtype=np.int32) for _ in range(2))
        for number, part in enumerate(self.slices.values()):
            for kind, first in enumerate((0, units)):
                own = slice(first + part.start, first + part.stop)
                of[own], neuron[own] = 2 * number + kind, np.arange(part.stop - part.start)
        for population, name in layout.owner.items():
            of[2 * units :][layout.offset[population] : layout.offset[population + 1]] = names.index(f"{name}.error")
        neuron[2 * units :] = layout.neuron
        return names, of, neuron

    def sample(self, activity: list[np.ndarray], lines: bool) -> Sample:
        """The state of a sample at the sweep."""
        layout = self.layout
        return Sample(self.net, layout.slopes_at(activity), layout.activity(activity), layout.most_operands, lines)
