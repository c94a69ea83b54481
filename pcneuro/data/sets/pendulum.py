"""Motions of a damped pendulum, computed when they are loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar

import numpy as np

from pcneuro.data.abstract import AbstractDataset, LoadedDataset
from pcneuro.data.parts import Trajectories, held_out
from pcneuro.errors import ParameterError

LARGEST = 2.0
"""Of a start's angle (rad) and velocity (rad/s), either way."""
RELATIVE, ABSOLUTE = 1e-10, 1e-12
"""Tolerances of the solver."""


@dataclass(frozen=True)
class Pendulum(AbstractDataset[Trajectories]):
    """A damped pendulum, from random starts: where it is after each of ``steps`` times ``step`` seconds.

        angle' = velocity        velocity' = -gravity sin(angle) - damping velocity

    A state is the angle (rad) and the velocity (rad/s); those at the start are uniform in (-2, 2). ``gravity`` is g
    over length, in 1/s^2, ``damping`` is in 1/s: the ``truth`` of the data. To what is observed after the start normal
    deviates of standard deviation ``noise`` are added. Starts and deviates are drawn from ``seed``, and so is the
    share ``test`` of the ``samples`` that is kept for testing.

    Solved by Dormand and Prince's method of eighth order (SciPy's DOP853), with a relative tolerance of 1e-10.

    Raises ParameterError for a choice that is out of range, or when it is loaded, where the solver gives up.

    Examples
    --------
    >>> motions = pcn.data.Pendulum(steps=20).load()
    >>> motions.train.states.shape[1]
    20
    """

    steps: int = 20
    step: float = 0.1
    gravity: float = 9.81
    damping: float = 0.2
    noise: float = 0.0
    samples: int = 256
    test: float = 0.2
    seed: int = 0

    name: ClassVar[str] = "pendulum"
    title: ClassVar[str] = "motions of a damped pendulum, whose constants are known"
    source: ClassVar[str] = "SciPy"
    terms: ClassVar[str] = "none: it is computed"

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("samples", 2), ("seed", 0)):
            whole = getattr(self, name)
            if not isinstance(whole, Integral) or whole < least:
                raise ParameterError(f"{name}={whole!r}: needed is a whole number, {least} or more")
        if not 0 < self.step < math.inf:
            raise ParameterError(f"step={self.step!r}: needed is a number of seconds above 0")
        for name in ("gravity", "damping", "noise"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ParameterError(f"{name}={getattr(self, name)!r}: needed is a number that is 0 or more")

    def load(self) -> LoadedDataset[Trajectories]:
        train, test = held_out(self.samples, self.test, self.seed)
        # Streams of their own: the same starts move in the same way, however they are observed.
        of_starts, of_noise = np.random.default_rng(self.seed).spawn(2)
        starts = of_starts.uniform(-LARGEST, LARGEST, (self.samples, 2))
        states = self._motion(starts)
        observed = states + self.noise * of_noise.standard_normal(states.shape)
        everything = Trajectories(starts, observed, float(self.step))
        truth = {"gravity": float(self.gravity), "damping": float(self.damping)}
        return LoadedDataset(self.name, everything.take(train), everything.take(test), truth=truth)

    def status(self) -> str:
        return "computed when it is loaded"

    def _motion(self, starts: np.ndarray) -> np.ndarray:
        """States after each step, of shape (samples, steps, 2). All samples are one system of equations."""
        from scipy.integrate import solve_ivp

        def change(_: float, state: np.ndarray) -> np.ndarray:
            angle, velocity = state.reshape(2, -1)
            return np.concatenate([velocity, -self.gravity * np.sin(angle) - self.damping * velocity])

        times = self.step * np.arange(1, self.steps + 1)
        with np.errstate(all="ignore"):  # what overflows is not solved, which the solver reports
            solved = solve_ivp(change, (0, times[-1]), starts.T.ravel(), "DOP853", times, rtol=RELATIVE, atol=ABSOLUTE)
        if not solved.success:
            raise ParameterError(
                f"gravity={self.gravity}, damping={self.damping}, {self.steps} steps of {self.step} s cannot be solved "
                f"({solved.message}): take smaller ones"
            )
        return solved.y.reshape(2, self.samples, self.steps).transpose(1, 2, 0).copy()
