"""Scatter: every unit of the operand is added to one unit of the output, out[indices[u]] += x[u].

It is the transpose of a gather (``ops.gather``): several units that go to one place add up, places to which none goes
are zero, and the derivative is the gather of the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractTraced,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Units,
    apply,
    size,
)
from pcneuro.ops.description import Description
from pcneuro.ops.registry import answers, at_line, refuse
from pcneuro.ops.rows import lower_combine

NO_COUNTS = "its counts jump where a value crosses an edge, so that nothing is learned through them; use soft bins"
"""What to do instead of a histogram."""


@dataclass(frozen=True, eq=False)
class Scatter(AbstractOperator):
    """Into an array of shape ``into``; ``indices`` (int64, of the operand's shape) number its units."""

    kind: ClassVar[str] = "scatter"
    into: tuple[int, ...]
    indices: np.ndarray = field(repr=False)

    def __post_init__(self) -> None:
        indices = np.array(self.indices, dtype=np.int64)
        indices.flags.writeable = False
        object.__setattr__(self, "indices", indices)
        object.__setattr__(self, "into", tuple(int(n) for n in self.into))

    @property
    def description(self) -> Description:
        return Description(self.units, moves=True)

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1 or tuple(shapes[0]) != self.indices.shape:
            text = " and ".join(map(str, shapes))
            raise ShapeError(f"scatter by indices of shape {self.indices.shape} of an array of shape {text}")
        if self.indices.size and not 0 <= self.indices.min() <= self.indices.max() < size(self.into):
            raise ShapeError(
                f"scatter: its indices run from {self.indices.min()} to {self.indices.max()}, into an array of "
                f"{size(self.into)} units"
            )
        return self.into

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        flat = operands[0].reshape(len(operands[0]), -1)
        result = np.zeros((len(flat), size(self.into)), dtype=flat.dtype)
        np.add.at(result.T, self.indices.ravel(), flat.T)
        return result.reshape(len(flat), *self.into)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return gradient.reshape(len(gradient), -1)[:, self.indices.ravel()].reshape(-1, *self.indices.shape)

    def linear_in(self, k: int) -> bool:
        return True

    def connections(self, k: int, *shapes: Shape) -> int:
        return self.indices.size

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        return make.synapses(size(shape), operands[0], np.arange(self.indices.size), self.indices.ravel(), 1.0)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        lower_combine(low, at.out, self.indices, at.operands[0], np.arange(self.indices.size), False)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        lower_combine(low, pull.target, np.arange(self.indices.size), pull.gradient, self.indices, pull.accumulate)


@answers(np.bincount)
def _bincount(x: Any, weights: Any = None, minlength: Any = 0) -> Any:
    if isinstance(x, AbstractTraced):
        raise refuse("np.bincount of traced values", NO_COUNTS)
    places = np.asarray(x)
    if places.ndim != 1 or places.dtype.kind not in "iu" or (places < 0).any() or np.shape(weights) != places.shape:
        raise ShapeError(
            f"np.bincount of shape {places.shape} with weights of shape {np.shape(weights)}: give whole numbers from 0 "
            f"on along one axis, and as many weights{at_line()}"
        )
    return apply(Scatter((max(int(places.max(initial=-1)) + 1, int(minlength)),), places), weights)
