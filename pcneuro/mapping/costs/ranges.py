"""An amount that is known as a range: what costs are, since prices are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from pcneuro.mapping.chips.prices import Price


@final
@dataclass(frozen=True)
class Range:
    """An amount between ``low`` and ``high``, such as pJ or ns, where what is published leaves it open."""

    low: float
    high: float

    @staticmethod
    def of(number: float, price: Price) -> Range:
        """What so many operations cost."""
        return Range(number * price.low, number * price.high)

    @staticmethod
    def total(ranges: Iterable[Range]) -> Range:
        """The sum; 0 of none."""
        each = list(ranges)
        return Range(sum(r.low for r in each), sum(r.high for r in each))
