"""The table that the files beside this one fill."""

from __future__ import annotations

from typing import Any

from pcneuro.errors import TraceError
from pcneuro.importing.operators import Table

ATEN = Table("PyTorch")

TRAINING = "call module.eval() before it is imported"
"""What to do about layers in training mode."""


def each(value: Any, count: int) -> tuple[int, ...]:
    """A number for each axis, as PyTorch has it: one for all, or as many."""
    numbers = tuple(value) if isinstance(value, list | tuple) else (value,)
    return numbers * count if len(numbers) == 1 else numbers


def pairs(padding: Any, count: int) -> list[tuple[int, int]]:
    """The same padding before and behind, for each axis."""
    return [(n, n) for n in each(padding, count)]


def refused(what: str, instead: str) -> TraceError:
    """The error for what has no place in the graph of one sample."""
    return TraceError(f"{what}: {instead}")
