"""Settings of the event-driven engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines.abstract import AbstractEngine, Engine
from pcneuro.engines.events.engine import EventEngine
from pcneuro.engines.events.modes import AbstractMode, TimeBinned
from pcneuro.engines.events.thresholds import DEFAULT, Thresholds, by_vertex
from pcneuro.engines.events.zero_threshold import UnheldEngine
from pcneuro.errors import ParameterError, told
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator

BINS = TimeBinned()


@dataclass(frozen=True, eq=False)
class EventDriven(Engine):
    """What neurons have to say is sent as events.

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
    """

    threshold: Thresholds = DEFAULT
    mode: AbstractMode = BINS
    values: Thresholds | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.mode, AbstractMode):
            raise ParameterError(f"mode is {told(self.mode)}; give TimeBinned() or Exact()")
        whole = isinstance(self.threads, Integral) and not isinstance(self.threads, bool)
        if self.threads is not None and (not whole or self.threads < 1):
            raise ParameterError(f"threads={self.threads!r}: give a whole number from 1 on, or None for all processors")
        for given in (self.threshold, self.values):
            if given is not None:
                by_vertex(given, given if isinstance(given, Mapping) else {})

    def make(
        self, circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, dtype: np.dtype
    ) -> AbstractEngine:
        self.mode.check(dynamics, integrator)
        errors = [v for v in circuit.vertices if circuit.has_prediction(v)]
        given = [*by_vertex(self.threshold, dict.fromkeys(errors)).values()]
        if self.values is not None:
            given += by_vertex(self.values, dict.fromkeys(circuit.vertices)).values()
        if self.mode.binned and not circuit.delayed and all(threshold.zero for threshold in given):
            return UnheldEngine(circuit, dynamics, integrator, dtype, self)
        return EventEngine(
            circuit, dynamics, integrator, dtype, self, self.threshold, self.mode, self.values, self.threads
        )
