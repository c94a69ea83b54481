"""An activity that is assumed: every axon sends at a rate, where no run says how often it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

from pcneuro.errors import ParameterError, told
from pcneuro.mapping.activity import assumed
from pcneuro.mapping.axons import Axons
from pcneuro.mapping.traffic import Traffic
from pcneuro.quantities import NOT_NEGATIVE, POSITIVE, milliseconds, number


@final
@dataclass(frozen=True)
class AssumedRate:
    """An activity that is assumed and not run: so many events of each axon, in a sample of so many steps.

    Parameters
    ----------
    rate
        Events a step or, with ``dt``, events a second: a number for all, or a dict by population (``"h1.error"``);
        those left out are silent.
    steps
        Steps of a sample.
    dt
        Length of a step in ms, for rates in Hz; None for rates in events a step.

    Raises ParameterError for numbers that are negative, not finite, or none.

    Examples
    --------
    >>> pcn.mapping.AssumedRate(0.1, steps=100).rate  # events of each axon a step
    0.1
    """

    rate: float | Mapping[str, float]
    steps: float
    dt: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.rate, Mapping):
            for name in self.rate:
                if not isinstance(name, str):
                    raise ParameterError(f"rate has the key {told(name)}; give names of populations, as 'h1.error'")
            rates = {name: number(f"rate of {name!r}", rate, NOT_NEGATIVE) for name, rate in self.rate.items()}
            object.__setattr__(self, "rate", rates)
        else:
            object.__setattr__(self, "rate", number("rate", self.rate, NOT_NEGATIVE))
        object.__setattr__(self, "steps", number("steps", self.steps, POSITIVE))
        if self.dt is not None:
            object.__setattr__(self, "dt", milliseconds("dt", self.dt))

    def traffic(self, axons: Axons) -> Traffic:
        """What these axons send. Raises UnknownNameError for a population that there is not."""
        traffic = assumed(axons, self.rate, steps=self.steps, dt=self.dt)
        return replace(traffic, given=f"pcn.mapping.{self!r}")
