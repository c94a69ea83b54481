"""Delays drawn evenly from an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.errors import ParameterError
from pcneuro.model.delays.abstract import AbstractRandomDelay


@dataclass(frozen=True)
class UniformDelay(AbstractRandomDelay):
    """Delays drawn evenly between ``low`` and ``high`` ms. Raises ParameterError unless 0 <= low <= high < infinity.

    Examples
    --------
    >>> pcn.UniformDelay(1.0, 5.0, seed=1).high  # ms
    5.0
    """

    low: float
    high: float
    seed: int = 0

    def __post_init__(self) -> None:
        self._set_ms("low")
        self._set_ms("high")
        self._set_seed()
        if self.low > self.high:
            raise ParameterError(f"UniformDelay from {self.low:g} to {self.high:g} ms: low is above high")

    @property
    def zero(self) -> bool:
        return self.high == 0

    def drawn(self, generator: np.random.Generator, synapses: int, key: str) -> np.ndarray:
        return generator.uniform(self.low, self.high, synapses)
