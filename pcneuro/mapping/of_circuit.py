"""The axons of a circuit: who sends to whom, as the event-driven engine counts it, neuron by neuron."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import recurrent_of
from pcneuro.circuit.projections import projections
from pcneuro.circuit.saving import fingerprint
from pcneuro.circuit.synapses import delays_at
from pcneuro.circuit.units import SynapseGroup, SynapticSum, UnitFunction, UnitGraph
from pcneuro.engines.events.branches import FEEDBACK, Branch, Branches
from pcneuro.errors import CapacityError, ParameterError, check_object, told, unknown_name
from pcneuro.mapping.axons import FEEDBACK as BACK
from pcneuro.mapping.axons import PREDICTION as FORTH
from pcneuro.mapping.axons import Axons, Origin
from pcneuro.mapping.homes import NOWHERE, Homes
from pcneuro.quantities import flag

MEMORY = 12_000_000_000
"""Bytes that the lists of synapses may take."""
SYNAPSE_BYTES = 120
"""What a synapse, in both directions, takes while they are listed."""

Place = tuple[int, str | None]
"""Population of the unit graph, and operand of a function, that read."""


@dataclass(frozen=True, eq=False)
class _Synapses:
    """Of one branch: unit that sends, neuron at which it ends, delay in ms, and whether it has a parameter's weight."""

    sender: np.ndarray
    target: np.ndarray
    delay: np.ndarray
    learns: np.ndarray


def axons_of(circuit: Circuit, *, clamped: Iterable[str] | None = None, inputs: bool = True) -> Axons:
    """The axons of a circuit, with all synapses of a weight other than 0 as the circuit is given.

    Error neurons have axons to the value neurons that their errors go back to, value neurons to the error neurons whose
    predictions they go into. A branch of a dendrite that sends on its own has an axon of its own. So it is under all
    dynamics: what dynamics differ in is who sends, and how often.

    ``clamped``: vertices whose values are held, to which errors do not go back; the outputs, unless told. ``inputs``:
    whether inputs have neurons on the chip.

    Raises ParameterError for what is no circuit, or has an operator without an equivalent in single units,
    UnknownNameError for a vertex that there is not, and CapacityError for more synapses than fit into memory.

    Examples
    --------
    >>> axons = pcn.mapping.axons_of(circuit)
    >>> rate = pcn.mapping.AssumedRate(0.1, steps=100)
    >>> pcn.map_circuit(circuit, "loihi", rate).chip.name
    'loihi'
    """
    check_object("circuit", circuit, Circuit)
    inputs = flag("inputs", inputs)
    held = _clamped(circuit, clamped)
    _check_size(circuit)
    axons = _Wiring(UnitGraph(circuit), held, inputs).axons()
    return replace(
        axons,
        origin=Origin(
            fingerprint(circuit),
            circuit.digest,
            circuit.digest_float32,
            tuple(sorted(held)),
            inputs,
            tuple(circuit.baselines),
        ),
    )


def _check_size(circuit: Circuit) -> None:
    """Goes by the circuit's shapes alone, before there are synapses."""
    synapses = sum(projection.synapses for projection in projections(circuit))
    needed = SYNAPSE_BYTES * synapses
    if needed > MEMORY:
        raise CapacityError(
            f"{synapses:,} synapses would take about {needed / 1e9:.3g} GB to list for a chip, more than "
            f"{MEMORY / 1e9:.3g} GB: map a smaller circuit, such as fewer steps of a recurrent one"
        )


def _clamped(circuit: Circuit, clamped: Iterable[str] | None) -> frozenset[str]:
    if clamped is None:
        return frozenset(node.name for node in circuit.graph.outputs.values())
    if isinstance(clamped, str) or not isinstance(clamped, Iterable):
        raise ParameterError(f"clamped is {told(clamped)}; give a list of vertices, or None for the outputs")
    outputs = {name: node.name for name, node in circuit.graph.outputs.items()}
    given = list(clamped)
    for name in given:
        if not isinstance(name, str):
            raise ParameterError(f"clamped has {told(name)} in it; give a list of names of vertices")
    names = [outputs.get(name, name) for name in given]
    for name in names:
        if name not in circuit.vertices:
            raise unknown_name("vertex to clamp", name, circuit.vertices)
    return frozenset(names)


