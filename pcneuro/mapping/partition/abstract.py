"""What a strategy is that divides neurons among cores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from pcneuro.mapping.partition.problem import Problem

STRATEGIES: dict[str, type[AbstractStrategy]] = {}
"""By name, as the command line and files have them."""


class AbstractStrategy(ABC):
    """A way to divide nodes among cores. What it gives is a start: it is improved, and brought within the limits.

    Examples
    --------
    >>> issubclass(pcn.mapping.Greedy, pcn.mapping.AbstractStrategy)
    True
    """

    name: ClassVar[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        STRATEGIES[cls.name] = cls

    @abstractmethod
    def starts(self, problem: Problem, natural: np.ndarray, cores: int, seed: int) -> Iterator[np.ndarray]:
        """Give divisions among ``cores``, each (nodes,) int64, beside that in natural order, which is within limits.

        They may be beyond the limits.
        """

    def worthwhile(self, problem: Problem) -> bool:
        """Whether it is among those that are tried unless others are asked for."""
        return True
