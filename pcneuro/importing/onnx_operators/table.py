"""The table that the files beside this one fill, and what is checked of the sizes that a file asks for.

Beside its inputs and attributes a function may take ``opset``, the version of the operators, ``outputs``, the number
of those that are wanted, and ``whole``, whether its first input has whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from pcneuro.errors import CapacityError, TraceError
from pcneuro.importing.operators import Table
from pcneuro.ops.base import AbstractTraced

ONNX = Table("ONNX")

MOST_UNITS = 2**28
"""Of an array that a file asks for, and of all that its nodes compute."""


def constant(what: str, value: Any) -> np.ndarray:
    """An input that has to be known beforehand. Raises TraceError for one that depends on data or parameters."""
    if isinstance(value, AbstractTraced):
        raise TraceError(f"{what} depends on the data or on parameters: export the model with constants there")
    return np.asarray(value)


def numbers(what: str, value: Any) -> list[int]:
    """Whole numbers that have to be known beforehand."""
    return [int(n) for n in np.ravel(constant(what, value))]


def allowed(shape: Iterable[int]) -> tuple[int, ...]:
    """A shape. Raises CapacityError for one of too many units."""
    axes = tuple(int(n) for n in shape)
    if math.prod(axes) > MOST_UNITS:
        raise CapacityError(f"it asks for an array of shape {axes}; {MOST_UNITS:,} units are the most")
    return axes


def broadcast(*arrays: Any) -> None:
    """Raise CapacityError where arrays broadcast to too many units."""
    allowed(np.broadcast_shapes(*(np.shape(a) for a in arrays)))


def traced(value: Any) -> bool:
    """Whether a value depends on data or parameters, while the model is traced."""
    return isinstance(value, AbstractTraced)
