"""The delta rule (Widrow & Hoff 1960): activity before a synapse times how far a population is from its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels.dispatch import ACTIVE, LANES, OK, ix, op_kernel
from pcneuro.model.plasticity.abstract import NAMED, PRE, AbstractPlasticity, Activity, Anatomy, DriveCode
from pcneuro.ops.formula import Formula
from pcneuro.quantities import number


@op_kernel("delta_drive")
def delta_drive(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """drive[i, j] += sum over samples of pre_i (target - post_j). Reads activities, adds to the drive.

    The activity behind is that of one row, or the sum of two.
    """
    lanes, active = context[LANES], context[ACTIVE]
    drive, target, pre, before = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    post, added, behind = ints[at + 4], ints[at + 5], ints[at + 6]
    wanted = shared[ix(target)]
    for i in range(before):
        for j in range(behind):
            total = wanted * 0
            for s in range(active):
                y = buf[ix((post + j) * lanes + s)]
                if added >= 0:
                    y += buf[ix((added + j) * lanes + s)]
                total += buf[ix((pre + i) * lanes + s)] * (wanted - y)
            shared[ix(drive + i * behind + j)] += total
    return OK


@dataclass(frozen=True)
class DeltaRule(AbstractPlasticity):
    """tau dW/dt = sum over the batch of pre (target - post) - decay W, for W of one dense product x @ W.

    ``pre`` is the activity x, and ``post`` that of the value neurons of ``vertex``, which has a unit for each column of
    W and need not be what the product drives: a dendrite's potential (Sacramento, Ponte Costa, Bengio & Senn 2018), or
    a rate that inhibition holds at a target (Vogels, Sprekeler, Zenke, Clopath & Gerstner 2011, with negative W). The
    other parameters are those of ``AbstractPlasticity``.

    Examples
    --------
    >>> sorted(circuit.with_plasticity({"W2": pcn.DeltaRule("out", tau=1000.0)}).plasticity)
    ['W2']
    """

    vertex: str
    tau: float
    target: float = 0.0
    decay: float = 0.0
    bounds: tuple[float, float] | None = None
    every: float | None = None
    over_samples: ClassVar[str] = "sum of "
    reads_deviations: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_name("vertex")
        object.__setattr__(self, "target", number("target of DeltaRule", self.target))

    def check(self, name: str, anatomy: Anatomy) -> None:
        anatomy.pre(name)
        vertex = anatomy.vertex(f"vertex of the DeltaRule of {name!r}", self.vertex)
        columns, units = anatomy.columns(name), anatomy.units(vertex)
        if columns != units:
            raise ShapeError(
                f"DeltaRule of {name!r}, of {columns} columns, with vertex {vertex!r} of {units} units: give a vertex "
                "with a unit for each column"
            )

    def drive(self, activity: Activity, name: str) -> np.ndarray:
        values = activity.value[activity.anatomy.vertex("vertex", self.vertex)]
        post = values.reshape(len(values), -1)
        weights = activity.parameters[name]
        pre = np.broadcast_to(activity.presynaptic[activity.anatomy.pre(name)], (len(post), weights.shape[0]))
        return pre.T @ (values.dtype.type(self.target) - post)

    def emit(self, name: str, code: DriveCode) -> None:
        vertex = code.anatomy.vertex("vertex", self.vertex)
        pre = code.presynaptic(code.anatomy.pre(name))
        code.emit("delta_drive", code.drive, code.constant(self.target), *pre, *code.activity(vertex))

    @property
    def equation(self) -> Formula:
        return ("multiply", PRE, ("subtract", float(self.target), NAMED))

    def named_vertex(self) -> str:
        return self.vertex
