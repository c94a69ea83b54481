"""Ornstein-Uhlenbeck noise: a drive that forgets itself (Uhlenbeck & Ornstein 1930)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.model.noise.abstract import AbstractNoise, Stirring
from pcneuro.quantities import in_ms


@dataclass(frozen=True, eq=False, repr=False)
class OrnsteinUhlenbeck(AbstractNoise):
    """tau dv/dt = (...) + eta, with tau_n deta = -eta dt + sigma sqrt(2 tau_n) dW: sigma is eta's stationary deviation.

    A step is exact for eta at any dt: eta <- a eta + sigma sqrt(1 - a^2) z with a = exp(-dt / tau_n), z normal numbers;
    eta is then a drive of that step. It begins at zero, and goes on where data change or neurons restart. Under
    ``RungeKutta4`` it acts at the end of the step.

    Parameters
    ----------
    sigma
        Deviation of eta: a number, or an array of the vertex's shape, not negative.
    tau
        Its time constant tau_n in ms, likewise, positive.

    Examples
    --------
    >>> noisy = pcn.build_circuit(graph, noise={"h.value": pcn.OrnsteinUhlenbeck(sigma=0.1, tau=5.0)})
    >>> sorted(noisy.noise)
    ['h.value']
    """

    tau: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("tau", in_ms(f"tau of {type(self).__name__}", self.tau), zero=False)

    @property
    def persists(self) -> bool:
        return True

    def stirring(self, dt: float, white: np.ndarray, drive: np.ndarray) -> Stirring:
        tau, sigma = (np.broadcast_to(value, drive.shape) for value in (self.tau, self.sigma))
        return Stirring(np.exp(-dt / tau), sigma * np.sqrt(-np.expm1(-2 * dt / tau)), drive)

    def equations(self, tau: str, number: str) -> tuple[str, list[str]]:
        line = f"deta_{number}/dt = -eta_{number}/tau_{number} + sigma_{number}*sqrt(2/tau_{number})*xi_{number} : 1"
        constants = [f"sigma_{number} : 1 (constant)", f"tau_{number} : second (constant)"]
        return f"eta_{number}/{tau}", [line, *constants]
