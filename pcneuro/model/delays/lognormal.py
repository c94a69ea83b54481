"""Delays drawn from a lognormal distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.errors import ParameterError
from pcneuro.model.delays.abstract import AbstractRandomDelay, edge_text


@dataclass(frozen=True)
class LognormalDelay(AbstractRandomDelay):
    """Delays of ``least + median exp(sigma z)`` ms with z drawn from a normal distribution: a long tail of slow ones.

    Conduction velocities in the cortex are skewed like this, as the calibres of its axons are (Buzsaki & Mizuseki
    2014, Nature Reviews Neuroscience 15: 264-278). Raises ParameterError unless median > 0, sigma >= 0 and least >= 0.

    Examples
    --------
    >>> pcn.LognormalDelay(median=3.0, sigma=0.5, seed=1).median  # ms
    3.0
    """

    median: float
    sigma: float
    seed: int = 0
    least: float = 0.0

    def __post_init__(self) -> None:
        self._set_ms("median", above=True)
        self._set("sigma")
        self._set_ms("least")
        self._set_seed()

    @property
    def zero(self) -> bool:
        return False

    def drawn(self, generator: np.random.Generator, synapses: int, key: str) -> np.ndarray:
        with np.errstate(over="ignore"):
            delays = self.least + self.median * np.exp(self.sigma * generator.normal(size=synapses))
        if not np.isfinite(delays).all():
            raise ParameterError(f"{edge_text(key)}: {self!r} draws a delay that is not finite; give a smaller sigma")
        return delays
