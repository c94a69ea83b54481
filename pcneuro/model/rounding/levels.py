"""The values that numbers of a few bits can have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pcneuro.errors import check_object, class_of_kind
from pcneuro.model.rounding.abstract import ROUNDINGS, AbstractRounding
from pcneuro.model.rounding.nearest import NEAREST
from pcneuro.quantities import POSITIVE, number, whole

MOST_BITS = 16


@final
@dataclass(frozen=True)
class Levels:
    """Levels of ``bits`` bits around zero: scale k / K with whole numbers k from -K to K, K = 2^(bits-1) - 1.

    One bit is the sign: -scale or scale, and an exact zero, which is no synapse, stays.

    Parameters
    ----------
    bits
        From 1 to 16.
    scale
        The largest level; what is beyond saturates. None: the largest absolute value of what is rounded.
    rounding
        ``Nearest()`` or ``Stochastic(seed)``.

    Raises ParameterError for values out of range.
    """

    bits: int
    scale: float | None = None
    rounding: AbstractRounding = NEAREST

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", whole("bits of Quantize", self.bits, 1, MOST_BITS))
        if self.scale is not None:
            object.__setattr__(self, "scale", number("scale of Quantize", self.scale, POSITIVE))
        check_object("rounding of Quantize", self.rounding, AbstractRounding)

    def scale_of(self, values: np.ndarray) -> float:
        """The largest level, where these values are rounded."""
        return float(np.max(np.abs(values), initial=0.0)) if self.scale is None else self.scale

    def rounded(self, values: np.ndarray, name: str) -> np.ndarray:
        """The values of the parameter ``name`` on these levels, in their own type. What is on a level stays."""
        scale = self.scale_of(values)
        if scale == 0.0:
            return values.copy()
        shares = np.clip(values.astype(np.float64) / scale, -1.0, 1.0)
        nearest, chosen = (
            (scale * self._shares(shares, how, name)).astype(values.dtype) for how in (NEAREST, self.rounding)
        )
        # A level that was rounded to the type of its array is none any more up to that, and stays all the same.
        return np.where(nearest == values, nearest, chosen)

    def _shares(self, shares: np.ndarray, how: AbstractRounding, name: str) -> np.ndarray:
        """Shares of the scale, from -1 to 1, rounded to levels."""
        if self.bits == 1:
            return np.where(shares == 0.0, 0.0, how.sign(shares, name))
        most = 2 ** (self.bits - 1) - 1
        return how.whole(most * shares, name) / most

    def described(self) -> list[Any]:
        """All of it as JSON has it."""
        return [self.bits, self.scale, type(self.rounding).__name__, self.rounding.attributes()]

    @classmethod
    def from_described(cls, described: Sequence[Any]) -> Levels:
        """The levels that were ``described``. Raises ValueError, TypeError or a PcneuroError for what are none."""
        bits, scale, kind, attributes = described
        return cls(bits, scale, class_of_kind("rounding", kind, ROUNDINGS)(**attributes))
