"""What a circuit in single units is made of: value neurons, sums over synapses, functions unit by unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pcneuro.ops.base import Weights
from pcneuro.ops.formula import evaluate
from pcneuro.ops.pairs import AbstractPairs, ListedPairs


@dataclass(frozen=True, eq=False)
class Source:
    """The value neurons of an input or a vertex."""

    name: str
    size: int


@dataclass(frozen=True, eq=False)
class SynapticSum:
    """out[post] = sum over synapses of weight * source[pre]; ``weights`` has a number a synapse, or one for all."""

    node: str
    """The node of the graph that it belongs to."""
    size: int
    source: int
    pairs: AbstractPairs
    """Units of the source and entries of ``table``: a synapse each. They may be more than there is room for."""
    table: Weights
    listed: bool = False
    """Whether ``table`` has an entry a synapse in their order, or one for all: ``weights`` as they are."""

    @classmethod
    def of(cls, node: str, size: int, source: int, pre: np.ndarray, post: np.ndarray, weights: Weights) -> SynapticSum:
        """A sum over synapses that stand in arrays, with weights one a synapse or one for all."""
        entries = np.arange(pre.size) if weights.values.size > 1 else np.zeros(pre.size, dtype=np.int64)
        return cls(node, size, source, ListedPairs(pre, entries, post), weights, True)

    @cached_property
    def _all(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.pairs.all()

    @property
    def pre(self) -> np.ndarray:
        """Units of the source, int64 of shape (synapses,)."""
        return self._all[0]

    @property
    def post(self) -> np.ndarray:
        """Units of the sum, likewise."""
        return self._all[2]

    @cached_property
    def weights(self) -> Weights:
        """One a synapse, or one for all."""
        return self.table if self.listed else self.table.take(self._all[1])


@dataclass(frozen=True, eq=False)
class UnitFunction:
    """out = formula(operands), unit by unit; ``derivatives`` by those operands that are populations."""

    node: str
    size: int
    formula: Any
    operands: Mapping[str, int | Weights]
    derivatives: Mapping[str, Any]

    def evaluated(self, formula: Any, activity: Sequence[np.ndarray], **more: np.ndarray) -> np.ndarray:
        """A formula over the operands, (units,), where all populations have this ``activity``."""
        named = {k: activity[x] if isinstance(x, int) else x.values for k, x in self.operands.items()}
        with np.errstate(all="ignore"):
            return np.broadcast_to(evaluate(formula, named | more), (self.size,))


Population = Source | SynapticSum | UnitFunction


@dataclass(frozen=True)
class SynapseGroup:
    """A place where dendrites read the value neurons of an input or a vertex."""

    population: int
    """The SynapticSum or UnitFunction that reads them, in ``UnitGraph.populations``."""
    operand: str | None
    """What they are called in the formula of a UnitFunction; None for a SynapticSum."""
    parent: str
    """The input or vertex that is read."""
    children: tuple[str, ...]
    """The vertices in whose dendrites it is: one, as a rule."""
    synapses: int


def sources_of(population: Population) -> Iterator[int]:
    """Populations that this one reads."""
    if isinstance(population, SynapticSum):
        yield population.source
    elif isinstance(population, UnitFunction):
        yield from (x for x in population.operands.values() if isinstance(x, int))


def summed(rows: np.ndarray, into: np.ndarray, size: int) -> np.ndarray:
    """Of shape (rows, size): entries of each row added up where ``into`` puts them."""
    return np.stack([np.bincount(into, weights=row, minlength=size) for row in rows])
