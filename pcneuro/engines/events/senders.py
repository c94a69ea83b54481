"""What all samples of an event-driven engine share: the network that events go through, and thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pcneuro.circuit.synapses import synapse_groups
from pcneuro.circuit.units import SynapseGroup, SynapticSum, UnitGraph
from pcneuro.engines.events.state import Sample
from pcneuro.engines.events.tally import Synapses, value_synapses
from pcneuro.engines.events.thresholds import Absolute, Thresholds, by_vertex
from pcneuro.engines.events.topology import Topology
from pcneuro.engines.events.under_way import late
from pcneuro.kernels.events.arrays import SUM, SynapticNetwork
from pcneuro.model.payload import Payload
from pcneuro.norms import root_mean_square

if TYPE_CHECKING:
    from pcneuro.circuit.activity import Activity
    from pcneuro.circuit.circuit import Circuit
    from pcneuro.engines.data import RunData
    from pcneuro.model.dynamics import AbstractDynamics
    from pcneuro.model.integrators import AbstractIntegrator


class TimeMode(Protocol):
    """What is to be known of how time goes on."""

    @property
    def binned(self) -> bool: ...

    def gain(self, integrator: AbstractIntegrator, tau: np.ndarray, precision: np.ndarray) -> np.ndarray: ...

    def least_message(self, quantum: np.ndarray) -> np.ndarray: ...


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


class Sending:
    """A topology with its weights, what thresholds there are, and the synaptic network that kernels read of them.

    ``swept`` is the activity of all populations of ``units`` at the sweep, by sample, ``equilibria`` the errors of
    vertices where fixed prediction brings them, (batch, \\*shape).
    """

    def __init__(
        self,
        engine: Sender,
        topology: Topology,
        units: UnitGraph,
        swept: list[list[np.ndarray]],
        equilibria: Mapping[str, np.ndarray],
    ) -> None:
        self.engine, self.topology, self.units, self.swept, self.equilibria = engine, topology, units, swept, equilibria
        self.layout, self.slices, self.strict = topology.layout, topology.slices, topology.strict
        circuit, clamped = engine.circuit, engine.data.clamped
        errors, values = self._thresholds()
        quantum, most = self._messages()
        # What a dendrite passes on of messages is no message of few bits itself.
        gate = self._gates(errors) if self.strict else np.zeros(0)
        errors = np.maximum(errors, engine.mode.least_message(quantum.astype(engine.dtype)))
        tau, precision = self._units(circuit.tau), self._units(circuit.precision)
        free = self._units({n: np.full(circuit.tau[n].shape, float(n not in clamped)) for n in circuit.vertices})
        dtype, layout = engine.dtype, self.layout
        gain = engine.mode.gain(engine.integrator, tau, precision) * free
        self.precision, self.gain, self.threshold = (a.astype(dtype) for a in (precision, gain, errors))
        self.weights = layout.weights(units)
        self.network = SynapticNetwork(
            dtype,
            strict=int(self.strict),
            exact=int(not engine.mode.binned),
            units=topology.count,
            room_up=topology.rooms[0],
            room_down=topology.rooms[1],
            unit=topology.unit,
            mean=topology.mean,
            entry=topology.entry,
            exit=topology.exit,
            precision=precision,
            gain=gain,
            rate=free * precision / tau,
            threshold=errors,
            quantum=quantum,
            most=most,
            value_threshold=values,
            gate=gate,
            **layout.arrays(self.weights),
        )
        limits = [errors[topology.entry >= 0], values[topology.exit >= 0], gate[gate >= 0]]
        self.limits = np.concatenate(limits).astype(dtype)
        """Thresholds of all that may send."""
        self.every_change = bool((self.limits == 0).any())
        """Whether some send whatever changes, so that something is on its way until nothing changes at all."""

    def reweight(self, units: UnitGraph) -> None:
        """Take other weights, those of ``units``; thresholds stay."""
        self.units, self.weights = units, self.layout.weights(units)
        self.network = self.network.replaced(**self.layout.weighted(self.weights))
        for name in ("connection_sparsity", "value_synapses"):
            self.__dict__.pop(name, None)

    def _units(self, by_name: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.concatenate([np.ravel(by_name[n]) for n in self.engine.circuit.vertices]).astype(np.float64)

    def _thresholds(self) -> tuple[np.ndarray, np.ndarray]:
        """Of errors, and of values, (units,)."""
        circuit, engine = self.engine.circuit, self.engine
        nodes, equilibria = circuit.graph.nodes, self.equilibria
        of_errors = by_vertex(engine.threshold, equilibria)
        thresholds = engine.threshold if engine.values is None else engine.values
        # Latents without a prior have values to send, but no errors.
        of_values = by_vertex(thresholds, dict.fromkeys(circuit.vertices) if engine.values is not None else equilibria)
        errors, values = {}, {}
        for name in circuit.vertices:
            size, shape, precision = nodes[name].size, nodes[name].shape, circuit.precision[name].ravel()
            relaxed = equilibria.get(name, np.zeros((1, *shape)))
            relaxed = relaxed.reshape(len(relaxed), -1)
            errors[name] = of_errors[name].of(relaxed, shape, name) if name in equilibria else np.zeros(size)
            leak = np.where(precision > 0, precision, 1.0)
            limit = (
                of_values.get(name)
                or by_vertex({} if isinstance(thresholds, Mapping) else thresholds, {name: None})[name]
            )
            values[name] = limit.of(relaxed / leak, shape, name)
            if engine.values is None and isinstance(limit, Absolute):
                values[name] = values[name] / leak
        return self._units(errors), self._units(values)

    def _messages(self) -> tuple[np.ndarray, np.ndarray]:
        """Of units: the quantum of what their errors send, 0 where that is any number, and the largest multiple."""
        circuit, payloads = self.engine.circuit, self.engine.circuit.payloads

        def of(number: Callable[[Payload], float]) -> np.ndarray:
            found = {n: number(payloads[n]) if n in payloads else 0.0 for n in circuit.vertices}
            return self._units({n: np.full(circuit.graph.nodes[n].shape, value) for n, value in found.items()})

        return of(lambda payload: payload.quantum), of(lambda payload: payload.most)

    def _gates(self, errors: np.ndarray) -> np.ndarray:
        """Under strict dynamics, of nodes: what an error's threshold comes to behind its dendrite; -1 inside of it."""
        layout, units = self.layout, self.units
        axons = layout.axons
        gate = np.full(layout.nodes, -1.0)
        adjoints = [
            units.adjoints(a, {n: e[s].ravel() for n, e in self.equilibria.items()}) for s, a in enumerate(self.swept)
        ]
        reads = {reader: number for (number, _), reader in layout.reads.items()}
        numbers = {layout.number[n]: n for n, p in enumerate(units.populations) if isinstance(p, SynapticSum)}
        for here in np.flatnonzero(layout.kind == SUM):
            nodes = layout.nodes_of(here)
            if not axons[nodes].any():
                continue
            name = layout.owner[here]
            number = numbers.get(here)
            if number is None:
                # What a function sends back to its operand
                number = reads[here]
            whole = root_mean_square(self.equilibria[name])
            share = root_mean_square(np.stack([a[number] for a in adjoints])) / whole if whole else 1.0
            gate[nodes] = np.mean(errors[self.slices[name]]) * (share or 1.0)
        return gate

    def prediction(self, sample: Sample, vertex: str) -> np.ndarray:
        """What a vertex' dendrite makes of what it knows, (units,), under strict dynamics."""
        return sample["activity"][self.topology.nodes(self.units.predictions[vertex])]

    def late(self, sample: Sample) -> list[np.ndarray]:
        """By synapse group, of every synapse: what was sent of its value neuron and has not arrived yet."""
        queue = {name.removeprefix("up."): array for name, array in sample.queued().items()}
        # Values are sent without slopes, so that the time does not matter.
        return self.by_group(late(self.layout.up, queue, 0.0).change)

    def by_group(self, missing: np.ndarray) -> list[np.ndarray]:
        """By synapse group, of every synapse, what the synapses of value neurons have in the order of their table."""
        layout = self.layout
        by_synapse = np.zeros(layout.up.order.size)
        by_synapse[layout.up.order] = missing
        places = [(c, layout.places.get((c.population, c.operand))) for c in synapse_groups(self.units)]
        return [np.zeros(c.synapses) if place is None else by_synapse[place] for c, place in places]

    def neurons_before(self, group: SynapseGroup) -> np.ndarray:
        """Units of the value neurons before the synapses of a group."""
        population = self.units.populations[group.population]
        return population.pre if isinstance(population, SynapticSum) else np.arange(group.synapses)

    @cached_property
    def connection_sparsity(self) -> float:
        """The share of pairs of units before and behind sums without a synapse of a weight other than 0."""
        populations = self.units.populations
        sums = [p for p in populations if isinstance(p, SynapticSum)]
        pairs = sum(p.size * populations[p.source].size for p in sums)
        there = sum(int(np.count_nonzero(np.broadcast_to(p.weights.values, p.pre.shape))) for p in sums)
        return 1.0 - there / pairs if pairs else 0.0

    @cached_property
    def value_synapses(self) -> dict[str, Synapses]:
        """Of inputs and vertices: the synapses of each value neuron."""
        return value_synapses(self.units)

    @cached_property
    def plasticity(self) -> tuple[int, int]:
        """Synapses that learn, over all samples, and those of them that have an activity other than 0 before them."""
        dense = effective = 0
        for population in self.units.populations:
            if isinstance(population, SynapticSum) and population.weights.parameter is not None:
                before = [activity[population.source] != 0 for activity in self.swept]
                fan_out = np.bincount(population.pre, minlength=before[0].size)
                dense += population.pre.size * len(before)
                effective += sum(int(fan_out[there].sum()) for there in before)
        return dense, effective

    def sample(self, activity: list[np.ndarray], lines: bool) -> Sample:
        """The state of a sample at the sweep."""
        layout = self.layout
        slopes = layout.slopes_at(self.units, activity)
        return Sample(self.network, slopes, layout.activity(activity), layout.formulas.most_operands, lines)


def equilibria_of(dense: Activity, base: Mapping[str, np.ndarray], dynamics: AbstractDynamics) -> dict[str, np.ndarray]:
    """Errors of all vertices that have them where fixed prediction brings them, (batch, \\*shape).

    ``base`` are values at the sweep; writes errors and feedback of ``dense``, and leaves its values as they are.
    """
    clamped, begin = dense.clamped, dense.values
    dense.values = {n: a if n in clamped else base[n] for n, a in begin.items()}
    dense.evaluate(dynamics)
    with np.errstate(all="ignore"):
        feedback = dense.fed_back(relaxed=True)
    dense.values = begin
    predicted = (name for name in dense.circuit.vertices if dense.circuit.has_prediction(name))
    return {name: dense.errors[name] if name in clamped else feedback[name] for name in predicted}
