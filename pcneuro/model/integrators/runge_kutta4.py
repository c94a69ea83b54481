"""The classical Runge-Kutta method (Kutta 1901)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.model.integrators.abstract import AbstractIntegrator


@dataclass(frozen=True)
class RungeKutta4(AbstractIntegrator):
    """Four stages, fourth order; stable while dt precision / tau < 2.785.

    Examples
    --------
    >>> pcn.Simulator(circuit, integrator=pcn.RungeKutta4(dt=2.0)).run(100.0, **data).time  # ms
    100.0
    """

    dt: float = 1.0
    tableau = ((0.0, 0.0, 0.0, 0.0), (0.5, 0.0, 0.0, 0.0), (0.0, 0.5, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0))
    weights = (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    order = 4
    stability = 2.785293563405282

    def gain(self, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        return self.dt / tau
