"""Which units of two operands a product brings together, and at which unit of its output: made a range at a time.

A projection may have far more synapses than memory has room for. What an operator says of them is how many there are,
and which they are in any range of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

Part = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Units of the first operand, of the second, and of the output: int64, an entry a pair."""


class AbstractPairs(ABC):
    """Pairs of a unit of the first and one of the second operand, each multiplied and added to a unit of the output.

    They stand in an order of their own, in which those of a unit of the output follow each other as a rule.
    """

    @property
    @abstractmethod
    def count(self) -> int:
        """How many there are."""

    @abstractmethod
    def part(self, first: int, last: int) -> Part:
        """Those from ``first`` to before ``last``."""

    def all(self) -> Part:
        """All of them."""
        return self.part(0, self.count)


@dataclass(frozen=True, eq=False)
class ListedPairs(AbstractPairs):
    """Pairs that stand in arrays, (pairs,) each."""

    first: np.ndarray
    second: np.ndarray
    output: np.ndarray

    @property
    def count(self) -> int:
        return self.output.size

    def part(self, first: int, last: int) -> Part:
        some = slice(first, last)
        return self.first[some], self.second[some], self.output[some]


@dataclass(frozen=True, eq=False)
class SwappedPairs(AbstractPairs):
    """The same pairs with the first operand as the second."""

    pairs: AbstractPairs

    @property
    def count(self) -> int:
        return self.pairs.count

    def part(self, first: int, last: int) -> Part:
        one, other, output = self.pairs.part(first, last)
        return other, one, output
