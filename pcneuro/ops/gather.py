"""Gather: every unit of the output copies one unit of the operands, joined end to end.

Reshaping, transposing, slicing, broadcasting, joining and masking are all this one operator. Its derivative adds every
unit's gradient to the unit that it was copied from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ParameterError, ShapeError
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Units,
    Weights,
    size,
)
from pcneuro.ops.description import Description
from pcneuro.ops.rows import lower_combine


@dataclass(frozen=True, eq=False)
class Take(AbstractOperator):
    """``indices`` (int64, of the output's shape) number the units of all operands, the second's after the first's."""

    kind: ClassVar[str] = "take"
    name: str
    indices: np.ndarray = field(repr=False)

    def __post_init__(self) -> None:
        indices = np.array(self.indices, dtype=np.int64)
        indices.flags.writeable = False
        object.__setattr__(self, "indices", indices)

    @property
    def label(self) -> str:
        return self.name

    @property
    def description(self) -> Description:
        return Description(self.units, copied=self.indices.ravel(), moves=True)

    def shape(self, *shapes: Shape) -> Shape:
        units = sum(size(s) for s in shapes)
        if self.indices.size and not 0 <= self.indices.min() <= self.indices.max() < units:
            raise ShapeError(f"{self.name}: its indices run to {self.indices.max()}, its operands have {units} units")
        return self.indices.shape

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        batch = max(a.shape[0] for a in operands)
        flat = [a.reshape(a.shape[0], -1) for a in operands]
        flat = [a if len(a) == batch else np.broadcast_to(a, (batch, a.shape[1])) for a in flat]
        joined = np.concatenate(flat, axis=1) if len(flat) > 1 else flat[0]
        return joined[:, self.indices.ravel()].reshape(batch, *self.indices.shape)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        chosen, units = self._share(k, [a.shape[1:] for a in operands])
        # Not a reshape to (batch, units): it copies a gradient that is not contiguous, and for each operand of a stack.
        shape = self.indices.shape or (1,)
        where: tuple[Any, ...] = np.unravel_index(chosen, shape)
        taken = gradient.reshape(-1, *shape)[:, *where]
        result = np.zeros((gradient.shape[0], operands[k][0].size), dtype=gradient.dtype)
        if units.size and np.bincount(units).max() > 1:
            np.add.at(result.T, units, taken.T)
        else:
            result[:, units] = taken
        return result.reshape(gradient.shape[:1] + operands[k].shape[1:])

    def _share(self, k: int, shapes: Sequence[Shape]) -> tuple[np.ndarray, np.ndarray]:
        """Units of the output that come from operand k, and the units of it that they copy."""
        first = sum(size(s) for s in shapes[:k])
        flat = self.indices.ravel() - first
        chosen = np.flatnonzero((flat >= 0) & (flat < size(shapes[k])))
        return chosen, flat[chosen]

    def linear_in(self, k: int) -> bool:
        return True

    def connections(self, k: int, *shapes: Shape) -> int:
        return self._share(k, shapes)[0].size

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        total: Units | None = None
        for k, operand in enumerate(operands):
            chosen, taken = self._share(k, shapes)
            if not chosen.size:
                continue
            if isinstance(operand, Weights):
                values = np.zeros(size(shape))
                values[chosen] = operand.values[taken]
                part = make.function("x", {"x": Weights(values)}, {})
            elif chosen.size == operand.size == size(shape):
                part = make.gather(operand, taken)
            else:
                part = make.synapses(size(shape), operand, taken, chosen, 1.0)
            total = part if total is None else make.add(total, part)
        if total is None:
            raise ParameterError(f"{self.name} takes nothing: a population without units is not exported")
        return total

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        for k, operand in enumerate(at.operands):
            chosen, units = self._share(k, at.shapes)
            if chosen.size or k == 0:
                lower_combine(low, at.out, chosen, operand, units, k > 0)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        chosen, units = self._share(pull.k, at.shapes)
        lower_combine(low, pull.target, units, pull.gradient, chosen, pull.accumulate)
