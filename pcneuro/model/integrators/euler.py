"""Euler's method; with dt/tau = eta it is the update of Millidge et al. (2020), Algorithm 1, at inference rate eta."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.model.integrators.abstract import AbstractIntegrator


@dataclass(frozen=True)
class Euler(AbstractIntegrator):
    """v <- v + dt/tau (drive - e). First order; stable while dt precision / tau < 2.

    Examples
    --------
    >>> pcn.Euler(dt=0.5).dt  # ms
    0.5
    """

    dt: float = 1.0
    tableau = ((0.0,),)
    weights = (1.0,)
    order = 1
    stability = 2.0

    def gain(self, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        return self.dt / tau
