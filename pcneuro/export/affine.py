"""What the dendrites of a circuit compute, where that is affine: weights from other populations, and a constant.

For targets whose neurons sum what they receive, and pass the sum through one of a few transfer functions. What is
linear unit by unit is multiplied into the weights; a transfer function that the target has becomes a population of its
own; the rest is refused by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from pcneuro.circuit.units import Source, SynapticSum, UnitFunction, UnitGraph, sources_of
from pcneuro.errors import ParameterError
from pcneuro.ops.formula import Formula
from pcneuro.ops.primitives import PRIMITIVES


@dataclass(frozen=True, eq=False)
class Affine:
    """constant + sum over populations of weights @ rate, (units,).

    ``weights`` are by population, (units, units of the population).
    """

    weights: Mapping[str, sparse.csr_array]
    constant: np.ndarray

    @classmethod
    def copy_of(cls, population: str, size: int) -> Affine:
        """The rates of a population themselves."""
        return cls({population: sparse.eye_array(size, format="csr")}, np.zeros(size))

    @classmethod
    def fixed(cls, constant: np.ndarray) -> Affine:
        """What depends on no population."""
        return cls({}, np.asarray(constant, dtype=np.float64))

    def __add__(self, other: Affine) -> Affine:
        total = dict(self.weights)
        for name, matrix in other.weights.items():
            total[name] = sparse.csr_array(total[name] + matrix) if name in total else matrix
        return Affine(total, self.constant + other.constant)

    def scaled(self, factors: np.ndarray | float) -> Affine:
        """Every unit multiplied by a factor of its own, or all by one."""
        rows = np.broadcast_to(np.asarray(factors, dtype=np.float64), self.constant.shape)
        # A factor of 1 / 0 is for whoever uses the weights to refuse.
        with np.errstate(all="ignore"):
            scaled = {name: sparse.csr_array(sparse.diags_array(rows) @ m) for name, m in self.weights.items()}
            return Affine(scaled, rows * self.constant)

    def summed(self, matrix: sparse.csr_array) -> Affine:
        """matrix @ this."""
        return Affine({n: sparse.csr_array(matrix @ m) for n, m in self.weights.items()}, matrix @ self.constant)

    def at(self, rates: Mapping[str, np.ndarray]) -> np.ndarray:
        """Its value, (..., units), at rates (..., units of the population)."""
        total = self.constant
        # Rates of what diverges are infinite.
        with np.errstate(all="ignore"):
            for name, matrix in self.weights.items():
                total = total + (matrix @ rates[name].T).T
        return total


@dataclass(frozen=True, eq=False)
class Transfer:
    """A population behind a transfer function: rate = function(drive)."""

    function: str
    drive: Affine


class AffineForms:
    """Populations of a unit graph as affine functions of sources, and of transfer functions of what is held.

    Parameters
    ----------
    units
        The circuit in single units.
    names
        Source (input or vertex) -> the population that stands for it.
    free
        Vertices that are not clamped.
    transfers
        Primitives of one operand that the target has as transfer functions.
    target
        Its name, in messages.

    Raises ParameterError for what cannot be represented, which names the node and its operator.
    """

    def __init__(
        self, units: UnitGraph, names: Mapping[str, str], free: Collection[str], transfers: Collection[str], target: str
    ) -> None:
        self.units, self.names, self.known, self.target = units, names, transfers, target
        self.moving = {names[name] for name in free}
        """Populations whose rates change."""
        self.transfers: dict[str, Transfer] = {}
        """Population -> what it is, in an order in which each reads sources and earlier ones only."""
        self._forms: dict[int, Affine] = {}
        """Number of a population -> what it computes, of those that have been asked for."""

    def of(self, number: int) -> Affine:
        """What a population computes."""
        for each in sorted(self._needed(number)):
            population = self.units.populations[each]
            if isinstance(population, Source):
                self._forms[each] = Affine.copy_of(self.names[population.name], population.size)
            elif isinstance(population, SynapticSum):
                size = self.units.populations[population.source].size
                weights = np.broadcast_to(population.weights.values, population.pre.shape)
                place = (population.post, population.pre)
                matrix = sparse.csr_array((weights, place), shape=(population.size, size))
                self._forms[each] = self._forms[population.source].summed(matrix)
            else:
                operands = {
                    name: self._forms[x] if isinstance(x, int) else Affine.fixed(x.values)
                    for name, x in population.operands.items()
                }
                self._forms[each] = self._formula(population, population.formula, operands)
        return self._forms[number]

    def _needed(self, number: int) -> set[int]:
        """Populations that are still to be found for one."""
        needed: set[int] = set()
        stack: Iterable[int] = [number]
        while stack:
            new = {n for n in stack if n not in needed and n not in self._forms}
            needed |= new
            stack = [s for n in new for s in sources_of(self.units.populations[n])]
        return needed

    def _formula(self, function: UnitFunction, formula: Formula, operands: Mapping[str, Affine]) -> Affine:
        if isinstance(formula, float):
            return Affine.fixed(np.full(function.size, formula))
        if isinstance(formula, str):
            return operands[formula]
        name, *arguments = formula
        parts = [self._formula(function, argument, operands) for argument in arguments]
        constants = [part.constant for part in parts if not part.weights]
        if len(constants) == len(parts):
            with np.errstate(all="ignore"):
                return Affine.fixed(np.broadcast_to(PRIMITIVES[name].array(*constants), (function.size,)))
        match name, parts:
            case "add", [first, second]:
                return first + second
            case "subtract", [first, second]:
                return first + second.scaled(-1.0)
            case "negative", [only]:
                return only.scaled(-1.0)
            case "multiply", [first, second] if constants:
                return second.scaled(first.constant) if not first.weights else first.scaled(second.constant)
            case "divide", [first, second] if not second.weights:
                with np.errstate(divide="ignore"):
                    return first.scaled(1.0 / second.constant)
            case "maximum", [first, second] if constants:
                least, drive = (second, first) if first.weights else (first, second)
                return least + self._transfer(function, "relu", [drive + least.scaled(-1.0)])
        return self._transfer(function, name, parts)

    def _transfer(self, function: UnitFunction, name: str, parts: list[Affine]) -> Affine:
        """A population for a transfer function of what is held."""
        operator = self.units.circuit.graph.nodes[function.node].operator.label
        where = f"node {function.node!r} ({operator})"
        if any(self.moving.intersection(part.weights) for part in parts):
            raise ParameterError(
                f"{where}: {name!r} of what free vertices send is not linear: errors would go back multiplied by its "
                f"slope, and rates in {self.target} cannot be multiplied; use FixedPrediction(), which holds the slopes"
            )
        if name not in self.known or len(parts) > 1:
            raise ParameterError(
                f"{where}: {self.target} has no transfer function for {name!r}, only {', '.join(sorted(self.known))}; "
                "use FixedPrediction(), or give what it computes as an input"
            )
        # With a point in it, which no vertex or input has.
        population = f"{function.node}.{name}.{len(self.transfers)}"
        self.transfers[population] = Transfer(name, parts[0])
        return Affine.copy_of(population, function.size)
