"""What events go through, as arrays: a circuit in single units with its synapses by the unit that sends."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.circuit.units import Source, SynapticSum, UnitFunction, UnitGraph, sources_of
from pcneuro.engines.events.fan_out import fan
from pcneuro.kernels.events.arrays import FUNCTION, SOURCE, SUM
from pcneuro.kernels.events.formulas import CODES, NUMBER, OPERAND, OUT
from pcneuro.ops.base import Weights

Delays = Mapping[tuple[int, str | None], tuple[np.ndarray | float, np.ndarray | float]]
"""(Population of the unit graph, operand of a function) that reads value neurons -> delays of its synapses, or one for
all, in bins or ms: of the prediction, and of the feedback."""


@dataclass(frozen=True, eq=False)
class _Synapses:
    """Of one sum: nodes before and behind each, weights, delays up and down."""

    before: np.ndarray
    behind: np.ndarray
    weights: np.ndarray
    up: np.ndarray
    down: np.ndarray
    way_down: bool
    counted: bool
    place: tuple[int, str | None]
    """Population of the unit graph, and operand of a function, that read."""


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)


class Layout:
    """Nodes, populations and synapses of a circuit; those that values are read through have sums of their own.

    A function that reads value neurons does so through one synapse each, so that whatever comes from or goes to value
    neurons passes synapses, which may have delays.
    """

    def __init__(self, units: UnitGraph, held: Container[str], dtype: np.dtype, delays: Delays, strict: bool) -> None:
        self.units, self.dtype = units, dtype
        changing = units.active(held)
        self.back = changing & self._behind(units.predictions.values(), back=True)
        """Of the unit graph: populations through which errors may go back."""
        compared = [number for name, number in units.means.items() if name in held]
        self.active = changing & self._behind([*units.predictions.values(), *compared])
        """Of the unit graph: populations whose activity may change, and of use."""
        self.number: list[int] = []
        """Population of the unit graph -> here."""
        self.reads: dict[tuple[int, str], int] = {}
        """(Function of the unit graph, operand) -> the sum through which it reads value neurons."""
        kinds: list[int] = []
        sizes: list[int] = []
        for number, population in enumerate(units.populations):
            if isinstance(population, UnitFunction) and number in self.active:
                for name, operand in population.operands.items():
                    if self._free(operand):
                        self.reads[number, name] = len(sizes)
                        kinds.append(SUM)
                        sizes.append(population.size)
            self.number.append(len(sizes))
            kinds.append({Source: SOURCE, SynapticSum: SUM, UnitFunction: FUNCTION}[type(population)])
            sizes.append(population.size)
        self.kind = np.array(kinds, dtype=np.int64)
        self.offset = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.nodes = int(self.offset[-1])
        self.population = np.repeat(np.arange(len(sizes)), sizes)
        self._delays = delays
        parts = list(self._synapses())
        columns = [_joined([p.before for p in parts], np.int64), _joined([p.behind for p in parts], np.int64)]
        weights = _joined([p.weights for p in parts], np.float64).astype(dtype)
        back, counted = (
            _joined([np.full(p.before.size, getattr(p, name)) for p in parts], bool) for name in ("way_down", "counted")
        )
        down, up = (_joined([getattr(p, way) for p in parts], np.float64) for way in ("down", "up"))
        before, behind = columns
        way = (behind[back], before[back], weights[back], down[back], counted[back])
        self.down, _ = fan(self.population, *way)
        # Values are sent under strict dynamics only.
        there = slice(None) if strict else slice(0)
        self.up, self.order = fan(self.population, *(a[there] for a in (before, behind, weights, up, counted)))
        ends = np.cumsum([p.before.size for p in parts], dtype=np.int64)
        self.places = {p.place: slice(end - p.before.size, end) for p, end in zip(parts, ends, strict=True)}
        """(Population of the unit graph, operand) -> its synapses; ``order`` has those of ``up`` in theirs."""
        self._formulas()
        self.owner = self._owners()
        self.neuron = self._neurons()
        """(nodes,): the neuron whose dendrite a node is in, by its place in the population; of several the first."""

    def _behind(self, numbers: Iterable[int], back: bool = False) -> set[int]:
        """These populations of the unit graph and all that they depend on, or send errors ``back`` to."""
        found, open_ = set(), list(numbers)
        while open_:
            number = open_.pop()
            if number in found:
                continue
            found.add(number)
            population = self.units.populations[number]
            if back and isinstance(population, UnitFunction):
                read = (population.operands[name] for name in population.derivatives)
                open_.extend(operand for operand in read if isinstance(operand, int))
            else:
                open_.extend(sources_of(population))
        return found

    def _free(self, operand: int | Weights) -> bool:
        """Whether an operand is value neurons that are not clamped."""
        return (
            isinstance(operand, int) and operand in self.active and isinstance(self.units.populations[operand], Source)
        )

    def _synapses(self) -> Iterator[_Synapses]:
        def delays(number: int, operand: str | None, count: int) -> list[np.ndarray]:
            return [np.broadcast_to(d, count) for d in self._delays.get((number, operand), (0.0, 0.0))]

        behind_sums = self._behind_sums()
        for number, population in enumerate(self.units.populations):
            if number not in self.active:
                continue
            here = int(self.offset[self.number[number]])
            if isinstance(population, SynapticSum):
                before = self.offset[self.number[population.source]] + population.pre
                weights = np.broadcast_to(population.weights.values, population.pre.shape)
                up, down = delays(number, None, population.pre.size)
                yield _Synapses(
                    before, here + population.post, weights, up, down, number in self.back, True, (number, None)
                )
            elif isinstance(population, UnitFunction):
                for name, operand in population.operands.items():
                    if (number, name) in self.reads:
                        assert isinstance(operand, int)
                        units = np.arange(population.size)
                        before = self.offset[self.number[operand]] + units
                        behind = self.offset[self.reads[number, name]] + units
                        up, down = delays(number, name, population.size)
                        back = name in population.derivatives and number in self.back
                        made = before, behind, np.ones(population.size), up, down
                        yield _Synapses(*made, back, number not in behind_sums, (number, name))

    def _behind_sums(self) -> set[int]:
        """Populations that sums read in the dendrite: what these read one to one are no synapses beside those."""
        populations = self.units.populations
        found: set[int] = set()
        for number in reversed(range(len(populations))):
            population = populations[number]
            if not isinstance(population, Source) and (number in found or isinstance(population, SynapticSum)):
                found.update(sources_of(population))
        return found

    def _formulas(self) -> None:
        """Operands of functions, and formulas as codes."""
        codes: list[int] = []
        numbers: list[float] = []

        def written(formula: object, names: list[str]) -> tuple[int, int]:
            begin = len(codes)

            def write(part: object) -> None:
                if isinstance(part, tuple):
                    for argument in part[1:]:
                        write(argument)
                    codes.append(CODES[part[0]])
                elif isinstance(part, str):
                    codes.extend((OUT, 0) if part == "out" else (OPERAND, names.index(part)))
                else:
                    codes.extend((NUMBER, len(numbers)))
                    numbers.append(float(part))  # type: ignore[arg-type]

            write(formula)
            return begin, len(codes)

        first: list[int] = []
        node: list[int] = []
        weight: list[int] = []
        slope: list[int] = []
        derivative: list[tuple[int, int]] = []
        constants: list[np.ndarray] = []
        users: list[list[int]] = [[] for _ in self.kind]
        formula = np.zeros((self.kind.size, 2), dtype=np.int64)
        room = stored = 0
        self.gates: list[tuple[int, str]] = []
        """(Function of the unit graph, operand) of each block of slopes, in their order."""
        functions = {self.number[n]: n for n in self.active if isinstance(self.units.populations[n], UnitFunction)}
        for here in range(self.kind.size):
            first.append(len(node))
            if here not in functions:
                continue
            number = functions[here]
            function = self.units.populations[number]
            assert isinstance(function, UnitFunction)
            names = list(function.operands)
            formula[here] = written(function.formula, names)
            for name, operand in function.operands.items():
                reached = number in self.back and name in function.derivatives
                gate = reached and isinstance(operand, int) and operand in self.active
                slope.append(room if gate else -1)
                derivative.append(written(function.derivatives[name], names) if gate else (0, 0))
                if gate:
                    self.gates.append((number, name))
                    room += function.size
                if isinstance(operand, int):
                    own = self.reads.get((number, name), self.number[operand])
                    users[own].append(here)
                    node.append(int(self.offset[own]))
                    weight.append(-1)
                else:
                    node.append(-1)
                    weight.append(stored)
                    constants.append(np.broadcast_to(operand.values, function.size))
                    stored += function.size
        first.append(len(node))
        counts = [len(found) for found in users]
        self.formulas: dict[str, np.ndarray] = {
            "operand_first": np.array(first),
            "operand_node": np.array(node),
            "operand_weight": np.array(weight),
            "operand_slope": np.array(slope),
            "codes": np.array(codes),
            "numbers": np.array(numbers),
            "formula": formula.ravel(),
            "derivative": np.array(derivative).ravel(),
            "constants": _joined(constants, np.float64),
            "user_first": np.concatenate([[0], np.cumsum(counts)]),
            "users": np.array([u for functions_of in users for u in functions_of]),
        }
        self.slopes, self.most_operands = room, max(np.diff(first), default=0)

    def _owners(self) -> dict[int, str]:
        """Population -> the vertex in whose dendrite it is (of several the first), or that it is the values of."""
        found: dict[int, str] = {}
        for name in self.units.circuit.vertices:
            found[self.number[self.units.values[name]]] = name
            open_ = [p[name] for p in (self.units.predictions, self.units.means) if name in p]
            while open_:
                number = open_.pop()
                population = self.units.populations[number]
                if isinstance(population, Source) or self.number[number] in found:
                    continue
                found[self.number[number]] = name
                found.update({own: name for (function, _), own in self.reads.items() if function == number})
                open_.extend(sources_of(population))
        return found

    def _neurons(self) -> np.ndarray:
        found, units = np.full(self.nodes, -1, dtype=np.int64), self.units
        for known in (units.predictions, units.means, units.values):
            for number in known.values():
                own = self.nodes_of(self.number[number])
                found[own] = np.arange(own.stop - own.start)

        def behind(here: int, target: int, pre: np.ndarray, post: np.ndarray) -> None:
            if self.owner.get(here, "") == self.owner.get(target):
                there = found[self.nodes_of(target)]
                unset = np.flatnonzero(there[pre] < 0)[::-1]
                there[pre[unset]] = found[self.nodes_of(here)][post[unset]]

        for number in reversed(range(len(units.populations))):
            population, here = units.populations[number], self.number[number]
            if isinstance(population, SynapticSum):
                behind(here, self.number[population.source], population.pre, population.post)
            elif isinstance(population, UnitFunction):
                each = np.arange(population.size)
                for name, operand in population.operands.items():
                    if isinstance(operand, int):
                        behind(here, self.reads.get((number, name), self.number[operand]), each, each)
        return np.maximum(found, 0)

    def nodes_of(self, own: int) -> slice:
        """Nodes of a population."""
        return slice(int(self.offset[own]), int(self.offset[own + 1]))

    def read_by(self, number: int, operand: str) -> int:
        """The population that a function of the unit graph reads as this operand: the sum before it, if any."""
        if (number, operand) in self.reads:
            return self.reads[number, operand]
        function = self.units.populations[number]
        assert isinstance(function, UnitFunction)
        source = function.operands[operand]
        assert isinstance(source, int)
        return self.number[source]

    def arrays(self) -> dict[str, Any]:
        """Its fields of a ``SynapticNetwork``."""
        nodes = {"offset": self.offset, "kind": self.kind, "population": self.population}
        sizes = {"nodes": self.nodes, "populations": self.kind.size}
        return self.formulas | nodes | sizes | {"up": self.up.table(), "down": self.down.table()}

    @property
    def axons(self) -> np.ndarray:
        """(nodes,): whether a node's way down leaves its dendrite, for value neurons."""
        sends = self.down.sends
        targets = np.zeros(self.nodes, dtype=bool)
        groups = self.down.first[:-1][sends]
        targets[sends] = self.kind[self.down.to[groups]] == SOURCE
        return targets

    def activity(self, found: list[np.ndarray]) -> np.ndarray:
        """(nodes,), from that of the populations of the unit graph."""
        out = np.zeros(self.nodes, dtype=self.dtype)
        for number, values in enumerate(found):
            first = self.offset[self.number[number]]
            out[first : first + values.size] = values
        for (number, name), own in self.reads.items():
            function = self.units.populations[number]
            assert isinstance(function, UnitFunction)
            source = function.operands[name]
            assert isinstance(source, int)
            out[self.offset[own] : self.offset[own + 1]] = found[source]
        return out

    def slopes_at(self, found: list[np.ndarray]) -> np.ndarray:
        """Derivatives of functions, at these activities of the populations of the unit graph."""
        parts = []
        for number, name in self.gates:
            function = self.units.populations[number]
            assert isinstance(function, UnitFunction)
            parts.append(function.evaluated(function.derivatives[name], found, out=found[number]))
        return _joined(parts, np.float64).astype(self.dtype)

    def by_owner(self, numbers: np.ndarray) -> Mapping[str, int]:
        """Vertex -> the sum of these numbers of populations over those that are in its dendrite or its values."""
        total = dict.fromkeys(self.units.circuit.vertices, 0)
        for population, name in self.owner.items():
            total[name] += int(numbers[population])
        return total
