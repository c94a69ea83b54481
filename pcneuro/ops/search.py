"""Search: how many of some sorted numbers stand before each value, as ``np.searchsorted`` has it.

out = number of the knots that are below x, or (``right``) not above it. It is constant between knots: its derivative is
zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels.dispatch import LANES, OK, ix, op_kernel
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractTraced,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Units,
    Weights,
    apply,
    size,
)
from pcneuro.ops.registry import answers, at_line, refuse
from pcneuro.ops.rows import lower_nothing, promoted

HALVES = 2


@op_kernel("search")
def search_kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out = number of knots below the value, or not above it, by halving. NaN stands behind all numbers.

    Reads values (laned) and knots (laned or shared), writes out.
    """
    lanes = context[LANES]
    out, values, n = ints[at] * lanes, ints[at + 1] * lanes, ints[at + 2]
    knots, knots_shared, count, right = ints[at + 3], ints[at + 4], ints[at + 5], ints[at + 6]
    for u in range(n):
        for i in range(lanes):
            x = buf[ix(values + u * lanes + i)]
            low, high = 0, count
            while low < high:
                middle = (low + high) // HALVES
                knot = shared[ix(knots + middle)] if knots_shared == 1 else buf[ix((knots + middle) * lanes + i)]
                before = knot <= x if right == 1 else knot < x
                if before or (x != x and (knot == knot or right == 1)):
                    low = middle + 1
                else:
                    high = middle
            buf[ix(out + u * lanes + i)] = low
    return OK


@dataclass(frozen=True)
class Search(AbstractOperator):
    """Operands: values of any shape, and knots, from the smallest to the largest."""

    kind: ClassVar[str] = "searchsorted"
    right: bool = False

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int64)

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 2 or len(shapes[1]) != 1:
            text = " and ".join(map(str, shapes))
            raise ShapeError(f"{self.label} takes values and knots along one axis, got shapes {text}")
        return shapes[0]

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        values, knots = operands
        batch, side = max(len(values), len(knots)), "right" if self.right else "left"
        result = np.empty((batch, *values.shape[1:]), dtype=values.dtype)
        for b in range(batch):
            result[b] = np.searchsorted(knots[b % len(knots)], values[b % len(values)], side=side)  # type: ignore[call-overload]
        return result

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return np.zeros((len(gradient), *operands[k].shape[1:]), dtype=gradient.dtype)

    def linear_in(self, k: int) -> bool:
        return False

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(shapes[0]) * size(shapes[1])

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        count = size(shapes[1])
        value, knot = (grid.ravel() for grid in np.mgrid[: size(shape), :count])
        pairs = {
            name: a.take(index) if isinstance(a, Weights) else make.gather(a, index)
            for name, a, index in zip("xy", operands, (value, knot), strict=True)
        }
        below: Any = ("positive", ("subtract", "x", "y"))
        if self.right:
            below = ("subtract", 1.0, ("positive", ("subtract", "y", "x")))
        before = make.function(below, pairs, {})
        return make.synapses(size(shape), before, np.arange(value.size), value, 1.0)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        values, knots = promoted(low, at.operands[0], at.out.laned), at.operands[1]
        knots_shared = int(at.out.laned and not knots.laned)
        low.emit("search", at.out.row, values.row, values.units, knots.row, knots_shared, knots.units, int(self.right))

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        lower_nothing(low, pull)


@answers(np.searchsorted)
def _searchsorted(a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Any:
    if side not in ("left", "right"):
        raise refuse(f"np.searchsorted with side={side!r}", "give 'left' or 'right'")
    if sorter is not None:
        a = np.take(a, sorter)
    if not isinstance(v, AbstractTraced):
        v = np.asarray(v, dtype=np.float64)
    return apply(Search(side == "right"), v, a)


@answers(np.digitize)
def _digitize(x: Any, bins: Any, right: Any = False) -> Any:
    if isinstance(bins, AbstractTraced):
        raise refuse("np.digitize into bins that depend on the data", "use np.searchsorted, whose bins go up")
    knots = np.asarray(bins, dtype=np.float64)
    steps = np.diff(knots)
    if knots.ndim != 1 or not ((steps >= 0).all() or (steps <= 0).all()):
        raise ShapeError(f"np.digitize: the bins must go up or down along one axis{at_line()}")
    if (steps >= 0).all():
        return np.searchsorted(knots, x, side="left" if right else "right")
    # Bins that go down: those above x are what stands below -x among the negative ones.
    return np.searchsorted(-knots, -x, side="right" if right else "left")
