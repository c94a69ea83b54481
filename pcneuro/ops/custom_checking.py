"""Users' derivatives held against central differences, along random directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from pcneuro.errors import DataError, TraceError
from pcneuro.ops.base import Shape
from pcneuro.ops.registry import at_line

_DIRECTIONS = 3
"""Along each of which a wrong derivative is wrong, but for directions of measure zero."""
_STEPS = (1e-3, 1e-5)
"""The one is for functions that are themselves approximate, the other for those that change fast."""
_TOLERANCE = 1e-4
"""Of the larger of both numbers, or of a hundredth of what they could be at most where both are small."""
_SMALL = 0.01

_DRAWS: tuple[Callable[[np.random.Generator, Shape], np.ndarray], ...] = (
    lambda rng, shape: rng.uniform(0.1, 0.9, shape),
    lambda rng, shape: rng.normal(size=shape),
)
"""Operands: numbers that most functions take, then any."""


@final
@dataclass(frozen=True)
class Checked:
    """An operator to be checked: its name, ``output(*operands)``, ``gradients(gradient, output, *operands)``."""

    name: str
    output: Callable[..., np.ndarray]
    gradients: Callable[..., list[np.ndarray]]


def check_derivative(definition: Checked, shapes: tuple[Shape, ...], shape: Shape) -> None:
    """Raise TraceError, with both numbers, where vjp is not the derivative of forward at drawn operands.

    Where forward raises, or is not finite, on all draws, nothing is checked.
    """
    rng = np.random.default_rng(0)
    for draw in _DRAWS:
        operands = [np.asarray(draw(rng, s)) for s in shapes]
        try:
            output = definition.output(*operands)
        except DataError:
            continue
        if not np.isfinite(output).all():
            continue
        _check_at(definition, rng, operands, output.astype(np.float64))
        return


def _check_at(definition: Checked, rng: np.random.Generator, operands: list[np.ndarray], output: np.ndarray) -> None:
    for _ in range(_DIRECTIONS):
        gradient = rng.normal(size=output.shape)
        returned = definition.gradients(gradient, output, *operands)
        for k, operand in enumerate(operands):
            direction = rng.normal(size=operand.shape)
            analytic = float(np.sum(returned[k] * direction))
            most = float(np.linalg.norm(returned[k]) * np.linalg.norm(direction))
            numeric = list(_differences(definition, operands, k, direction, gradient))
            if numeric and not any(
                abs(n - analytic) <= _TOLERANCE * max(abs(n), abs(analytic), _SMALL * most) for n in numeric
            ):
                raise TraceError(
                    f"operator {definition.name!r}: along a random direction of operand {k} vjp has the derivative "
                    f"{analytic:.6g}, and central differences of forward have {numeric[-1]:.6g}; where that is meant, "
                    f"check=False{at_line()}"
                )


def _differences(
    definition: Checked, operands: list[np.ndarray], k: int, direction: np.ndarray, gradient: np.ndarray
) -> Iterator[float]:
    """Derivatives of <gradient, forward> along a direction, of fourth order, one for each step that can be taken."""

    def at(distance: float) -> float:
        moved = [a + distance * direction if j == k else a for j, a in enumerate(operands)]
        return float(np.sum(gradient * definition.output(*moved)))

    for step in _STEPS:
        try:
            difference = (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)
        except DataError:
            continue
        if np.isfinite(difference):
            yield difference
