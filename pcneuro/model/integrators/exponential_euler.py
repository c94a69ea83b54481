"""Exponential Euler: exact for the leak, with prediction and feedback held over a step (Hochbruck & Ostermann 2010)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pcneuro.model.integrators.abstract import AbstractIntegrator


@dataclass(frozen=True)
class ExponentialEuler(AbstractIntegrator):
    """v <- v + (1 - exp(-dt precision/tau)) / precision (drive - e). First order; the leak is stable at any dt.

    Examples
    --------
    >>> pcn.Simulator(circuit, integrator=pcn.ExponentialEuler(dt=2.0)).run(100.0, **data).time  # ms
    100.0
    """

    dt: float = 1.0
    tableau = ((0.0,),)
    weights = (1.0,)
    order = 1
    exact_leak = True
    stability = math.inf

    def scatter(self, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        # Exact for a unit that leaks; without a leak the limit is Euler's.
        leak = np.where(precision > 0, precision, 1.0)
        with_leak = np.sqrt(-np.expm1(-2 * self.dt * leak / tau) / leak)
        return np.where(precision > 0, with_leak, np.sqrt(2 * self.dt / tau))

    def gain(self, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        # Where nothing predicts a unit there is no leak, and the limit of the gain is Euler's.
        leak = np.where(precision > 0, precision, 1.0)
        return np.where(precision > 0, -np.expm1(-self.dt * leak / tau) / leak, self.dt / tau)
