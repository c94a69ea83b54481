"""Rounding to the nearest level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from pcneuro.model.rounding.abstract import AbstractRounding


@final
@dataclass(frozen=True)
class Nearest(AbstractRounding):
    """The nearest level; in the middle between two, the one with the even number.

    Examples
    --------
    >>> pcn.passes.Quantize(bits=4, rounding=pcn.passes.Nearest()).bits
    4
    """

    of_messages: ClassVar[bool] = True

    def whole(self, numbers: np.ndarray, name: str) -> np.ndarray:
        return np.rint(numbers)

    def sign(self, numbers: np.ndarray, name: str) -> np.ndarray:
        return np.where(numbers < 0, -1.0, 1.0)

    def attributes(self) -> dict[str, Any]:
        return {}


NEAREST = Nearest()
