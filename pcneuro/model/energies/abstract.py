"""Output energies: what a clamped target costs, given the prediction of it, and what its error neurons hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from pcneuro.ops.base import AbstractUnits, Units

ENERGIES: dict[str, type[AbstractEnergy]] = {}


class AbstractEnergy(ABC):
    """Energy E(target, prediction) of an output vertex whose value neurons are clamped to a target.

    Its error neurons hold e = -dE/dprediction. While the vertex is free, e = precision * (value - prediction), as at
    any other vertex. Arrays have a batch axis first; ``precision`` has one value a unit.
    """

    kind: ClassVar[str]
    kernel: ClassVar[str | None] = None
    """Operator kernel that writes e, or None where e = precision * (value - prediction)."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if ENERGIES.setdefault(cls.kind, cls) is not cls:
            raise ValueError(f"two energies are of kind {cls.kind!r}")

    @abstractmethod
    def value(self, target: np.ndarray, prediction: np.ndarray, precision: np.ndarray) -> np.ndarray:
        """Energy of each sample, of shape (batch,)."""

    @abstractmethod
    def error(self, target: np.ndarray, prediction: np.ndarray, precision: np.ndarray) -> np.ndarray:
        """-dE/dprediction, of the prediction's shape."""

    @abstractmethod
    def check(self, target: np.ndarray, precision: np.ndarray) -> str | None:
        """What is wrong with targets or precision, in words; None where they fit."""

    @abstractmethod
    def equation(self) -> str:
        """The error's equation in Brian2 syntax, with ``v`` for the target and ``prediction``."""

    @abstractmethod
    def mean(self, make: AbstractUnits, prediction: Units, shape: tuple[int, ...]) -> Units:
        """What a clamped output is compared with, as populations: e = precision * (target - mean)."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))
