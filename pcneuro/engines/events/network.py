"""The layout of a synaptic network: a circuit's units as nodes, and its synapses by the node that sends.

Nothing of it depends on weights or data, so that it is made once for what is clamped.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.circuit.units import Source, SynapticSum, UnitFunction, UnitGraph
from pcneuro.engines.events.branches import Branches
from pcneuro.engines.events.dendrites import neurons_of, owners_of
from pcneuro.engines.events.fan_out import fan_out
from pcneuro.engines.events.formula_codes import Formulas, Writer
from pcneuro.kernels.events.arrays import FUNCTION, SOURCE, SUM
from pcneuro.ops.base import Weights

Delays = Mapping[tuple[int, str | None], tuple[np.ndarray | float, np.ndarray | float]]
"""(Population of the unit graph, operand of a function) that reads value neurons -> delays of its synapses, or one for
all, in bins or ms: of the prediction, and of the feedback."""


@dataclass(frozen=True, eq=False)
class _SumSynapses:
    """Of one sum: nodes before and behind each, delays up and down."""

    before: np.ndarray
    behind: np.ndarray
    up: np.ndarray
    down: np.ndarray
    way_down: bool
    free: bool
    """Whether what it reads depends on a value neuron that is not clamped."""
    counted: bool
    place: tuple[int, str | None]
    """Population of the unit graph, and operand of a function, that read."""


@dataclass(frozen=True, eq=False)
class NetworkWeights:
    """Weights of a layout: of synapses up and down, in the order of the fan-out tables; of functions; and how many of
    each node's synapses have one other than 0."""

    up: np.ndarray
    down: np.ndarray
    constants: np.ndarray
    effective_up: np.ndarray
    effective_down: np.ndarray


def joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    """One array of these, which may be none."""
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)


