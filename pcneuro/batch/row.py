"""Row of a batch: what is kept of one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from numbers import Real
from typing import TYPE_CHECKING, Any

from pcneuro.simulator.result import Status

if TYPE_CHECKING:
    import xarray

    from pcneuro.studies.task import Outcome


class RowStatus(IntEnum):
    """How a run ended, as stores have it. 0 is the fill value: not yet done."""

    DONE = 1
    FAILED = 2
    DIVERGED = 3
    UNSETTLED = 4


_OF_RESULT = {
    Status.COMPLETED: RowStatus.DONE,
    Status.DIVERGED: RowStatus.DIVERGED,
    Status.UNSETTLED: RowStatus.UNSETTLED,
}


@dataclass(frozen=True)
class Row:
    """What is kept of the run of this ``number``: how it ended, a message, numbers by name, and records."""

    number: int
    status: RowStatus
    message: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    records: xarray.Dataset | None = None


def row_of(number: int, outcome: Outcome) -> Row:
    """The row of an outcome that was not interrupted."""
    status = _OF_RESULT[outcome.status]
    message = "" if status is RowStatus.DONE else outcome.message
    return Row(number, status, message, dict(flat_numbers(outcome.numbers)), outcome.records)


def flat_numbers(numbers: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of nested tables under dotted names. What is no number (texts, lists) is left out."""
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            yield from flat_numbers(value, f"{prefix}{name}.")
        elif isinstance(value, Real):
            yield f"{prefix}{name}", float(value)
