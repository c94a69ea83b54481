"""Bernoulli: the prediction holds logits, the target probabilities or bits."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.dispatch import LANES, OK, ix, op_kernel
from pcneuro.kernels.elementwise import apply_one
from pcneuro.model.energies.abstract import AbstractEnergy
from pcneuro.ops.base import AbstractUnits, Units


@op_kernel("bernoulli_error")
def bernoulli_error(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """e = precision (target - 1/(1 + exp(-prediction))). Reads value and prediction, writes error."""
    lanes = context[LANES]
    value, prediction, error, precision, n = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    apply_one("sigmoid", buf, error * lanes, prediction * lanes, n * lanes)
    for u in range(n):
        for i in range(lanes):
            p = buf[ix((error + u) * lanes + i)]
            buf[ix((error + u) * lanes + i)] = shared[ix(precision + u)] * (buf[ix((value + u) * lanes + i)] - p)
    return OK


class Bernoulli(AbstractEnergy):
    """E = sum_u precision_u (log(1 + exp(prediction_u)) - target_u prediction_u), for targets in [0, 1]."""

    kind = "bernoulli"
    kernel = "bernoulli_error"

    def value(self, target: np.ndarray, prediction: np.ndarray, precision: np.ndarray) -> np.ndarray:
        each = precision * (np.logaddexp(0, prediction) - target * prediction)
        return each.reshape(len(prediction), -1).sum(axis=1)

    def error(self, target: np.ndarray, prediction: np.ndarray, precision: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return precision * (target - 1 / (1 + np.exp(-prediction)))

    def check(self, target: np.ndarray, precision: np.ndarray) -> str | None:
        if target.size and (target.min() < 0 or target.max() > 1):
            return f"Bernoulli needs targets in [0, 1], got values from {target.min():g} to {target.max():g}"
        return None

    def equation(self) -> str:
        return "precision*(v - 1/(1 + exp(-prediction)))"

    def mean(self, make: AbstractUnits, prediction: Units, shape: tuple[int, ...]) -> Units:
        return make.function(("sigmoid", "x"), {"x": prediction}, {})
