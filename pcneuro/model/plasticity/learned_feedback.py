"""Learned feedback (Kolen & Pollack 1994): weights of the way back learn what those of the way forward do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pcneuro.model.plasticity.abstract import DESCENT, AbstractPlasticity, Activity, Anatomy
from pcneuro.ops.formula import Formula


@dataclass(frozen=True)
class LearnedFeedback(AbstractPlasticity):
    """tau dB/dt = -dL/dW - decay B: the same error and activity change B, of ``pcn.ops.project(x, W, feedback=B)``.

    ``weights`` is the name of W. Where W has ``Hebbian`` with the same settings, W - B decays as exp(-decay t / tau),
    whatever the data. The other parameters are those of ``AbstractPlasticity``.

    Examples
    --------
    >>> pcn.LearnedFeedback(weights="W2", tau=1000.0).weights
    'W2'
    """

    weights: str
    tau: float
    decay: float = 0.0
    bounds: tuple[float, float] | None = None
    every: float | None = None
    hebbian: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_name("weights")

    def follows(self, name: str) -> str:
        return self.weights

    def check(self, name: str, anatomy: Anatomy) -> None:
        anatomy.check_like(name, self.weights)

    def drive(self, activity: Activity, name: str) -> np.ndarray:
        return activity.hebbian(self.weights)

    @property
    def equation(self) -> Formula:
        return DESCENT