class _Wiring:
    """Lists the synapses of all branches, and sorts them by neuron and axon."""

    def __init__(self, units: UnitGraph, clamped: frozenset[str], inputs: bool) -> None:
        self.units, self.inputs = units, inputs
        self.branches = Branches(units)
        self.homes = Homes(self.branches, inputs)
        self.free = units.active(clamped, past=True)
        self.used = self.branches.before([*units.predictions.values(), *units.means.values()])
        self.groups = {(group.population, group.operand): group for group in units.synapse_groups}

    def axons(self) -> Axons:
        left_out = [] if self.inputs else [f"{name}.value" for name in self.units.circuit.graph.inputs]
        populations = {name: size for name, size in self.homes.sizes.items() if name not in left_out}
        keep = self.inputs | ~self.homes.of_inputs
        # With one more, for what is nowhere.
        number = np.append(np.where(keep, np.cumsum(keep) - 1, NOWHERE), NOWHERE)
        order = list(self.branches.by_name.values())
        ends = np.cumsum([0, *(branch.size for branch in order)])
        homes = [number[self.homes.neurons[branch.number]] for branch in order]
        neuron = np.concatenate([np.zeros(0, dtype=np.int64), *homes])
        parts = [
            self._placed(synapses, int(ends[k]), neuron, number)
            for k, branch in enumerate(order)
            for synapses in self._of(branch)
        ]
        sender, target, delay, learns = (
            np.concatenate([np.zeros(0, dtype), *(part[k] for part in parts)])
            for k, dtype in enumerate((np.int64, np.int32, np.float32, bool))
        )
        branch = np.repeat(np.arange(len(order), dtype=np.int32), [each.size for each in order])
        # Units of branches in the order of their neurons: there are far fewer of them than synapses.
        by_neuron = np.argsort(neuron, kind="stable")
        rank = np.empty_like(by_neuron)
        rank[by_neuron] = np.arange(by_neuron.size)
        by = np.argsort(rank[sender] * (sum(populations.values()) + 1) + target, kind="stable")
        fan_out = np.bincount(sender, minlength=neuron.size)[by_neuron]
        senders = by_neuron[fan_out > 0]
        kinds = np.array([BACK if b.kind == FEEDBACK else FORTH for b in order], dtype=np.uint8)
        return Axons(
            populations=tuple(populations),
            sizes=tuple(populations.values()),
            unit=self._units(populations),
            neuron=neuron[senders],
            kind=kinds[branch[senders]],
            first=np.concatenate([[0], np.cumsum(fan_out[fan_out > 0])]).astype(np.int64),
            target=target[by],
            delay=delay[by] if delay.any() else None,
            learns=learns[by],
            branches={b.name: b.size for b in order},
            held=tuple(b.name for b in order if b.kind == FEEDBACK and self._back_to(b) not in self.free),
            branch=branch[senders],
            place=senders - ends[branch[senders]],
        )

    @staticmethod
    def _placed(synapses: _Synapses, begin: int, neuron: np.ndarray, number: np.ndarray) -> tuple[np.ndarray, ...]:
        """Senders, counted through all branches, and the rest of synapses, of which both ends are on the chip."""
        sender, target = begin + synapses.sender, number[synapses.target]
        there = (neuron[sender] >= 0) & (target >= 0)
        columns = sender, target.astype(np.int32), synapses.delay.astype(np.float32), synapses.learns
        return columns if there.all() else tuple(column[there] for column in columns)

    @staticmethod
    def _units(populations: dict[str, int]) -> np.ndarray:
        """Unit of each neuron: value and error neuron of one share it."""
        begins: dict[str, int] = {}
        units = [np.zeros(0, dtype=np.int64)]
        count = 0
        for population, size in populations.items():
            name = population.rpartition(".")[0]
            if name not in begins:
                begins[name], count = count, count + size
            units.append(begins[name] + np.arange(size))
        return np.concatenate(units)

    def _of(self, branch: Branch) -> Iterator[_Synapses]:
        """The synapses of a branch, those of weight 0 left out."""
        number, neurons = branch.number, self.homes.neurons
        if branch.kind == FEEDBACK:
            source = self._back_to(branch)
            if source in self.free:
                yield self._through((number, branch.operand), neurons[source], back=True)
        else:
            for place in self.branches.synapses_of(number):
                if place[0] in self.used:
                    yield self._through(place, neurons[place[0]], back=False)

    def _back_to(self, branch: Branch) -> int:
        """The population to which errors go back along a branch."""
        population = self.units.populations[branch.number]
        if isinstance(population, SynapticSum):
            return population.source
        assert isinstance(population, UnitFunction)
        operand = population.operands[branch.operand or ""]
        assert isinstance(operand, int)
        return operand

    def _through(self, place: Place, ends: np.ndarray, back: bool) -> _Synapses:
        """The synapses by which a population reads another one, from there to ``ends``, or ``back``."""
        number = place[0]
        population = self.units.populations[number]
        kind = "feedback" if back else "prediction"
        if isinstance(population, SynapticSum):
            weights = np.broadcast_to(population.weights.values, population.pre.shape)
            there = np.flatnonzero(weights)
            before, behind = population.pre[there], population.post[there]
            delay = (
                self._delays(place, kind, population.pre.size)[there] + self._relayed(population.source, kind)[before]
            )
            learns = population.weights.parameter is not None
        else:
            before = behind = np.arange(population.size)
            delay, learns = self._delays(place, kind, population.size), False
        sender, target = (behind, before) if back else (before, behind)
        return _Synapses(sender, ends[target], delay, np.full(sender.size, learns))

    def _delays(self, place: Place, kind: str, count: int) -> np.ndarray:
        """Delays in ms of the synapses by which value neurons are read; 0 within dendrites."""
        group = self.groups.get(place)
        if group is None:
            return np.zeros(count)
        return np.broadcast_to(delays_at(self.units, group, kind) + self._of_cycle(group, kind), (count,))

    def _of_cycle(self, group: SynapseGroup, kind: str) -> float:
        graph = self.units.circuit.graph
        cycle = group.parent in graph.recurrent and kind == "prediction"
        return recurrent_of(graph, group.parent).delay if cycle else 0.0

    def _relayed(self, number: int, kind: str) -> np.ndarray:
        """Delays in ms before the units of a population, of value neurons that functions on the way to sums read."""
        population = self.units.populations[number]
        longest = np.zeros(population.size)
        if number in self.homes.relays and isinstance(population, UnitFunction):
            for name, source in population.operands.items():
                if isinstance(source, int):
                    longest = np.maximum(
                        longest, self._delays((number, name), kind, population.size) + self._relayed(source, kind)
                    )
        return longest
