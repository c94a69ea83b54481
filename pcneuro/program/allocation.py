"""Register allocation: temporaries share rows where the last use of the one is before the first use of the other."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from pcneuro.ops.base import Slot
from pcneuro.program.lowering import VIRTUAL, Code, Lowering

ONCE, ELSEWHERE = -1, -2


@dataclass
class _Lifetime:
    """The first and the last instruction that use a slot, and which lists they are in."""

    first: int
    last: int
    lists: set[int] = field(default_factory=set)


class _FreeRows:
    """Rows that are given out and taken back."""

    def __init__(self) -> None:
        self.top = 0
        self.gaps: list[tuple[int, int]] = []
        """First row and end of what is free below ``top``, in order."""

    def take(self, units: int) -> int:
        """The first of so many rows, in the smallest gap that has them."""
        fitting = [(end - row, row) for row, end in self.gaps if end - row >= units]
        if fitting:
            size, row = min(fitting)
            at = self.gaps.index((row, row + size))
            self.gaps[at : at + 1] = [(row + units, row + size)] if size > units else []
            return row
        row = self.top
        if self.gaps and self.gaps[-1][1] == self.top:
            row = self.gaps.pop()[0]
        self.top = row + units
        return row

    def give(self, row: int, units: int) -> None:
        """Take rows back."""
        at = bisect_right(self.gaps, (row, row))
        first, last = row, row + units
        if at < len(self.gaps) and self.gaps[at][0] == last:
            last = self.gaps.pop(at)[1]
        if at > 0 and self.gaps[at - 1][1] == first:
            at -= 1
            first = self.gaps.pop(at)[0]
        self.gaps.insert(at, (first, last))


class Allocation:
    """Rows for the laned temporaries of a lowering, whose instructions it rewrites.

    Parameters
    ----------
    low
        Where they were emitted.
    once
        Instruction lists that run at the start, in this order and never again without a new start.
    again
        Lists that run any number of times in any order, each as a whole.

    A temporary that only one list uses, or only those that run once, is written there before it is read, and needs its
    rows from its first to its last use. All others keep their rows from their first use on for good.
    """

    def __init__(self, low: Lowering, once: Iterable[Code], again: Iterable[Code]) -> None:
        self.low = low
        self.starts = [slot.row for slot in low.temporaries]
        self.uses: dict[int, _Lifetime] = {}
        self.time = 0
        seen: set[int] = set()
        for code in once:
            self._use(code, ONCE, seen)
        begun = self.time
        for number, code in enumerate(again):
            self._use(code, number, seen)
        rest = [(0, position) for position in low.arguments if position not in seen]
        self._use(rest, ELSEWHERE, seen)
        self.row = self._rows(begun)
        for arguments in low.arguments.values():
            for at in np.flatnonzero(arguments >= VIRTUAL):
                arguments[at] = self._moved(int(arguments[at]))

    def slot(self, slot: Slot) -> Slot:
        """Where a slot that was given out by the lowering is now."""
        return Slot(self._moved(slot.row), slot.units, slot.laned) if slot.row >= VIRTUAL else slot

    def _moved(self, row: int) -> int:
        k = bisect_right(self.starts, row) - 1
        # What no instruction uses has no rows.
        return self.row.get(k, 0) + row - self.starts[k]

    def _use(self, code: Sequence[tuple[int, int]], number: int, seen: set[int]) -> None:
        for _, position in code:
            seen.add(position)
            arguments = self.low.arguments[position]
            for row in arguments[arguments >= VIRTUAL].tolist():
                use = self.uses.setdefault(bisect_right(self.starts, row) - 1, _Lifetime(self.time, self.time))
                use.last = self.time
                use.lists.add(number)
            self.time += 1

    def _rows(self, begun: int) -> dict[int, int]:
        """Temporary -> its first row, behind those that were reserved."""
        spans = []
        for k, use in self.uses.items():
            if use.lists == {ELSEWHERE} or (len(use.lists) > 1 and ELSEWHERE in use.lists):
                spans.append((0, self.time, k))
            elif len(use.lists) == 1:
                spans.append((use.first, use.last, k))
            else:
                spans.append((use.first if ONCE in use.lists else begun, self.time, k))
        free = _FreeRows()
        first_rows: dict[int, int] = {}
        ends: list[tuple[int, int]] = []
        reserved = self.low.rows[True]
        # What stays longest comes first where several begin.
        for first, last, k in sorted(spans, key=lambda span: (span[0], -span[1], span[2])):
            while ends and ends[0][0] < first:
                _, done = heapq.heappop(ends)
                free.give(first_rows[done] - reserved, self.low.temporaries[done].units)
            units = self.low.temporaries[k].units
            if units:
                first_rows[k] = reserved + free.take(units)
                heapq.heappush(ends, (last, k))
        self.low.rows[True] = reserved + free.top
        return first_rows
