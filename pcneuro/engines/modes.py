"""How time goes on in the event-driven engine: in bins, or from event to event."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from numbers import Integral
from typing import ClassVar, NamedTuple

import numpy as np

from pcneuro.dynamics import AbstractDynamics
from pcneuro.engines.samples import Sample
from pcneuro.errors import ParameterError
from pcneuro.integrators import AbstractIntegrator
from pcneuro.kernels.event_arrays import DONE
from pcneuro.kernels.event_bins import bins, speak
from pcneuro.kernels.event_exact import exact, schedule_all
from pcneuro.kernels.event_units import ahead, asleep


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
    lines: ClassVar[bool] = False
    """Whether events carry slopes, too."""

    def __repr__(self) -> str:
        """With what is not as it is by default."""
        own = [f for f in fields(self) if getattr(self, f.name) != f.default]  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in own)})"

    @abstractmethod
    def check(self, dynamics: AbstractDynamics, integrator: AbstractIntegrator) -> None:
        """Raises ParameterError for what it does not take."""

    @abstractmethod
    def gain(self, integrator: AbstractIntegrator, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        """What a free value neuron's drive is multiplied by, in a bin or a ms."""

    @abstractmethod
    def admit(self, threshold: np.ndarray) -> None:
        """Raises ParameterError for thresholds of what may send that it does not take."""

    @abstractmethod
    def prepare(self, sample: Sample) -> None:
        """Bring a sample to time zero."""

    @abstractmethod
    def advance(self, sample: Sample, number: int, end: int, dt: float) -> tuple[int, int]:
        """Go from the begin of step ``number`` to that of step ``end``; returns where it came, and why no further."""

    @abstractmethod
    def seen(self, sample: Sample, number: int, dt: float) -> Seen:
        """Units at the begin of step ``number``; nothing changes."""


@dataclass(frozen=True, repr=False)
class TimeBinned(AbstractMode):
    """Bins of dt: within each, events first, then a step of all units that are awake.

    ``cumulative``: what was not sent adds up over bins, and is sent, too, where that sum passes the threshold, so that
    small differences that stay are told in the end (as in the cumulative errors of Lava's ``Delta`` neurons).
    """

    cumulative: bool = False
    binned = True

    def __post_init__(self) -> None:
        if not isinstance(self.cumulative, bool):
            raise ParameterError(f"cumulative is {self.cumulative!r}; give True or False")

    def check(self, dynamics: AbstractDynamics, integrator: AbstractIntegrator) -> None:
        if len(integrator.weights) > 1:
            raise ParameterError(
                f"{type(integrator).__name__} has several stages, and a bin sends once: use Euler or ExponentialEuler"
            )

    def gain(self, integrator: AbstractIntegrator, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        return integrator.gain(tau, precision)

    def admit(self, threshold: np.ndarray) -> None:
        """All that there are."""

    def prepare(self, sample: Sample) -> None:
        """All units are awake."""

    def advance(self, sample: Sample, number: int, end: int, dt: float) -> tuple[int, int]:
        done, why = bins(number, end - number, sample.net, sample.state, self.cumulative)
        return number + done, why

    def seen(self, sample: Sample, number: int, dt: float) -> Seen:
        # What the bin brings before its units are stepped, as clocked engines have errors of the present values.
        copy = sample.copied()
        speak(number, copy.net, copy.state, self.cumulative)
        values, since = copy["x"], copy["since"]
        precision, gain = copy.of_net("precision"), copy.of_net("gain")
        asleep(number, values, copy["predicted"], copy["received"], since, precision, gain)
        return Seen(copy, values, copy["predicted"], copy["sent_value"], copy["received"])


@dataclass(frozen=True, repr=False)
class Exact(AbstractMode):
    """No time step: the next event is computed. dt says only where it is looked at.

    ``order``: 1, events carry a change of value, which holds until the next; 2, for fixed prediction, they carry a
    change of value and one of slope, and receivers extrapolate, so that far fewer are needed where thresholds are small
    (about the square root of their number).
    """

    order: int = 1
    binned = False

    def __post_init__(self) -> None:
        if not isinstance(self.order, Integral) or isinstance(self.order, bool) or self.order not in (1, 2):
            raise ParameterError(f"order is {self.order!r}; give 1 or 2")

    @property
    def lines(self) -> bool:  # type: ignore[override]
        return self.order == 2

    def check(self, dynamics: AbstractDynamics, integrator: AbstractIntegrator) -> None:
        if self.lines and not dynamics.linear:
            raise ParameterError(
                f"Exact(order=2) extrapolates lines, which {type(dynamics).__name__} bends: use Exact() or "
                "FixedPrediction"
            )

    def gain(self, integrator: AbstractIntegrator, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        return 1.0 / tau

    def admit(self, threshold: np.ndarray) -> None:
        if (threshold <= 0).any():
            raise ParameterError("a threshold of 0 is crossed at all times: Exact() needs thresholds above 0")

    def prepare(self, sample: Sample) -> None:
        schedule_all(sample.net, sample.state, 0.0)

    def advance(self, sample: Sample, number: int, end: int, dt: float) -> tuple[int, int]:
        why = exact(end * dt, sample.net, sample.state)
        return (end if why == DONE else number), why

    def seen(self, sample: Sample, number: int, dt: float) -> Seen:
        time, x, predicted = number * dt - sample["at"], sample["x"], sample["predicted"]
        received, precision, rate = sample["received"], sample.of_net("precision"), sample.of_net("rate")
        found = x.astype(np.float64) + sample.of_net("gain") * received * time
        slopes = sample["received_slope"] if self.lines else np.zeros_like(x)
        ahead(found, x, predicted, received, slopes, precision, rate, time)
        later_on = (received + slopes * time).astype(x.dtype)
        return Seen(sample, found.astype(x.dtype), predicted, sample["sent_value"], later_on)
