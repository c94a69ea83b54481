"""Integrators: one step of tau dv/dt = drive - e, by an explicit Runge-Kutta method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pcneuro.quantities import milliseconds

INTEGRATORS: dict[str, type[AbstractIntegrator]] = {}


@dataclass(frozen=True)
class AbstractIntegrator(ABC):
    """Explicit one-step method for tau dv/dt = drive - e: v <- v + gain * sum_s b_s (drive - e)_s.

    Stage s is evaluated at v + gain * sum_{j<s} A_sj (drive - e)_j.

    Parameters
    ----------
    dt
        Time step in ms, or a quantity of time. Raises ParameterError unless it is positive and finite.
    """

    dt: float
    tableau: ClassVar[tuple[tuple[float, ...], ...]]
    """A, a row a stage."""
    weights: ClassVar[tuple[float, ...]]
    """b."""
    order: ClassVar[int]
    exact_leak: ClassVar[bool] = False
    """Whether a step is exact for the leak: its gain is (1 - exp(-dt leak/tau)) / leak, else dt/tau."""
    stability: ClassVar[float]
    """The method is stable on y' = -k y for k dt below this."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        INTEGRATORS[cls.__name__] = cls

    def __post_init__(self) -> None:
        object.__setattr__(self, "dt", milliseconds("dt", self.dt))

    def scatter(self, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        """Deviation of what one step adds to such units of white noise, tau dv = (...) dt + sqrt(2 tau) dW."""
        return np.sqrt(2 * self.dt / tau)

    def amplification(self, z: np.ndarray) -> np.ndarray:
        """What one step leaves of a unit that only leaks, at gain * precision = z: R(-z) of the tableau."""
        stages: list[np.ndarray] = []
        for row in self.tableau:
            stages.append(-(1 + z * sum(a * k for a, k in zip(row, stages, strict=False))))
        return 1 + z * sum(b * k for b, k in zip(self.weights, stages, strict=True))

    def growth(self, gains: np.ndarray) -> np.ndarray:
        """By how much one step multiplies linear systems that couple units, (..., units, units), at most in the end.

        ``gains`` are what x -> gain (drive - leak) is, as matrices. Returns their spectral radii, of shape (...).
        """
        one = np.broadcast_to(np.eye(gains.shape[-1]), gains.shape)
        stages: list[np.ndarray] = []
        for row in self.tableau:
            stages.append(gains @ (one + sum(a * k for a, k in zip(row, stages, strict=False))))
        step = one + sum(b * k for b, k in zip(self.weights, stages, strict=True))
        return np.asarray(np.abs(np.linalg.eigvals(step)).max(axis=-1))

    @abstractmethod
    def gain(self, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        """What one step multiplies (drive - e) by, for units with these time constants (ms) and precisions."""
