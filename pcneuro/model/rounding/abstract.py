"""What a rounding is: which of the two levels around a number is taken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

ROUNDINGS: dict[str, type[AbstractRounding]] = {}
"""Kind, which is the class name -> class."""


class AbstractRounding(ABC):
    """Takes numbers to whole ones. Roundings are frozen data; the same numbers of the same name come out the same."""

    of_messages: ClassVar[bool] = False
    """Whether messages are rounded by it: drawn by a seed, or else to the nearest (``model.payload``)."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        ROUNDINGS[cls.__name__] = cls

    @property
    def drawn_by(self) -> int | None:
        """The seed of the numbers that it draws; None where it draws none."""
        return None

    @abstractmethod
    def whole(self, numbers: np.ndarray, name: str) -> np.ndarray:
        """The whole number below or above each of the numbers of a parameter of this name."""

    @abstractmethod
    def sign(self, numbers: np.ndarray, name: str) -> np.ndarray:
        """-1 or 1 for each number from -1 to 1."""

    @abstractmethod
    def attributes(self) -> dict[str, Any]:
        """What it is made again of: plain numbers."""
