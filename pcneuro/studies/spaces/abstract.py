"""What a space is: the values that the runs of a sweep or a batch have, by dotted key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class AbstractSpace(ABC):
    """Runs by number, from 0 on, each with values by dotted key, such as ``{"integrator.dt": 0.5}``.

    Spaces are frozen data, and nothing is listed before it is asked for: a million runs need no memory.
    """

    @property
    @abstractmethod
    def keys(self) -> tuple[str, ...]:
        """Keys that some run sets, in order."""

    @abstractmethod
    def __len__(self) -> int:
        """How many runs there are."""

    @abstractmethod
    def values(self, number: int) -> Mapping[str, Any]:
        """What the run of this number sets. The same number has the same values, always and everywhere."""

    @abstractmethod
    def described(self) -> Mapping[str, Any]:
        """All of it as JSON has it, of which it is made again: a table with its kind, as files have it."""