class NetworkLayout:
    """Nodes, populations and synapses of a circuit; those that values are read through have sums of their own.

    A function that reads value neurons does so through one synapse each, so that whatever comes from or goes to value
    neurons passes synapses, which may have delays. Where there are any, nodes and groups of synapses are the same
    whatever is clamped, and under strict dynamics inputs are among those that send: what is on its way goes on when
    data change.
    """

    def __init__(
        self, units: UnitGraph, clamped: Container[str], dtype: np.dtype, delays: Delays, strict: bool
    ) -> None:
        self.units, self.dtype = units, dtype
        self.branches = Branches(units)
        self.free = units.active(clamped, past=True)
        """Of the unit graph: populations that depend on a vertex that is not clamped."""
        self.changing = units.active() if delays else units.active(clamped)
        """Of the unit graph: populations that errors may go back to."""
        self.back = self.changing & self.branches.before(units.predictions.values(), back=True)
        """Of the unit graph: populations through which errors may go back."""
        compared = [number for name, number in units.means.items() if delays or name in clamped]
        moving = units.active(inputs=True) if delays and strict else units.active() if delays else self.free
        self.active = moving & self.branches.before([*units.predictions.values(), *compared])
        """Of the unit graph: populations whose activity may change, and of use."""
        self.number: list[int] = []
        """Population of the unit graph -> here."""
        self.reads: dict[tuple[int, str], int] = {}
        """(Function of the unit graph, operand) -> the sum through which it reads value neurons."""
        kinds, sizes = self._populations()
        self.kind = np.array(kinds, dtype=np.int64)
        self.offset = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.nodes = int(self.offset[-1])
        self.population = np.repeat(np.arange(len(sizes)), sizes)
        self._fan_out(delays, strict)
        self.formulas = self._formulas()
        self.owner = owners_of(self)
        """Population -> the vertex in whose dendrite it is (of several the first), or that it is the values of."""
        self.neuron = neurons_of(self)
        """(nodes,): the neuron whose dendrite a node is in, by its place in the population; of several the first."""

    def with_delays(self, delays: Delays, strict: bool) -> NetworkLayout:
        """The same layout where synapses have other delays, of which there are some in both."""
        twin = copy.copy(self)
        twin._fan_out(delays, strict)
        return twin

    def _populations(self) -> tuple[list[int], list[int]]:
        """Number all populations: their kinds and sizes."""
        kinds: list[int] = []
        sizes: list[int] = []
        for number, population in enumerate(self.units.populations):
            if isinstance(population, UnitFunction) and number in self.active:
                for name, operand in population.operands.items():
                    if self._sends(operand):
                        self.reads[number, name] = len(sizes)
                        kinds.append(SUM)
                        sizes.append(population.size)
            self.number.append(len(sizes))
            kinds.append({Source: SOURCE, SynapticSum: SUM, UnitFunction: FUNCTION}[type(population)])
            sizes.append(population.size)
        return kinds, sizes

    def _fan_out(self, delays: Delays, strict: bool) -> None:
        """Sort the synapses by the node that sends, in both directions."""
        parts = list(self._synapses(delays))
        before, behind = (joined([getattr(p, name) for p in parts], np.int64) for name in ("before", "behind"))
        self._back, counted = (
            joined([np.full(p.before.size, getattr(p, name)) for p in parts], bool) for name in ("way_down", "counted")
        )
        down, up = (joined([getattr(p, way) for p in parts], np.float64) for way in ("down", "up"))
        back = self._back
        self.reaches = np.zeros(self.nodes, dtype=bool)
        """Node -> whether what it sends down goes, or leads, to value neurons that are not clamped."""
        self.reaches[behind[back & joined([np.full(p.before.size, p.free) for p in parts], bool)]] = True
        self.down = fan_out(self.population, behind[back], before[back], down[back], counted[back])
        # Values are sent under strict dynamics only.
        self._up = slice(None) if strict else slice(0)
        self.up = fan_out(self.population, *(a[self._up] for a in (before, behind, up, counted)))
        ends = np.cumsum([p.before.size for p in parts], dtype=np.int64)
        self.places = {p.place: slice(end - p.before.size, end) for p, end in zip(parts, ends, strict=True)}
        """(Population of the unit graph, operand) -> its synapses, which ``up.order`` has in the order of ``up``."""

    def _sends(self, operand: int | Weights) -> bool:
        """Whether an operand is value neurons that may send."""
        return (
            isinstance(operand, int) and operand in self.active and isinstance(self.units.populations[operand], Source)
        )

    def _synapses(self, delays: Delays) -> Iterator[_SumSynapses]:
        def delays_of(number: int, operand: str | None, count: int) -> list[np.ndarray]:
            return [np.broadcast_to(d, count) for d in delays.get((number, operand), (0.0, 0.0))]

        behind_sums = self.branches.behind_sums
        for number, population in enumerate(self.units.populations):
            if number not in self.active:
                continue
            here = int(self.offset[self.number[number]])
            if isinstance(population, SynapticSum):
                before = self.offset[self.number[population.source]] + population.pre
                up, down = delays_of(number, None, population.pre.size)
                free, back = population.source in self.free, number in self.back
                yield _SumSynapses(before, here + population.post, up, down, back, free, free, (number, None))
            elif isinstance(population, UnitFunction):
                for name, operand in population.operands.items():
                    if (number, name) in self.reads:
                        assert isinstance(operand, int)
                        each = np.arange(population.size)
                        before = self.offset[self.number[operand]] + each
                        behind = self.offset[self.reads[number, name]] + each
                        up, down = delays_of(number, name, population.size)
                        back = name in population.derivatives and number in self.back and operand in self.changing
                        free = operand in self.free
                        counted = free and number not in behind_sums
                        yield _SumSynapses(before, behind, up, down, back, free, counted, (number, name))

    def _formulas(self) -> Formulas:
        """Operands of functions, and formulas as codes."""
        writer = Writer()
        columns: dict[str, list[int]] = {k: [] for k in ("first", "node", "weight", "slope")}
        derivatives: list[tuple[int, int]] = []
        users: list[list[int]] = [[] for _ in self.kind]
        formula = np.zeros((self.kind.size, 2), dtype=np.int64)
        gates: list[tuple[int, str]] = []
        constants: list[tuple[int, str]] = []
        room = stored = 0
        functions = {self.number[n]: n for n in self.active if isinstance(self.units.populations[n], UnitFunction)}
        for here in range(self.kind.size):
            columns["first"].append(len(columns["node"]))
            if here not in functions:
                continue
            number = functions[here]
            function = self.units.populations[number]
            assert isinstance(function, UnitFunction)
            names = list(function.operands)
            formula[here] = writer.write(function.formula, names)
            for name, operand in function.operands.items():
                reached = number in self.back and name in function.derivatives
                gate = reached and isinstance(operand, int) and operand in self.changing
                columns["slope"].append(room if gate else -1)
                derivatives.append(writer.write(function.derivatives[name], names) if gate else (0, 0))
                if gate:
                    gates.append((number, name))
                    room += function.size
                if isinstance(operand, int):
                    source = self.read_by(number, name)
                    users[source].append(here)
                    columns["node"].append(int(self.offset[source]))
                    columns["weight"].append(-1)
                else:
                    columns["node"].append(-1)
                    columns["weight"].append(stored)
                    constants.append((number, name))
                    stored += function.size
        columns["first"].append(len(columns["node"]))
        arrays = {f"operand_{name}": np.array(column) for name, column in columns.items()} | {
            "codes": np.array(writer.codes),
            "numbers": np.array(writer.numbers),
            "formula": formula.ravel(),
            "derivative": np.array(derivatives).ravel(),
            "user_first": np.concatenate([[0], np.cumsum([len(functions_of) for functions_of in users])]),
            "users": np.array([u for functions_of in users for u in functions_of]),
        }
        return Formulas(arrays, tuple(gates), tuple(constants), room, max(np.diff(columns["first"]), default=0))

    def nodes_of(self, population: int) -> slice:
        """Nodes of a population."""
        return slice(int(self.offset[population]), int(self.offset[population + 1]))

    def read_by(self, number: int, operand: str) -> int:
        """The population that a function of the unit graph reads as this operand: the sum before it, if any."""
        if (number, operand) in self.reads:
            return self.reads[number, operand]
        function = self.units.populations[number]
        assert isinstance(function, UnitFunction)
        source = function.operands[operand]
        assert isinstance(source, int)
        return self.number[source]

    def weights(self, units: UnitGraph) -> NetworkWeights:
        """The weights of a unit graph of this layout."""
        blocks = []
        for (number, _), synapses in self.places.items():
            population = units.populations[number]
            values = population.weights.values if isinstance(population, SynapticSum) else np.ones(1)
            blocks.append(np.broadcast_to(values, synapses.stop - synapses.start))
        weights = joined(blocks, np.float64).astype(self.dtype)
        up, down = weights[self._up][self.up.order], weights[self._back][self.down.order]
        constants = self.formulas.constants_of(units).astype(self.dtype)
        return NetworkWeights(up, down, constants, self.up.effective(up), self.down.effective(down))

    def arrays(self, weights: NetworkWeights) -> dict[str, Any]:
        """Its fields of a ``SynapticNetwork``."""
        nodes = {"offset": self.offset, "kind": self.kind, "population": self.population}
        sizes = {"nodes": self.nodes, "populations": self.kind.size}
        return {**self.formulas.arrays, **nodes, **sizes, **self.weighted(weights)}

    def weighted(self, weights: NetworkWeights) -> dict[str, Any]:
        """Those of its fields that weights are in."""
        return {
            "up": self.up.table(weights.up),
            "down": self.down.table(weights.down),
            "constants": weights.constants,
        }

    @property
    def axons(self) -> np.ndarray:
        """(nodes,): whether a node's way down leaves its dendrite, for value neurons."""
        sends = self.down.sends
        targets = np.zeros(self.nodes, dtype=bool)
        groups = self.down.first[:-1][sends]
        targets[sends] = self.kind[self.down.to[groups]] == SOURCE
        return targets

    def activity(self, activity: list[np.ndarray]) -> np.ndarray:
        """(nodes,), from that of the populations of the unit graph."""
        by_node = np.zeros(self.nodes, dtype=self.dtype)
        for number, values in enumerate(activity):
            by_node[self.nodes_of(self.number[number])] = values
        for (number, name), reader in self.reads.items():
            function = self.units.populations[number]
            assert isinstance(function, UnitFunction)
            source = function.operands[name]
            assert isinstance(source, int)
            by_node[self.nodes_of(reader)] = activity[source]
        return by_node

    def sent_back(self, units: UnitGraph, activity: list[np.ndarray], adjoints: list[np.ndarray]) -> np.ndarray:
        """(nodes,): what comes back to each, where it comes to the populations of a unit graph of this layout."""
        back = self.activity(adjoints).astype(np.float64)
        slopes, at = self.slopes_at(units, activity), 0
        for number, name in self.formulas.gates:
            size = units.populations[number].size
            reader = self.reads.get((number, name))
            if reader is not None:
                back[self.nodes_of(reader)] = slopes[at : at + size] * adjoints[number]
            at += size
        return back

    def slopes_at(self, units: UnitGraph, activity: list[np.ndarray]) -> np.ndarray:
        """Derivatives of functions of a unit graph of this layout, at these activities of its populations."""
        slopes = []
        for number, name in self.formulas.gates:
            function = units.populations[number]
            assert isinstance(function, UnitFunction)
            slopes.append(function.evaluated(function.derivatives[name], activity, out=activity[number]))
        return joined(slopes, np.float64).astype(self.dtype)
