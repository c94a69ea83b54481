"""Axes: which are meant, and the units that lie along them, for operators that work on groups of units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from pcneuro.errors import ShapeError, shown
from pcneuro.ops.base import AbstractLowering, Shape, unit_indices
from pcneuro.quantities import plain


def axes_of(what: str, axis: Any, shape: Shape) -> tuple[int, ...]:
    """One axis or several of an array of that shape, none negative, from the first to the last.

    Raises ShapeError, which begins with ``what``, for an axis that is not there or stands there twice.
    """
    try:
        listed = axis if isinstance(axis, list | tuple) else [axis]
        if any(isinstance(a, bool | np.bool) for a in listed):
            raise TypeError
        axes = tuple(sorted(normalize_axis_index(a, len(shape)) for a in listed))
    except (TypeError, ValueError, OverflowError):
        axes = ()
    if not axes or len(set(axes)) < len(axes):
        raise ShapeError(f"{what} over axis {shown(axis)} of an array of shape {shape}")
    return axes


def lower_groups(low: AbstractLowering, shape: Shape, axes: tuple[int, ...]) -> tuple[int, int, int]:
    """Table (groups, length) of the units along ``axes``, the number of groups and their length."""
    last = tuple(range(-len(axes), 0))
    table = np.moveaxis(unit_indices(shape), axes, last)
    length = int(np.prod([shape[a] for a in axes]))
    return low.table(table.ravel()), table.size // length, length


def check_operand(what: str, shape: Shape, name: str, operand: Any) -> None:
    """Raise ShapeError where an operand (by ``name``) does not broadcast to ``shape``, which the result is to have.

    Raises DataError for an operand with a unit or a mask.
    """
    plain(f"{what}: {name}", operand)
    try:
        fits = np.broadcast_shapes(np.shape(operand), shape) == tuple(shape)
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"{what} of shape {shape}: {name} has shape {np.shape(operand)}, which does not broadcast to it"
        )
