"""Learning-rate schedules: the factor by which an optimiser's rate is multiplied in each epoch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from pcneuro.quantities import Range, number, whole

RATES: dict[str, type[AbstractRate]] = {}


class AbstractRate(ABC):
    """How the rate changes while a circuit learns."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        RATES[cls.__name__] = cls

    @abstractmethod
    def factor(self, epoch: int) -> float:
        """Factor in epoch 1, 2, ..."""


_FACTOR = Range("a number above 0, up to 1", lambda x: 0.0 < x <= 1.0)
_LEAST = Range("a share from 0 to 1", lambda x: 0.0 <= x <= 1.0)


@dataclass(frozen=True)
class ConstantRate(AbstractRate):
    """The same rate in all epochs."""

    def factor(self, epoch: int) -> float:
        return 1.0


@dataclass(frozen=True)
class StepDecay(AbstractRate):
    """Multiplied by ``by`` after each ``every`` epochs. Raises ParameterError for values out of range.

    Examples
    --------
    >>> pcn.StepDecay(every=5, by=0.1).every
    5
    """

    every: int
    by: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", number("by", self.by, _FACTOR))
        object.__setattr__(self, "every", whole("every", self.every, 1))

    def factor(self, epoch: int) -> float:
        return self.by ** ((epoch - 1) // self.every)


@dataclass(frozen=True)
class ExponentialDecay(AbstractRate):
    """Multiplied by ``by`` after each epoch. Raises ParameterError for a value out of range.

    Examples
    --------
    >>> pcn.ExponentialDecay(0.95).by
    0.95
    """

    by: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", number("by", self.by, _FACTOR))

    def factor(self, epoch: int) -> float:
        return self.by ** (epoch - 1)


@dataclass(frozen=True)
class CosineDecay(AbstractRate):
    """From the full rate down to ``least`` of it over so many ``epochs``, along half a cosine.

    Loshchilov & Hutter (2017), one period. Raises ParameterError for values out of range.

    Examples
    --------
    >>> pcn.CosineDecay(epochs=10, least=0.1).least
    0.1
    """

    epochs: int
    least: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", whole("epochs", self.epochs, 1))
        object.__setattr__(self, "least", number("least", self.least, _LEAST))

    def factor(self, epoch: int) -> float:
        share = min(epoch - 1, self.epochs) / self.epochs
        return self.least + (1 - self.least) * (1 + math.cos(math.pi * share)) / 2
