"""Oja's rule (Oja 1982): Hebbian growth that is normalised by the postsynaptic activity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pcneuro.kernels.dispatch import ACTIVE, LANES, OK, ix, op_kernel
from pcneuro.model.plasticity.abstract import LEARNED, POST, PRE, AbstractPlasticity, Activity, Anatomy, DriveCode
from pcneuro.ops.formula import Formula


@op_kernel("oja_drive")
def oja_drive(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """drive[i, j] += sum over samples of post_j (pre_i - post_j W_ij). Reads activities and W, adds to the drive.

    The activity behind is that of one row, or the sum of two.
    """
    lanes, active = context[LANES], context[ACTIVE]
    drive, weights, pre, before = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    post, added, behind = ints[at + 4], ints[at + 5], ints[at + 6]
    for i in range(before):
        for j in range(behind):
            weight = shared[ix(weights + i * behind + j)]
            total = weight * 0
            for s in range(active):
                y = buf[ix((post + j) * lanes + s)]
                if added >= 0:
                    y += buf[ix((added + j) * lanes + s)]
                total += y * (buf[ix((pre + i) * lanes + s)] - y * weight)
            shared[ix(drive + i * behind + j)] += total
    return OK


@dataclass(frozen=True)
class Oja(AbstractPlasticity):
    """tau dW/dt = sum over the batch of post (pre - post W) - decay W, for W of one dense product x @ W.

    ``pre`` is the activity x, ``post`` that of the value neurons whose prediction the product enters. Parameters are
    those of ``AbstractPlasticity``.

    Examples
    --------
    >>> sorted(circuit.with_plasticity({"W2": pcn.Oja(tau=1000.0)}).plasticity)
    ['W2']
    """

    tau: float
    decay: float = 0.0
    bounds: tuple[float, float] | None = None
    every: float | None = None
    over_samples: ClassVar[str] = "sum of "
    reads_deviations: ClassVar[bool] = True

    def check(self, name: str, anatomy: Anatomy) -> None:
        anatomy.product(name)

    def drive(self, activity: Activity, name: str) -> np.ndarray:
        product, weights = activity.anatomy.product(name), activity.parameters[name]
        samples = len(activity.value[product.post])
        pre = np.broadcast_to(activity.presynaptic[product.pre], (samples, weights.shape[0]))
        post = activity.value[product.post].reshape(samples, -1)
        return pre.T @ post - weights * (post**2).sum(axis=0)

    def emit(self, name: str, code: DriveCode) -> None:
        product = code.anatomy.product(name)
        code.emit(
            "oja_drive",
            code.drive,
            code.parameter(name)[0],
            *code.presynaptic(product.pre),
            *code.activity(product.post),
        )

    @property
    def equation(self) -> Formula:
        return ("multiply", POST, ("subtract", PRE, ("multiply", POST, LEARNED)))
