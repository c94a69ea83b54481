"""What an event-driven engine sorts and indexes once: it depends on what is clamped, not on weights or data."""

from __future__ import annotations

import copy
import math
from collections.abc import Container, Hashable, Iterable, Mapping

import numpy as np

from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.circuit.synapses import delays_at, steps_at, synapse_groups
from pcneuro.circuit.units import SynapticSum, UnitGraph
from pcneuro.circuit.units.reweighting import reweighted
from pcneuro.engines.events.network import Delays, NetworkLayout
from pcneuro.graph.graph import Constant, Latent
from pcneuro.ops.sameness import value_key
from pcneuro.program.kept import Kept

NONE = -1
"""Where there is no unit or node."""
_LISTED, _SORTED = 24, 48
"""Bytes of a synapse in a unit graph, and in the fan-out tables of a topology."""


class Topology:
    """Units in the order of their vertices, the layout of the synaptic network, and where units stand in it."""

    def __init__(
        self, units: UnitGraph, clamped: Container[str], dtype: np.dtype, delays: Delays, strict: bool
    ) -> None:
        self.units, self.clamped, self.strict, self.delays = units, clamped, strict, delays
        circuit = units.circuit
        self.layout = NetworkLayout(units, clamped, dtype, delays, strict)
        self.longest = _longest(units, delays)
        """The longest delay, in bins, or in ms at exact times."""
        self.slices: dict[str, slice] = {}
        """Vertex -> its units."""
        count = 0
        for name in circuit.vertices:
            self.slices[name] = slice(count, count + circuit.graph.nodes[name].size)
            count = self.slices[name].stop
        self.count = count
        layout = self.layout
        self.entry, self.exit = (np.full(count, NONE, dtype=np.int64) for _ in range(2))
        """Unit -> the node that its error goes down from, and that its value goes up from, or -1."""
        self.unit, self.mean = (np.full(layout.nodes, NONE, dtype=np.int32) for _ in range(2))
        """Node -> the unit that it is the value neuron of, and that whose prediction it is, or -1."""
        self._place(clamped)
        self.synapses = {
            kind: int(table.synapses.sum()) for kind, table in (("prediction", layout.up), ("feedback", layout.down))
        }
        """Kind -> how many there are."""
        self.rooms = [
            int(np.count_nonzero(np.diff(table.first))) + 1 if delays else 0 for table in (layout.up, layout.down)
        ]
        """The most events that a bin may put under way, up and down."""
        self.senders = self._senders()

    def with_delays(self, delays: Delays) -> Topology:
        """The same, where synapses have other delays; there are some in both. Only synapses are sorted again."""
        if _equal(delays, self.delays):
            return self
        twin = copy.copy(self)
        twin.delays, twin.longest = delays, _longest(self.units, delays)
        twin.layout = self.layout.with_delays(delays, self.strict)
        return twin

    def _place(self, clamped: Container[str]) -> None:
        """Find the nodes of units, and the units of nodes."""
        units, layout, graph = self.units, self.layout, self.units.circuit.graph
        for name, part in self.slices.items():
            here, value = np.arange(part.start, part.stop), self.nodes(units.values[name])
            prediction = units.predictions.get(name)
            if name not in clamped:
                self.unit[value] = here
                leaves = [leaf for leaf in graph.recurrent if graph.sender(leaf) == name]
                for nodes in (value, *(self.nodes(units.values[leaf]) for leaf in leaves)):
                    if self.strict and (np.diff(layout.up.first)[nodes] > 0).any():
                        self.exit[part] = nodes
                        break
            if prediction in layout.back:
                self.entry[part] = self.nodes(prediction)
            if self.strict and prediction in layout.active:
                self.mean[self.nodes(self.compared(name))] = here

    def compared(self, vertex: str) -> int:
        """The population of the unit graph that values of a vertex are compared with: its prediction, or a mean."""
        prediction = self.units.predictions[vertex]
        return self.units.means.get(vertex, prediction) if vertex in self.clamped else prediction

    def nodes(self, number: int) -> np.ndarray:
        """Nodes of a population of the unit graph."""
        nodes = self.layout.nodes_of(self.layout.number[number])
        return np.arange(nodes.start, nodes.stop)

    def _senders(self) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Names of populations; and of each code of an event which of them it is of, and the neuron.

        Under strict dynamics errors are sent by nodes, along the axons of a dendrite; a unit then is the neuron whose
        dendrite it is, of several the first.
        """
        layout, units = self.layout, self.count
        names = [f"{name}.{kind}" for name in self.slices for kind in ("value", "error")]
        population, neuron = (np.zeros(2 * units + layout.nodes, dtype=np.int32) for _ in range(2))
        for number, part in enumerate(self.slices.values()):
            for kind, first in enumerate((0, units)):
                codes = slice(first + part.start, first + part.stop)
                population[codes], neuron[codes] = 2 * number + kind, np.arange(part.stop - part.start)
        for here, name in layout.owner.items():
            population[2 * units :][layout.nodes_of(here)] = names.index(f"{name}.error")
        neuron[2 * units :] = layout.neuron
        # What only clamped neurons hear is none.
        population[2 * units :][~layout.reaches] = NONE
        for name, part in self.slices.items():
            if self.units.predictions.get(name) not in layout.free:
                population[units + part.start : units + part.stop] = NONE
        return names, population, neuron

    def sent_by(self, codes: np.ndarray, numbers: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
        """Who sent events of these codes: the number of its population, and the unit in it."""
        names, population, neuron = self.senders
        numbered = np.array([numbers.get(name, NONE) for name in [*names, ""]], dtype=np.int32)
        return numbered[population[codes]], neuron[codes]


UNITS: Kept[UnitGraph] = Kept(most=16, limit=256_000_000)
"""Unit graphs that engines of this process have listed."""
TOPOLOGIES: Kept[Topology] = Kept(most=32, limit=256_000_000)
"""Topologies that engines of this process have made."""


class Topologies:
    """The topologies of one engine, by what is clamped.

    They and the unit graph are made once for all circuits that differ in weights, time constants, precisions and delays
    only. ``bin_ms`` is the length of a bin, or None at exact times. Raises ParameterError for delays shorter than that.
    """

    def __init__(self, circuit: AbstractCircuit, dtype: np.dtype, bin_ms: float | None, strict: bool) -> None:
        self.circuit, self.dtype, self.bin_ms, self.strict = circuit, dtype, bin_ms, strict
        self.key = _key(circuit)
        self._units: UnitGraph | None = None
        self._by_clamped: dict[frozenset[str], Topology] = {}

    def units(self, parameters: Mapping[str, np.ndarray]) -> UnitGraph:
        """The unit graph with these parameters; what it connects is listed the first time."""
        circuit = self.circuit.with_parameters(parameters)
        known = self._units or UNITS.get(self.key, lambda: UnitGraph(circuit), _bytes_of_units)
        self._units = known if known.circuit is circuit else reweighted(known, circuit)
        return self._units

    def of(self, units: UnitGraph, clamped: Iterable[str]) -> Topology:
        """The topology where these vertices are clamped."""
        names = frozenset(clamped)
        if names not in self._by_clamped:
            delays = _delays(units, self.bin_ms)
            key = self.key, names, self.dtype.str, self.strict, bool(delays)
            made = TOPOLOGIES.get(
                key, lambda: Topology(units, names, self.dtype, delays, self.strict), _bytes_of_topology
            )
            self._by_clamped[names] = made.with_delays(delays)
        return self._by_clamped[names]


def _key(circuit: AbstractCircuit) -> Hashable:
    """Equal for circuits whose unit graphs differ in parameters only, and whose delays may differ."""
    sources = (node.source for node in circuit.graph.nodes.values())
    numbers = (
        source.value if isinstance(source, Constant) else source.prior
        for source in sources
        if isinstance(source, Constant | Latent)
    )
    return circuit.key, bool(circuit.delayed), tuple(map(value_key, numbers))


def _bytes_of_units(units: UnitGraph) -> int:
    tables = sum(p.table.values.nbytes for p in units.populations if isinstance(p, SynapticSum))
    return _LISTED * units.synapse_count + tables


def _bytes_of_topology(topology: Topology) -> int:
    return _bytes_of_units(topology.units) + _SORTED * sum(topology.synapses.values())


def _equal(delays: Delays, others: Delays) -> bool:
    return delays.keys() == others.keys() and all(
        np.array_equal(one, other) for place in delays for one, other in zip(delays[place], others[place], strict=True)
    )


def _delays(units: UnitGraph, bin_ms: float | None) -> Delays:
    """Of places where there are any: in bins, or in ms at exact times."""
    delays = {}
    for group in synapse_groups(units) if units.circuit.delayed else ():
        up, down = (
            delays_at(units, group, kind) if bin_ms is None else steps_at(units, group, kind, bin_ms)
            for kind in ("prediction", "feedback")
        )
        if np.any(up) or np.any(down):
            delays[group.population, group.operand] = up, down
    return delays


def _longest(units: UnitGraph, delays: Delays) -> int:
    """The longest of all delays. Those of inputs' values, which are constant, do not count."""
    longest = 0.0
    for group in synapse_groups(units):
        up, down = delays.get((group.population, group.operand), (0, 0))
        counted = (down,) if group.parent in units.circuit.graph.inputs else (up, down)
        longest = max([longest, *(float(np.max(each, initial=0.0)) for each in counted)])
    return math.ceil(longest)
