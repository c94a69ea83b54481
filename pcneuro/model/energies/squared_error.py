"""Squared error: E = 1/2 sum precision (target - prediction)^2."""

from __future__ import annotations

import numpy as np

from pcneuro.model.energies.abstract import AbstractEnergy
from pcneuro.ops.base import AbstractUnits, Units


class SquaredError(AbstractEnergy):
    """E = 1/2 sum_u precision_u (target_u - prediction_u)^2, so e = precision * (target - prediction)."""

    kind = "squared_error"

    def value(self, target: np.ndarray, prediction: np.ndarray, precision: np.ndarray) -> np.ndarray:
        return 0.5 * (precision * (target - prediction) ** 2).reshape(len(prediction), -1).sum(axis=1)

    def error(self, target: np.ndarray, prediction: np.ndarray, precision: np.ndarray) -> np.ndarray:
        return precision * (target - prediction)

    def check(self, target: np.ndarray, precision: np.ndarray) -> str | None:
        return None

    def equation(self) -> str:
        return "precision*(v - prediction)"

    def mean(self, make: AbstractUnits, prediction: Units, shape: tuple[int, ...]) -> Units:
        return prediction
