"""How errors and values become spikes: the neurons, their phases, and how spikes are decoded.

The error of a unit of a population is carried by pairs of neurons, ON for what is positive and OFF for what is
negative. With ``units`` pairs, each of which fires at ``rate`` where the error is ``scale``, a spike stands for

    quantum = scale / (units * rate)

of the integral of the error over time, and what others receive of the error is the sum of all spikes, ON less OFF, each
filtered by an exponential of time constant ``filter`` and area ``quantum``. With a subtractive reset nothing of the
drive is lost, so that the integral of what is received differs from that of the error by what the membranes still hold.
Decoded over a window of length T, an error is therefore off by a part of ``scale / (units * rate * T)``: it falls with
the inverse of T, and of ``units`` where phases are staggered (of its square root where they are drawn).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

import numpy as np

from pcneuro.errors import ParameterError, told, unknown_name
from pcneuro.quantities import NOT_NEGATIVE, POSITIVE, in_ms, number, whole


def _times(made: Any, *names: str) -> None:
    """Make fields that are quantities of time numbers of ms."""
    for name in names:
        object.__setattr__(made, name, in_ms(f"{type(made).__name__}: {name}", getattr(made, name)))


def _positive(made: Any, *names: str, zero: tuple[str, ...] = ()) -> None:
    for name in (*names, *zero):
        among = NOT_NEGATIVE if name in zero else POSITIVE
        object.__setattr__(made, name, number(f"{type(made).__name__}: {name}", getattr(made, name), among))


class AbstractPhases(ABC):
    """Membrane potentials at time zero, as a part of the way to the threshold."""

    @abstractmethod
    def draw(self, size: int, units: int) -> np.ndarray:
        """(size, 2, units) in [0, 1): of ON and OFF neurons of ``size`` errors."""


@dataclass(frozen=True)
class Staggered(AbstractPhases):
    """Phases (k + 1/2) / units: the neurons of an error fire one after the other."""

    def draw(self, size: int, units: int) -> np.ndarray:
        return np.broadcast_to((np.arange(units) + 0.5) / units, (size, 2, units)).copy()


@dataclass(frozen=True)
class Seeded(AbstractPhases):
    """Uniformly drawn phases, the same for the same ``seed``."""

    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", whole("Seeded: seed", self.seed))

    def draw(self, size: int, units: int) -> np.ndarray:
        return np.random.default_rng(self.seed).random((size, 2, units))


@dataclass(frozen=True)
class AbstractErrorNeurons(ABC):
    """Pairs of ON and OFF neurons for each error.

    Parameters
    ----------
    units
        Pairs for each error.
    rate
        Hz, of a neuron whose error is ``scale``; less than one spike a step.
    scale
        Error at which neurons fire at ``rate``, for all populations or by vertex. By default, for each population the
        largest error of its equilibrium under fixed prediction, for the present data and parameters, so that a reset
        changes it.
    baseline
        Hz, at which neurons of both signs fire without an error. What they send cancels.
    phases
        ``Staggered()`` or ``Seeded(seed)``.
    noise
        Standard deviation that white noise gives a membrane potential within a second, in thresholds; the seed is
        Brian2's (``brian2.seed``).

    Raises ParameterError for numbers that are not positive.
    """

    units: int = 100
    rate: float = 50.0
    scale: float | dict[str, float] | None = None
    baseline: float = 0.0
    phases: AbstractPhases = Staggered()
    noise: float = 0.0

    @property
    @abstractmethod
    def method(self) -> str:
        """Brian2's integration of the membrane potential."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", whole(f"{type(self).__name__}: units", self.units, 1))
        _positive(self, "rate", zero=("baseline", "noise"))
        scales = self.scale if isinstance(self.scale, dict) else {"all": self.scale}
        for name, value in scales.items():
            if value is not None:
                number(f"{type(self).__name__}: scale of {name}", value, POSITIVE)
        if not isinstance(self.phases, AbstractPhases):
            raise ParameterError(f"phases is {told(self.phases)}; give Staggered() or Seeded(seed)")

    @abstractmethod
    def equations(self) -> list[str]:
        """Lines for Brian2 on dm/dt: reads ``wanted``, the rate (Hz) that the error asks for."""

    def potentials(self, phases: np.ndarray) -> np.ndarray:
        """Membrane potentials at these phases, of neurons that fire at ``baseline``."""
        return phases

    def scales(self, errors: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Vertex -> the error at which its neurons fire at ``rate``, where these are the errors at equilibrium.

        Raises ParameterError for a scale of what has no errors.
        """
        known = self.scale if isinstance(self.scale, dict) else {}
        for name in known:
            if name not in errors:
                raise ParameterError(f"{unknown_name('vertex', name, errors)} (scale of errors)")
        if isinstance(self.scale, Real):
            return dict.fromkeys(errors, float(self.scale))
        # Neurons of a population without an error are silent at any scale.
        largest = {name: float(np.abs(error).max(initial=0.0)) or 1.0 for name, error in errors.items()}
        return {name: float(known.get(name, most)) for name, most in largest.items()}

    def quantum(self, scale: float) -> float:
        """What a spike stands for: error times ms."""
        return scale / (self.units * self.rate * 1e-3)


@dataclass(frozen=True)
class IntegrateAndFire(AbstractErrorNeurons):
    """dm/dt = wanted; where m reaches 1, a spike, and m falls by 1."""

    @property
    def method(self) -> str:
        return "euler"

    def equations(self) -> list[str]:
        return [f"dm/dt = wanted{_noise(self.noise)} : 1"]


@dataclass(frozen=True)
class LeakyIntegrateAndFire(AbstractErrorNeurons):
    """tau dm/dt = current - m; where m reaches 1, a spike, and m falls by 1.

    The current is what makes the neuron fire at the rate that the error asks for, the inverse of its f-I curve:
    ``steady = 1 / (1 - exp(-1 / (wanted tau)))``. Without that, errors too small to reach the threshold would not be
    sent at all. Spikes come at the end of a step, dt/2 late on average, of which the reset gives the part
    (steady - 1) / steady back: the current makes up for the rest. The f-I curve is the one without noise. A baseline
    keeps phases different of neurons that would else forget them.
    """

    baseline: float = 20.0
    tau: float = 20.0
    """Membrane time constant, ms."""

    @property
    def method(self) -> str:
        # Brian2 has no exponential Euler with noise.
        return "euler" if self.noise else "exponential_euler"

    def __post_init__(self) -> None:
        super().__post_init__()
        _times(self, "tau")
        _positive(self, "tau")

    def equations(self) -> list[str]:
        tau = f"({self.tau!r}*ms)"
        # The least rate, a spike in some hours, is that of a neuron at its threshold.
        return [
            f"dm/dt = (current - m)/{tau}{_noise(self.noise)} : 1",
            "interval = 1/(wanted + 1e-4*Hz) : second",
            f"steady = 1/(1 - exp(-interval/{tau})) : 1",
            f"current = int(wanted > 0*Hz)/(1 - exp(-(interval - 0.5*dt/steady)/{tau})) : 1",
        ]

    def potentials(self, phases: np.ndarray) -> np.ndarray:
        if self.baseline == 0:
            return phases
        exponent = 1.0 / (self.baseline * self.tau * 1e-3)
        return np.expm1(-phases * exponent) / np.expm1(-exponent)


def _noise(amount: float) -> str:
    return f" + {amount!r}*xi*Hz**0.5" if amount else ""


class AbstractValueNeurons(ABC):
    """How value neurons send what they are at."""

    @abstractmethod
    def least(self) -> float | None:
        """The least change that is sent, as a graded spike; None where others receive the value itself."""


@dataclass(frozen=True)
class Graded(AbstractValueNeurons):
    """Others receive the value itself."""

    def least(self) -> float | None:
        return None


@dataclass(frozen=True)
class SendOnDelta(AbstractValueNeurons):
    """A graded spike, the change since the last one, wherever that is at least ``threshold``.

    Others receive the sum of all spikes, from the feedforward sweep on.
    """

    threshold: float = 0.01

    def __post_init__(self) -> None:
        _positive(self, "threshold")

    def least(self) -> float | None:
        return float(self.threshold)


@dataclass(frozen=True)
class Decoding:
    """How spikes are read, by neurons and by us.

    ``filter`` (ms) is the time constant of what a spike does behind a synapse; the errors, values and gradients that a
    run returns are means over its last ``window`` ms.
    """

    filter: float = 2.5
    window: float = 250.0

    def __post_init__(self) -> None:
        _times(self, "filter", "window")
        _positive(self, "filter", "window")


@dataclass(frozen=True)
class Spiking:
    """All of it: ``errors``, ``values`` and ``decoding``."""

    errors: AbstractErrorNeurons = IntegrateAndFire()
    values: AbstractValueNeurons = Graded()
    decoding: Decoding = Decoding()

    def __post_init__(self) -> None:
        for entry, kind in zip(fields(self), (AbstractErrorNeurons, AbstractValueNeurons, Decoding), strict=True):
            if not isinstance(getattr(self, entry.name), kind):
                raise ParameterError(
                    f"{entry.name} is {told(getattr(self, entry.name))}; needed is an object of {kind}"
                )
