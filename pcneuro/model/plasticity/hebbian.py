"""Hebbian plasticity: postsynaptic error times presynaptic activity (Millidge, Tschantz & Buckley 2020, equation 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pcneuro.model.plasticity.abstract import DESCENT, AbstractPlasticity, Activity
from pcneuro.ops.formula import Formula


@dataclass(frozen=True)
class Hebbian(AbstractPlasticity):
    """tau dtheta/dt = -dL/dtheta - decay theta, with what the error neurons hold for dL/dtheta, summed over the batch.

    Where a prediction is linear in theta it is the error behind a synapse times the activity before it. One change of
    ``every`` ms is a step of ``SGD(every / tau)``; ``every`` = dt is incremental predictive coding (Salvatori et al.
    2023). Parameters are those of ``AbstractPlasticity``.

    Examples
    --------
    >>> learns = circuit.with_plasticity({"W2": pcn.Hebbian(tau=1000.0)})
    >>> result = pcn.Simulator(learns).run(200.0, **data)
    >>> sorted(learns.plasticity)
    ['W2']
    """

    tau: float
    decay: float = 0.0
    bounds: tuple[float, float] | None = None
    every: float | None = None
    hebbian: ClassVar[bool] = True

    def drive(self, activity: Activity, name: str) -> np.ndarray:
        return activity.hebbian(name)

    @property
    def equation(self) -> Formula:
        return DESCENT
