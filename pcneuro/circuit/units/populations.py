"""What a circuit in single units is made of: value neurons, sums over synapses, functions unit by unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.ops.base import Weights
from pcneuro.ops.formula import evaluate


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
    pre: np.ndarray
    post: np.ndarray
    weights: Weights


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
