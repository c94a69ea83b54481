"""What a perturbation is: something that is done from one time to another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from pcneuro.errors import ParameterError, told
from pcneuro.quantities import NOT_NEGATIVE, milliseconds


@dataclass(frozen=True, eq=False)
class AbstractPerturbation(ABC):
    """What is done to a circuit in the steps that begin in [start, stop), in ms since the begin of the simulation.

    None is the begin, or no end. Raises ParameterError for a place that is no name, for what are no times, and for a
    stop that is not behind the start.
    """

    start: Any = field(default=None, kw_only=True)
    stop: Any = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def place(self) -> str:
        """The population that it is done to."""

    def __post_init__(self) -> None:
        if not isinstance(self.place, str):
            raise ParameterError(
                f"{type(self).__name__} is of {told(self.place)}; give the name of a vertex or population"
            )
        for what in ("start", "stop"):
            if getattr(self, what) is not None:
                time = milliseconds(f"{what} of {type(self).__name__}", getattr(self, what), NOT_NEGATIVE)
                object.__setattr__(self, what, time)
        if self.stop is not None and self.stop <= (self.start or 0.0):
            raise ParameterError(
                f"{type(self).__name__} stops at {self.stop:g} ms, and starts at {self.start or 0.0:g} ms: give a stop "
                "behind the start"
            )
