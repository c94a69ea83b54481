"""FastForward: the state that so many steps lead to, without them, by one graded sweep from the outputs back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import AbstractEngine, Stepped
from pcneuro.errors import ParameterError
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.quantities import flag
from pcneuro.recording.probe import Probe
from pcneuro.simulator.schedules import hops
from pcneuro.simulator.schedules.abstract import AbstractSchedule


@dataclass(frozen=True)
class FastForward(AbstractSchedule):
    """The exact state after n steps of all populations at the same time, without doing them.

    For fixed prediction, whose dynamics are linear, and one rate precision / tau in all free populations. What has come
    k hops upstream is weighted by the share of it that has come by then: P[Binomial(n, eta) >= k] after n Euler steps
    with eta = dt precision / tau. Results, records included, are those of ``Parallel``, up to rounding. The cost is one
    backward pass for a circuit in layers; where paths of several lengths lead to a population, its part of one for
    each. A run that does not start from rest costs a backward pass for every hop of the longest path.

    Parameters
    ----------
    continuous
        Give the solution of the differential equations at that time instead (Erlang weights); dt is then only the
        resolution of durations and records.

    Raises ParameterError for strict dynamics, and in ``run`` where the rates of free populations differ, or are zero.

    Examples
    --------
    >>> pcn.Simulator(circuit, schedule=pcn.FastForward()).run(1000.0, **data).time  # ms
    1000.0
    """

    continuous: bool = False
    divisible = False
    payloads = False
    separate_errors = True

    @property
    def stepped(self) -> bool:
        return not self.continuous

    def __post_init__(self) -> None:
        object.__setattr__(self, "continuous", flag("continuous", self.continuous))

    def check(self, dynamics: AbstractDynamics) -> None:
        dynamics.only_values("FastForward", "use Parallel()")
        if not dynamics.superposes:
            raise ParameterError(
                f"FastForward is defined for FixedPrediction, got {dynamics!r}, whose dynamics are not linear: use "
                "Parallel()"
            )

    def admit(self, circuit: Circuit, clamped: Collection[str]) -> None:
        free = {name: rates for name, rates in circuit.rates.items() if name not in clamped}
        for name, (low, high) in free.items():
            if low <= 0:
                raise ParameterError(
                    f"FastForward needs a leak in every free population: {name!r} has no prediction, so that "
                    "its precision is 0; clamp it, give it a prior, or use Parallel()"
                )
            first, (least, most) = next(iter(free.items()))
            if max(high, most) - min(low, least) > 1e-12 * high:
                raise ParameterError(
                    "FastForward needs one rate precision / tau in all free populations: "
                    f"{first!r} has {_range(least, most)}, {name!r} {_range(low, high)} per ms; use Parallel()"
                )

    def step(self, engine: AbstractEngine, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        free = (rates[0] for name, rates in engine.circuit.rates.items() if name not in engine.data.clamped)
        rate = next(free, 1.0)
        integrator = engine.integrator

        def shares(after: np.ndarray, most: int) -> hops.Shares:
            if self.continuous:
                return hops.poisson(after * (integrator.dt * rate), most)
            return hops.shares(integrator, tuple(after.tolist()), _leak(integrator, rate), most)

        reach = len(engine.circuit.vertices) if self.continuous else steps * len(integrator.weights)
        return engine.leap(number, steps, reach, probes, shares)


def _leak(integrator: AbstractIntegrator, rate: float) -> float:
    """What a unit of that rate (per ms) leaks in a step, as a share."""
    return float(integrator.gain(np.array(1 / rate), np.array(1.0)))


def _range(least: float, most: float) -> str:
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"
