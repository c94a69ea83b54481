"""Homeostasis: a bias holds the mean activity of a population at a target (Turrigiano 2008)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pcneuro.kernels.dispatch import ACTIVE, LANES, OK, ix, op_kernel
from pcneuro.model.plasticity.abstract import MEAN, AbstractPlasticity, Activity, Anatomy, DriveCode
from pcneuro.ops.formula import Formula
from pcneuro.quantities import number


@op_kernel("homeostasis_drive")
def homeostasis_drive(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """drive[k] += share * sum over samples of (target - mean activity). Reads activities, adds to the drive.

    The activity is that of one row, or the sum of two.
    """
    lanes, active = context[LANES], context[ACTIVE]
    drive, entries, target, share = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    row, added, units = ints[at + 4], ints[at + 5], ints[at + 6]
    total = shared[ix(target)] * 0
    for u in range(units):
        for s in range(active):
            total += buf[ix((row + u) * lanes + s)]
            if added >= 0:
                total += buf[ix((added + u) * lanes + s)]
    change = shared[ix(share)] * (active * shared[ix(target)] - total / units)
    for k in range(entries):
        shared[ix(drive + k)] += buf.dtype.type(change)
    return OK


@dataclass(frozen=True)
class Homeostasis(AbstractPlasticity):
    """tau dtheta/dt = target - (mean over units and samples of the activity of a vertex) - decay theta, in each entry.

    ``vertex`` is whose value neurons are held at the ``target``, theta a bias of theirs. The other parameters are those
    of ``AbstractPlasticity``.

    Examples
    --------
    >>> pcn.Homeostasis("h", target=0.2, tau=1000.0).target
    0.2
    """

    vertex: str
    target: float
    tau: float
    decay: float = 0.0
    bounds: tuple[float, float] | None = None
    every: float | None = None
    reads_deviations: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_name("vertex")
        object.__setattr__(self, "target", number("target of Homeostasis", self.target))

    def check(self, name: str, anatomy: Anatomy) -> None:
        anatomy.vertex(f"vertex of the Homeostasis of {name!r}", self.vertex)

    def drive(self, activity: Activity, name: str) -> np.ndarray:
        values = activity.value[activity.anatomy.vertex("vertex", self.vertex)]
        return np.full(activity.parameters[name].shape, self.target - values.mean(), dtype=values.dtype)

    def emit(self, name: str, code: DriveCode) -> None:
        vertex = code.anatomy.vertex("vertex", self.vertex)
        _, entries = code.parameter(name)
        target = code.constant(self.target)
        code.emit("homeostasis_drive", code.drive, entries, target, code.share, *code.activity(vertex))

    @property
    def equation(self) -> Formula:
        return ("subtract", float(self.target), MEAN)

    def mean_of(self) -> str:
        return self.vertex
