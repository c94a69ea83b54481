"""The engines that users choose from, and their settings: ``Kernel``, ``EventDriven``, ``Reference``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import refuse_cycles
from pcneuro.circuit.noise import refuse_noise
from pcneuro.engines.abstract import AbstractEngine, Engine
from pcneuro.engines.cycles import check_cycles
from pcneuro.engines.events.abstract_mode import AbstractMode
from pcneuro.engines.events.engine import EventEngine
from pcneuro.engines.events.modes import TimeBinned
from pcneuro.engines.events.thresholds import DEFAULT, Absolute, Thresholds, by_vertex, checked_thresholds
from pcneuro.engines.events.zero_threshold import ZeroThresholdEngine
from pcneuro.engines.kernel.engine import KernelEngine
from pcneuro.engines.reference.delayed import DelayedReference
from pcneuro.engines.reference.engine import ReferenceEngine
from pcneuro.errors import ParameterError, told
from pcneuro.model.delays import check_stages
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.quantities import SHARE, number, whole

BINS = TimeBinned()
_DELAYED = "a circuit with conduction delays", "leave out the delays, by circuit.with_delays(0.0)"
"""For messages: who has no plasticity, and what to do."""


def _set_threads(engine: Kernel | EventDriven) -> None:
    if engine.threads is not None:
        object.__setattr__(engine, "threads", whole("threads", engine.threads, 1))


@dataclass(frozen=True)
class Kernel(Engine):
    """The compiled engine.

    Parameters
    ----------
    threads
        Number of threads, by default one for each processor; results do not depend on it.
    tolerance
        What a population sends is read again where it has changed since it was read last: at all (0, the default, which
        changes no bit of any result), or by more than this share of the largest there has been in its block of samples:
        for value neurons of that population, for error neurons of all. A wave of errors then ends where it is that
        much smaller. Reading a state brings it up to date, so that with a tolerance a run in pieces, read in between,
        may differ from one in one piece, by about the tolerance.

    Raises ParameterError for values out of range.

    Examples
    --------
    >>> pcn.Simulator(circuit, engine=pcn.Kernel(threads=1)).run(100.0, **data).status
    <Status.COMPLETED: 'completed'>
    """

    threads: int | None = None
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        _set_threads(self)
        object.__setattr__(self, "tolerance", number("tolerance", self.tolerance, SHARE))

    def in_one_thread(self) -> Self:
        return replace(self, threads=self.threads or 1)

    def make(
        self, circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, dtype: np.dtype
    ) -> AbstractEngine:
        check_cycles(circuit, dynamics, integrator)
        if circuit.delayed:
            return self._delayed(circuit, dynamics, integrator, dtype)
        if self.tolerance:
            circuit.only_fixed_messages("Kernel(tolerance=)")
            circuit.only_fixed_weights("Kernel(tolerance=)", "leave the tolerance out")
        return KernelEngine(circuit, dynamics, integrator, dtype, type(self).__name__, self.threads, self.tolerance)

    def _delayed(
        self, circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, dtype: np.dtype
    ) -> AbstractEngine:
        """Bins in which every change is sent are steps, and events take delays."""

        if self.tolerance:
            raise ParameterError("Kernel(tolerance=) is not for circuits with conduction delays: leave it out")
        check_stages(integrator)
        dynamics.only_values("a circuit with conduction delays")
        refuse_noise(circuit, "Kernel() with conduction delays", "use Reference()")
        circuit.only_fixed_weights(*_DELAYED)
        circuit.only_fixed_messages("Kernel with conduction delays")
        nothing, mode = Absolute(0.0), TimeBinned()
        return EventEngine(
            circuit,
            dynamics,
            integrator,
            dtype,
            type(self).__name__,
            nothing,
            mode,
            threads=self.threads,
            label="kernel",
        )


@dataclass(frozen=True, eq=False)
class EventDriven(Engine):
    """Neurons send changes of their activity as events.

    Parameters
    ----------
    threshold
        Change from which on an error is sent: a share of the root mean square of its population's errors at the
        equilibrium of fixed prediction (a number, or ``Share``), ``Absolute`` values, or a dict of these by vertex. 0
        sends whatever changes.
    mode
        ``TimeBinned()`` (default) or ``Exact()``.
    values
        The same for value neurons, which send under strict dynamics only; shares are of the root mean square of how far
        values are from their predictions at that equilibrium. By default as ``threshold``, absolute values divided by
        the precision.
    threads
        Number of threads, by default one for each processor; no event depends on it.

    Raises ParameterError for what is no threshold, mode or number of threads.

    Examples
    --------
    >>> engine = pcn.EventDriven(threshold=pcn.Share(0.01))
    >>> result = pcn.Simulator(circuit, engine=engine).run(300.0, **data, events=pcn.RecordEvents())
    >>> sorted(pcn.events_per_neuron(result.events))
    ['h.error', 'h.value', 'out.error', 'out.value', 'x.value']
    """

    threshold: Thresholds = DEFAULT
    mode: AbstractMode = BINS
    values: Thresholds | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.mode, AbstractMode):
            raise ParameterError(f"mode is {told(self.mode)}; give TimeBinned() or Exact()")
        _set_threads(self)
        object.__setattr__(self, "threshold", checked_thresholds("threshold", self.threshold))
        if self.values is not None:
            object.__setattr__(self, "values", checked_thresholds("threshold of values", self.values))

    def in_one_thread(self) -> Self:
        return replace(self, threads=self.threads or 1)

    def make(
        self, circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, dtype: np.dtype
    ) -> AbstractEngine:
        check_cycles(circuit, dynamics, integrator)
        self.mode.check(dynamics, integrator)
        dynamics.only_values("EventDriven")
        refuse_noise(circuit, "EventDriven")
        circuit.only_fixed_messages("EventDriven")
        if self.mode.lines:
            circuit.only_whole_errors("Exact(order=2)", "use Exact() or TimeBinned()")
        errors = [v for v in circuit.vertices if circuit.has_prediction(v)]
        thresholds = [*by_vertex(self.threshold, dict.fromkeys(errors)).values()]
        if self.values is not None:
            thresholds += by_vertex(self.values, dict.fromkeys(circuit.vertices)).values()
        every = self.mode.binned and not circuit.delayed and not circuit.payloads
        if every and all(threshold.zero for threshold in thresholds):
            made: type[ZeroThresholdEngine | EventEngine] = ZeroThresholdEngine
            if dynamics.holds_predictions:
                circuit.only_fixed_weights(f"EventDriven under {dynamics!r}", "use Strict(), or Kernel()")
        else:
            made = EventEngine
            refuse_cycles(
                circuit.graph,
                "what EventDriven runs with thresholds, or at exact times,",
                "use EventDriven(threshold=0.0) or Kernel()",
            )
            circuit.only_fixed_weights(
                f"EventDriven with {'delays' if circuit.delayed else 'thresholds, or Exact,'}",
                "use Kernel(), or TimeBinned() with zero thresholds",
            )
        name = type(self).__name__
        return made(circuit, dynamics, integrator, dtype, name, self.threshold, self.mode, self.values, self.threads)


@dataclass(frozen=True)
class Reference(Engine):
    """Slow and obvious; the oracle of the other engines.

    Examples
    --------
    >>> pcn.Simulator(circuit, engine=pcn.Reference()).run(20.0, **data).status
    <Status.COMPLETED: 'completed'>
    """

    def make(
        self, circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, dtype: np.dtype
    ) -> ReferenceEngine:
        check_cycles(circuit, dynamics, integrator)
        if circuit.delayed:
            dynamics.only_values("a circuit with conduction delays")
            circuit.only_fixed_weights(*_DELAYED)
            circuit.only_fixed_messages("Reference with conduction delays")
        made = DelayedReference if circuit.delayed else ReferenceEngine
        return made(circuit, dynamics, integrator, dtype, type(self).__name__)
