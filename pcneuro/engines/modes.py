"""How time goes on in the event-driven engine: in bins, or from event to event."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.circuit import Circuit
from pcneuro.errors import ParameterError
from pcneuro.integrators import AbstractIntegrator
from pcneuro.kernels import events as kernels

if TYPE_CHECKING:
    from pcneuro.engines.events import Sample


class AbstractMode(ABC):
    """How time goes on."""

    @abstractmethod
    def check(self, circuit: Circuit, integrator: AbstractIntegrator) -> None:
        """Raises ParameterError for what it does not take."""

    @abstractmethod
    def prepare(self, sample: Sample) -> None:
        """Bring a sample to time zero."""

    @abstractmethod
    def advance(self, sample: Sample, number: int, steps: int, dt: float) -> None:
        """Do ``steps`` steps from step ``number`` on."""

    @abstractmethod
    def errors(self, sample: Sample, number: int, dt: float) -> np.ndarray:
        """Errors (units,) at the begin of step ``number``."""


@dataclass(frozen=True)
class TimeBinned(AbstractMode):
    """Bins of dt: within each, events first, then a step of all units that are awake."""

    def check(self, circuit: Circuit, integrator: AbstractIntegrator) -> None:
        if len(integrator.weights) > 1:
            raise ParameterError(
                f"{type(integrator).__name__} has several stages, and a bin sends once: use Euler or ExponentialEuler"
            )

    def prepare(self, sample: Sample) -> None:
        sample.awake[:] = np.arange(sample.awake.size)
        sample.counters[kernels.AWAKE] = sample.awake.size

    def advance(self, sample: Sample, number: int, steps: int, dt: float) -> None:
        common, s = sample.common, sample
        kernels.bins(
            number,
            steps,
            s.deviation,
            s.received,
            s.sent,
            s.since,
            s.awake,
            s.counters,
            common.precision,
            common.gain,
            common.threshold,
            *s.way,
            s.sizes,
        )

    def errors(self, sample: Sample, number: int, dt: float) -> np.ndarray:
        common, asleep = sample.common, np.flatnonzero(sample.since >= 0)
        deviation = sample.deviation.copy()
        for i in asleep:
            deviation[i] = kernels.later(
                deviation[i], sample.received[i], common.precision[i], common.gain[i], number - sample.since[i]
            )
        sample.value[:] = deviation
        return common.precision * deviation


@dataclass(frozen=True)
class Exact(AbstractMode):
    """No time step: the next event is computed. dt says only where it is looked at."""

    def check(self, circuit: Circuit, integrator: AbstractIntegrator) -> None:
        for name in circuit.vertices:
            if not circuit.has_prediction(name):
                raise ParameterError(f"latent {name!r} has no prior, and so no error to send: use TimeBinned()")

    def prepare(self, sample: Sample) -> None:
        if (sample.common.threshold[sample.common.rate > 0] <= 0).any():
            raise ParameterError("a threshold of 0 is crossed at all times: Exact() needs thresholds above 0")
        sample.error[:] = sample.common.precision * sample.deviation
        for i in range(sample.error.size):
            far = abs(sample.error[i] - sample.sent[i]) >= sample.common.threshold[i] and sample.error[i] != 0.0
            when = 0.0 if far else np.inf
            kernels.schedule(i, when, sample.heap, sample.where, sample.due, sample.counters)

    def advance(self, sample: Sample, number: int, steps: int, dt: float) -> None:
        common, s = sample.common, sample
        kernels.exact(
            (number + steps) * dt,
            s.error,
            s.received,
            s.sent,
            s.at,
            s.due,
            s.heap,
            s.where,
            s.counters,
            common.rate,
            common.threshold,
            *s.way,
            s.sizes,
        )

    def errors(self, sample: Sample, number: int, dt: float) -> np.ndarray:
        s, common = sample, sample.common
        found = s.received + (s.error - s.received) * np.exp(-common.rate * (number * dt - s.at))
        found = np.where(common.rate > 0, found, s.error)
        with np.errstate(all="ignore"):
            sample.value[:] = np.where(common.rate > 0, found / common.precision, sample.deviation)
        return found
