"""Softmax cross-entropy: the prediction holds logits, the target a distribution over classes (one-hot, as a rule)."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.dispatch import LANES, OK, ix, op_kernel
from pcneuro.kernels.elementwise import apply_one
from pcneuro.model.energies.abstract import AbstractEnergy
from pcneuro.ops.base import AbstractUnits, Units
from pcneuro.ops.softmaxes import Softmax


@op_kernel("softmax_cross_entropy_error")
def softmax_cross_entropy_error(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """e = precision (target - softmax(prediction)) over rows of n classes. Reads value and prediction, writes error."""
    lanes = context[LANES]
    value, prediction, error, precision = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    units, n = ints[at + 4], ints[at + 5]
    for first in range(0, units, n):
        for i in range(lanes):
            top = buf[ix((prediction + first) * lanes + i)]
            for u in range(first + 1, first + n):
                x = buf[ix((prediction + u) * lanes + i)]
                if not x <= top:
                    top = x
            for u in range(first, first + n):
                buf[ix((error + u) * lanes + i)] = buf[ix((prediction + u) * lanes + i)] - top
    apply_one("exp", buf, error * lanes, error * lanes, units * lanes)
    for first in range(0, units, n):
        for i in range(lanes):
            total = buf[ix((error + first) * lanes + i)] * 0
            for u in range(first, first + n):
                total += buf[ix((error + u) * lanes + i)]
            for u in range(first, first + n):
                p = buf[ix((error + u) * lanes + i)] / total
                buf[ix((error + u) * lanes + i)] = shared[ix(precision + u)] * (buf[ix((value + u) * lanes + i)] - p)
    return OK


class SoftmaxCrossEntropy(AbstractEnergy):
    """E = -precision sum_c target_c log softmax(prediction)_c over the last axis, for targets that sum to 1 over it."""

    kind = "softmax_cross_entropy"
    kernel = "softmax_cross_entropy_error"

    def value(self, target: np.ndarray, prediction: np.ndarray, precision: np.ndarray) -> np.ndarray:
        shifted = prediction - prediction.max(axis=-1, keepdims=True)
        logarithm = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        # A class that is ruled out, of logit minus infinity, adds nothing where it is no target.
        costs = np.where(target == 0, 0.0, precision * target * logarithm)
        return -costs.reshape(len(prediction), -1).sum(axis=1)

    def error(self, target: np.ndarray, prediction: np.ndarray, precision: np.ndarray) -> np.ndarray:
        shifted = np.exp(prediction - prediction.max(axis=-1, keepdims=True))
        return precision * (target - shifted / shifted.sum(axis=-1, keepdims=True))

    def check(self, target: np.ndarray, precision: np.ndarray) -> str | None:
        if not target.ndim > 1:
            return "SoftmaxCrossEntropy needs an output with an axis of classes, got a single number"
        if precision.size and np.ptp(precision) != 0:
            return "SoftmaxCrossEntropy needs one precision for all classes of a vertex"
        if target.size and (target.min() < 0 or abs(target.sum(axis=-1) - 1).max() > 1e-4):
            return (
                "SoftmaxCrossEntropy needs targets that are not negative and sum to 1 over the last axis (one-hot "
                f"rows), got sums from {target.sum(axis=-1).min():g} to {target.sum(axis=-1).max():g}"
            )
        return None

    def equation(self) -> str:
        return "precision*(v - exp(prediction)/total_exp_prediction)"

    def mean(self, make: AbstractUnits, prediction: Units, shape: tuple[int, ...]) -> Units:
        return Softmax(len(shape) - 1).units(make, shape, [shape], [prediction])
