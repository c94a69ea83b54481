"""Sequential: one population after the other, outputs first, as Millidge et al. (2020) do for RNN and LSTM."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import AbstractEngine, Stepped
from pcneuro.errors import ParameterError
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.recording.probe import Probe
from pcneuro.simulator.schedules.abstract import AbstractSchedule


class Sequential(AbstractSchedule):
    """A population relaxes for all its steps once those downstream of it have done theirs; then the next.

    Defined for fixed prediction, where what comes from downstream is then constant. A run is one pass: two runs in a
    row are two passes, each from where the last one left every population. Time is that of each population's own clock.

    Examples
    --------
    >>> pcn.Simulator(circuit, schedule=pcn.Sequential()).run(100.0, **data).status
    <Status.COMPLETED: 'completed'>
    """

    divisible = False
    together = False

    def check(self, dynamics: AbstractDynamics) -> None:
        dynamics.only_values("Sequential settling", "use Parallel()")
        if not dynamics.superposes:
            raise ParameterError(
                f"Sequential settling is defined for FixedPrediction, got {dynamics!r}: predictions that follow the "
                "neurons couple all populations at all times"
            )

    def admit(self, circuit: Circuit, clamped: Collection[str]) -> None:
        """Defined for all circuits."""

    def step(self, engine: AbstractEngine, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        return engine.settle(number, steps, probes)
