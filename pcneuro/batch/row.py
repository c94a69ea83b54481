"""Row of a batch: what is kept of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pcneuro.simulator.result import Status
from pcneuro.studies.many import flat_numbers

if TYPE_CHECKING:
    import xarray

    from pcneuro.studies.task import Outcome


EVERYTHING = "*"
"""The pattern that every name matches."""


class RowStatus(IntEnum):
    """How a run ended, as stores have it. 0 is the fill value: not yet done.

    Examples
    --------
    >>> [status.name for status in pcn.batch.RowStatus][0]
    'DONE'
    """

    DONE = 1
    FAILED = 2
    DIVERGED = 3
    UNSETTLED = 4


OF_RESULT = {
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

    def keeping(self, patterns: Sequence[str]) -> Row:
        """The row with numbers and records only whose names match one of the patterns, such as ``parameters.*``."""
        if EVERYTHING in patterns:
            return self

        def wanted(name: Any) -> bool:
            return any(fnmatchcase(str(name), pattern) for pattern in patterns)

        numbers = {name: value for name, value in self.numbers.items() if wanted(name)}
        records = self.records
        if records is not None:
            records = records[[name for name in records.data_vars if wanted(name)]]
        return replace(self, numbers=numbers, records=records)


_CLOCK = "seconds"
"""What tasks call the time that something took: no part of a row, which is the same whenever it is done."""
_THREADS = "threads"
"""What engines call the number of threads that they had: no part of a row, which is the same whoever does it."""


def row_of(number: int, outcome: Outcome) -> Row:
    """The row of an outcome that was not interrupted, without the time that it took."""
    status = OF_RESULT[outcome.status]
    message = "" if status is RowStatus.DONE else outcome.message
    left_out = _CLOCK, _THREADS
    numbers = {name: value for name, value in flat_numbers(outcome.numbers) if name.rpartition(".")[2] not in left_out}
    records = None if outcome.records is None else outcome.records.drop_vars(_CLOCK, errors="ignore")
    return Row(number, status, message, numbers, records)
