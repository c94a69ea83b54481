"""What a mode of the event-driven engine is: how time goes on, in bins or from event to event."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pcneuro.engines.events.senders import Sending
from pcneuro.engines.events.state import Sample
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator

NO_ORDER = "EventDriven has no order of populations: use the schedule Parallel()"


NO_LEAP = "EventDriven goes from event to event: use the schedule Parallel()"


class Seen(NamedTuple):
    """Units of a sample at some time, (units,): values and predictions, counted from the sweep, values as others know
    them, and feedback; and the state in which others know them."""

    sample: Sample
    values: np.ndarray
    predicted: np.ndarray
    known: np.ndarray
    received: np.ndarray


class AbstractMode(ABC):
    """How time goes on."""

    binned: ClassVar[bool]
    kernels: ClassVar[tuple[Any, ...]]
    """Compiled functions that it calls."""
    lines: ClassVar[bool] = False
    """Whether events carry slopes, too."""

    def __repr__(self) -> str:
        """With what is not as it is by default."""
        changed = [f for f in fields(self) if getattr(self, f.name) != f.default]  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in changed)})"

    @abstractmethod
    def check(self, dynamics: AbstractDynamics, integrator: AbstractIntegrator) -> None:
        """Raises ParameterError for what it does not take."""

    @abstractmethod
    def gain(self, integrator: AbstractIntegrator, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        """What a free value neuron's drive is multiplied by, in a bin or a ms."""

    @abstractmethod
    def least_message(self, quantum: np.ndarray) -> np.ndarray:
        """From which change on a message of multiples of a ``quantum`` can be sent; 0 where that is 0."""

    @abstractmethod
    def admit(self, sending: Sending) -> None:
        """Raises ParameterError for thresholds of what may send that it does not take."""

    @abstractmethod
    def time(self, number: int, dt: float) -> float:
        """When step ``number`` begins, in the unit that times of events have."""

    @abstractmethod
    def prepare(self, sample: Sample, now: float) -> None:
        """Bring a sample to its begin at this time."""

    @abstractmethod
    def inject(self, sample: Sample, change: np.ndarray, now: float) -> None:
        """Let what flows into each unit be so much more from this time on, which is the begin of a step."""

    @abstractmethod
    def advance(self, sample: Sample, number: int, end: int, dt: float) -> tuple[int, int]:
        """Go from the begin of step ``number`` to that of step ``end``; returns where it came, and why no further."""

    @abstractmethod
    def seen(self, sample: Sample, number: int, dt: float) -> Seen:
        """Units at the begin of step ``number``; nothing changes."""
