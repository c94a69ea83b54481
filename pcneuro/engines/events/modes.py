"""How time goes on in the event-driven engine: in bins, or from event to event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.engines.events.abstract_mode import AbstractMode, Seen
from pcneuro.engines.events.state import Sample
from pcneuro.errors import ParameterError
from pcneuro.kernels.events.arrays import BLOCK, DONE, NOT_FINITE
from pcneuro.kernels.events.bins import advance_bins, exchange_events
from pcneuro.kernels.events.exact import advance_exact, schedule_all
from pcneuro.kernels.events.units import advance_sleeping, refresh_all, wake
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.quantities import flag, whole

if TYPE_CHECKING:
    from pcneuro.engines.events.senders import Sending

LEAST_STEPS = 4
"""Thresholds at exact times are so many units in the last place of the population's largest error, or more."""


@dataclass(frozen=True, repr=False)
class TimeBinned(AbstractMode):
    """Bins of dt: within each, events first, then a step of all units that are awake.

    Units sleep and wake in blocks of 32 neighbours: those of which none has anything more to send unless it receives
    something are not stepped, and have a closed form.

    ``cumulative``: what was not sent adds up over bins, and is sent, too, where that sum passes the threshold, so that
    small differences that stay are sent in the end (as in the cumulative errors of Lava's ``Delta`` neurons).

    Examples
    --------
    >>> pcn.EventDriven(mode=pcn.TimeBinned(cumulative=True)).mode.cumulative
    True
    """

    cumulative: bool = False
    binned = True
    kernels = advance_bins, exchange_events, advance_sleeping, wake

    def __post_init__(self) -> None:
        object.__setattr__(self, "cumulative", flag("cumulative", self.cumulative))

    def check(self, dynamics: AbstractDynamics, integrator: AbstractIntegrator) -> None:
        if len(integrator.weights) > 1:
            raise ParameterError(
                f"{type(integrator).__name__} has several stages, and a bin sends once: use Euler or ExponentialEuler"
            )

    def gain(self, integrator: AbstractIntegrator, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        return integrator.gain(tau, precision)

    def least_message(self, quantum: np.ndarray) -> np.ndarray:
        # Of exactly half a quantum, nothing is as near as one.
        return np.where(quantum > 0, np.nextafter(quantum / 2, quantum), quantum)

    def admit(self, sending: Sending) -> None:
        """All that there are."""

    def time(self, number: int, dt: float) -> float:
        return float(number)

    def prepare(self, sample: Sample, now: float) -> None:
        """All units are awake."""

    def inject(self, sample: Sample, change: np.ndarray, now: float) -> None:
        for block in np.unique(np.flatnonzero(change) // BLOCK):
            wake(sample.network, sample.state, int(block), now)
        sample["received"][:] += change.astype(sample.dtype)

    def advance(self, sample: Sample, number: int, end: int, dt: float) -> tuple[int, int]:
        done, why = advance_bins(number, end - number, sample.network, sample.state, self.cumulative)
        return number + done, why

    def seen(self, sample: Sample, number: int, dt: float) -> Seen:
        # What the bin brings before its units are stepped, as clocked engines have errors of the present values.
        copy = sample.copied()
        exchange_events(number, copy.network, copy.state, self.cumulative)
        advance_sleeping(copy.network, copy.state, number)
        return Seen(copy, copy["x"], copy["predicted"], copy["sent_value"], copy["received"])


@dataclass(frozen=True, repr=False)
class Exact(AbstractMode):
    """No time step: the next event is computed. dt says only where it is looked at.

    ``order``: 1, events carry a change of value, which holds until the next; 2, for fixed prediction, they carry a
    change of value and one of slope, and receivers extrapolate, so that far fewer are needed where thresholds are small
    (about the square root of their number).

    Examples
    --------
    >>> pcn.EventDriven(mode=pcn.Exact(order=2)).mode.order
    2
    """

    order: int = 1
    binned = False
    kernels = schedule_all, advance_exact, refresh_all

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", whole("order", self.order, 1, 2))

    @property
    def lines(self) -> bool:  # type: ignore[override]
        return self.order == 2

    def check(self, dynamics: AbstractDynamics, integrator: AbstractIntegrator) -> None:
        if self.lines and not dynamics.superposes:
            raise ParameterError(
                f"Exact(order=2) extrapolates lines, which {type(dynamics).__name__} bends: use Exact() or "
                "FixedPrediction"
            )

    def gain(self, integrator: AbstractIntegrator, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        return 1.0 / tau

    def least_message(self, quantum: np.ndarray) -> np.ndarray:
        # Whoever has sent is then at zero, and as far as can be from sending it back.
        return quantum

    def admit(self, sending: Sending) -> None:
        if (sending.limits <= 0).any():
            raise ParameterError("a threshold of 0 is crossed at all times: Exact() needs thresholds above 0")
        for name, part in sending.slices.items():
            # Below, an error and what it was sent as cannot be told apart, and it would be sent again and again.
            largest = float(np.abs(sending.equilibria.get(name, 0.0)).max(initial=0.0))
            least = LEAST_STEPS * float(np.finfo(sending.threshold.dtype).eps) * largest
            sent = sending.threshold[part][sending.topology.entry[part] >= 0]
            if sent.size and sent.min() < least:
                raise ParameterError(
                    f"threshold {sent.min():.3g} of {name!r} is below what {sending.threshold.dtype.name} resolves of "
                    f"its errors, which are up to {largest:.3g}: Exact() needs {least:.2g} or more"
                )

    def time(self, number: int, dt: float) -> float:
        return number * dt

    def prepare(self, sample: Sample, now: float) -> None:
        schedule_all(sample.network, sample.state, now)

    def inject(self, sample: Sample, change: np.ndarray, now: float) -> None:
        refresh_all(sample.network, sample.state, now)
        sample["received"][:] += change.astype(sample.dtype)
        schedule_all(sample.network, sample.state, now)

    def advance(self, sample: Sample, number: int, end: int, dt: float) -> tuple[int, int]:
        why = advance_exact(end * dt, sample.network, sample.state)
        if why == DONE and not (np.isfinite(sample["x"]).all() and np.isfinite(sample["predicted"]).all()):
            return end - 1, NOT_FINITE
        return (end if why == DONE else number), why

    def seen(self, sample: Sample, number: int, dt: float) -> Seen:
        # A look ahead, of which nothing stays: copying the whole state would copy what is under way, too.
        kept = {name: sample[name].copy() for name in ("x", "received", "at")}
        refresh_all(sample.network, sample.state, number * dt)
        seen = Seen(sample, sample["x"].copy(), sample["predicted"], sample["sent_value"], sample["received"].copy())
        for name, array in kept.items():
            sample[name][:] = array
        return seen
