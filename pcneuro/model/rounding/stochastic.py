"""Rounding to one of the two next levels, drawn so that the mean stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from pcneuro.model.rounding.abstract import AbstractRounding
from pcneuro.quantities import whole


@final
@dataclass(frozen=True)
class Stochastic(AbstractRounding):
    """The level below or above, drawn so that the mean is the number itself (Gupta et al. 2015).

    Each entry of each parameter has one number drawn for it by the ``seed`` and the parameter's name: the same values
    are rounded the same way every time. Of messages (``QuantizeErrors``, ``QuantizeValues``) each unit of each sample
    has one drawn for each step, by the seed and the vertex: a run repeats. Raises ParameterError for what is no seed.

    Examples
    --------
    >>> pcn.passes.Quantize(bits=4, rounding=pcn.passes.Stochastic(seed=1)).rounding.seed
    1
    """

    of_messages: ClassVar[bool] = True
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", whole("seed of Stochastic", self.seed, 0))

    @property
    def drawn_by(self) -> int:
        return self.seed

    def whole(self, numbers: np.ndarray, name: str) -> np.ndarray:
        below = np.floor(numbers)
        return below + (self._drawn(numbers, name) < numbers - below)

    def sign(self, numbers: np.ndarray, name: str) -> np.ndarray:
        return np.where(2.0 * self._drawn(numbers, name) - 1.0 < numbers, 1.0, -1.0)

    def _drawn(self, numbers: np.ndarray, name: str) -> np.ndarray:
        return np.random.default_rng([self.seed, *name.encode()]).random(numbers.shape)

    def attributes(self) -> dict[str, Any]:
        return {"seed": self.seed}
