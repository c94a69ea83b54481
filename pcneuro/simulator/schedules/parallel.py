"""Parallel: all populations step at the same time (Jacobi), as parallel neurons do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import AbstractEngine, Stepped
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.recording.probe import Probe
from pcneuro.simulator.schedules.abstract import AbstractSchedule


class Parallel(AbstractSchedule):
    """Every population does every step, all from the same state.

    Examples
    --------
    >>> pcn.Simulator(circuit, schedule=pcn.Parallel()).run(100.0, **data).status
    <Status.COMPLETED: 'completed'>
    """

    divisible = True
    settles = True
    delays = True
    noise = True
    currents = True
    perturbed = True
    plasticity = True

    def check(self, dynamics: AbstractDynamics) -> None:
        """Defined for all dynamics."""

    def admit(self, circuit: Circuit, clamped: Collection[str]) -> None:
        """Defined for all circuits."""

    def step(self, engine: AbstractEngine, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        return engine.step(number, steps, probes)
