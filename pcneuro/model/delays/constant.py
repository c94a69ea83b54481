"""One delay for all synapses of a projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.model.delays.abstract import AbstractDelay, DelaysInTurn, Places


@dataclass(frozen=True)
class ConstantDelay(AbstractDelay):
    """One delay for all synapses, ``ms`` >= 0. Raises ParameterError for any other.

    Examples
    --------
    >>> pcn.build_circuit(graph, delays=pcn.ConstantDelay(3.0)).delays["h.value", "out.error"]
    ConstantDelay(ms=3.0)
    """

    ms: float

    def __post_init__(self) -> None:
        self._set_ms("ms")

    @property
    def constant(self) -> float:
        return self.ms

    @property
    def rounds(self) -> bool:
        return False

    @property
    def zero(self) -> bool:
        return self.ms == 0

    def of(self, synapses: int, key: str) -> np.ndarray:
        return np.full(synapses, self.ms)

    def in_turn(self, places: Places, key: str) -> DelaysInTurn:
        return lambda count, index: self.of(count, key)

    def bounds(self, places: Places, key: str) -> tuple[float, float]:
        return self.ms, self.ms
