"""The table that the files beside this one fill, and what is checked of the sizes that a file asks for.

Beside its inputs and attributes a function may take ``opset``, the version of the operators, ``outputs``, the number
of those that are wanted, and ``whole``, whether its first input has whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from pcneuro.errors import CapacityError, TraceError
from pcneuro.importing.operators import Table
from pcneuro.ops.base import AbstractTraced

ONNX = Table("ONNX")

MOST_UNITS = 2**28
"""Of an array that a file asks for, and of all that its nodes compute."""

MOST_WORK = 2**36
"""Multiplications of all nodes, for one sample: some times what the largest networks for images take."""

SLOW = 4
"""What a unit that is read, and a multiplication outside of a product of matrices, count for."""

STEP = 2**20
"""What a step of a loop counts for: multiplications that are done in the time that Python takes for its calls."""

_left: ContextVar[int] = ContextVar("multiplications that are left", default=MOST_WORK)


@contextmanager
def limited_work() -> Iterator[None]:
    """In this context all nodes together may take ``MOST_WORK`` multiplications."""
    before = _left.set(MOST_WORK)
    try:
        yield
    finally:
        _left.reset(before)


def multiplications(*lengths: int) -> None:
    """Count so many as the product of these lengths, before they begin. Raises CapacityError for too many."""
    left = _left.get() - math.prod(max(int(n), 0) for n in lengths)
    if left < 0:
        raise CapacityError(
            f"up to this one all nodes take {MOST_WORK - left:,} multiplications; {MOST_WORK:,} are the most: "
            "compute its constants outside, or import a smaller model"
        )
    _left.set(left)


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
