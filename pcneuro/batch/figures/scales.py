"""Scales of axes and colours that fit the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from matplotlib.colors import CenteredNorm, LogNorm, Normalize, SymLogNorm

from pcneuro.studies.figures.style import SEQUENCE

DIVERGING = "RdBu_r"
FEWEST = 3
"""Values from which it can be told how they are spread."""
DECADE = 10.0
"""Where the largest value is less than so many times the smallest, a linear axis shows all of them."""
MANY_DECADES = 1000.0
"""Where the largest number is so many times the smallest, its colours are logarithmic."""
EVEN = 0.25
"""Steps that differ from their mean by less than this share are even."""


def logarithmic(values: np.ndarray) -> bool:
    """Whether distinct numbers in order are spread as powers are: nearer to a line by their logarithms."""
    if len(values) < FEWEST or values[0] <= 0 or not np.isfinite(values).all() or values[-1] < DECADE * values[0]:
        return False
    return _straightness(np.log(values)) > _straightness(values.astype(float))


def _straightness(values: np.ndarray) -> float:
    return float(np.corrcoef(values, np.arange(len(values)))[0, 1])


def evenly_spaced(values: np.ndarray, log: bool) -> bool:
    """Whether steps between numbers in order, or between their logarithms, are about the same."""
    if len(values) < FEWEST:
        return len(values) > 1
    if not np.isfinite(values).all():
        return False
    steps = np.diff(np.log(values) if log else values.astype(float))
    return bool(np.abs(steps - steps.mean()).max() <= EVEN * steps.mean())


@final
@dataclass(frozen=True)
class Colours:
    """How numbers are coloured."""

    norm: Normalize
    map: str

    @property
    def axis_scale(self) -> dict[str, Any]:
        """The same scale for an axis, as ``set_yscale`` takes it."""
        if isinstance(self.norm, LogNorm):
            return {"value": "log"}
        if isinstance(self.norm, SymLogNorm):
            return {"value": "symlog", "linthresh": self.norm.linthresh}
        return {"value": "linear"}


def colours_of(values: np.ndarray) -> Colours:
    """In order from dark to light; logarithmic over many decades; two colours around zero for both signs."""
    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() == finite.max():
        middle = float(finite[0]) if len(finite) else 0.0
        # A width of its own, so that the bar of a single value has ticks.
        width = abs(middle) / 2 or 1.0
        return Colours(Normalize(middle - width, middle + width), SEQUENCE)
    low, high = float(finite.min()), float(finite.max())
    if low > 0:
        return Colours(LogNorm(low, high) if high >= MANY_DECADES * low else Normalize(low, high), SEQUENCE)
    if high <= 0 or low == 0:
        return Colours(Normalize(low, high), SEQUENCE)
    most = max(high, -low)
    usual = float(np.median(np.abs(finite[finite != 0])))
    if most >= MANY_DECADES * usual:
        return Colours(SymLogNorm(usual, vmin=-most, vmax=most), DIVERGING)
    return Colours(CenteredNorm(0.0, most), DIVERGING)
