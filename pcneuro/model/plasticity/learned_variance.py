"""Learned variances (Friston 2005; Bogacz 2017, section 4): precision follows the errors that there are, locally."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pcneuro.errors import ParameterError
from pcneuro.kernels.dispatch import ACTIVE, LANES, OK, ix, op_kernel
from pcneuro.model.plasticity.abstract import PREDICTION, VALUE, AbstractPlasticity, Activity, Anatomy, DriveCode
from pcneuro.ops.formula import Formula

LEAST = 1e-6
"""The least variance where no bounds are given: its precision is finite."""


@op_kernel("variance_drive")
def variance_drive(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """drive[u] += share * sum over samples of (v - prediction)^2. Reads deviations, adds to the drive."""
    lanes, active = context[LANES], context[ACTIVE]
    drive, share, deviation, units = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    for u in range(units):
        total = shared[ix(share)] * 0
        for s in range(active):
            off = buf[ix((deviation + u) * lanes + s)]
            total += off * off
        shared[ix(drive + u)] += shared[ix(share)] * total
    return OK


@dataclass(frozen=True)
class LearnedVariance(AbstractPlasticity):
    """tau dSigma/dt = mean over the batch of (v - prediction)^2 - Sigma, and precision = 1 / Sigma, unit by unit.

    It is given for a vertex, whose variances begin at 1 / precision. Bounds default to (1e-6, infinity). Parameters
    are those of ``AbstractPlasticity``.

    Examples
    --------
    >>> sorted(circuit.with_plasticity({"h": pcn.LearnedVariance(tau=1000.0)}).plasticity)
    ['h']
    """

    tau: float
    bounds: tuple[float, float] | None = (LEAST, math.inf)
    every: float | None = None
    decay: ClassVar[float] = 1.0  # type: ignore[misc]
    of_vertex: ClassVar[bool] = True
    over_samples: ClassVar[str] = "mean of "
    reads_deviations: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.bounds is None:
            object.__setattr__(self, "bounds", (LEAST, math.inf))
        super().__post_init__()
        if not self.limits[0] > 0:
            raise ParameterError(
                f"bounds of LearnedVariance are ({self.limits[0]:g}, {self.limits[1]:g}); give a least variance above 0"
            )

    def check(self, name: str, anatomy: Anatomy) -> None:
        anatomy.check_variance(name)

    def drive(self, activity: Activity, name: str) -> np.ndarray:
        return np.asarray(((activity.value[name] - activity.prediction[name]) ** 2).mean(axis=0))

    def emit(self, name: str, code: DriveCode) -> None:
        code.emit("variance_drive", code.drive, code.share, *code.deviation(name))

    @property
    def equation(self) -> Formula:
        return ("square", ("subtract", VALUE, PREDICTION))
