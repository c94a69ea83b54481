"""How far a batch is: what is done, what failed and why, how fast it goes, and how long it will take."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np

from pcneuro.batch.layout import Layout
from pcneuro.batch.row import RowStatus
from pcneuro.batch.store.arrays import StoredArray, open_array
from pcneuro.batch.store.checking import Contents
from pcneuro.batch.store.names import MESSAGE, STATUS

RECENT = 256
"""Blocks of which the speed is that of the batch."""
MESSAGES = 100
"""Blocks whose messages are read: each is a file."""
_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")


@final
@dataclass(frozen=True)
class Failure:
    """Runs that failed with messages that differ in numbers only: how many, the first of them, and its message."""

    status: str
    count: int
    run: int
    message: str


@final
@dataclass(frozen=True)
class Progress:
    """How far a batch is.

    Attributes
    ----------
    runs, blocks, blocks_done
        How many runs it has, and how many blocks of consecutive ones.
    done, failed, diverged, unsettled
        How runs ended; the rest is still to do.
    per_second
        Runs in a second, of late; None where that is not known.
    seconds_left
        At that speed; None where that is not known.
    failures
        Kinds of failures, the most frequent first. Of many only some blocks are read.
    working
        Processes that work on it by now, in words.
    """

    runs: int
    blocks: int
    blocks_done: int
    done: int
    failed: int
    diverged: int
    unsettled: int
    per_second: float | None
    seconds_left: float | None
    failures: tuple[Failure, ...]
    working: tuple[str, ...]

    @property
    def ended(self) -> int:
        """Runs that have a row."""
        return self.done + self.failed + self.diverged + self.unsettled

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return asdict(self) | {"ended": self.ended}


def progress(contents: Contents, layout: Layout, done: Mapping[int, np.ndarray], working: Sequence[str]) -> Progress:
    """How far a batch is, of which the blocks that are ``done`` have these statuses, and who works on it."""
    counts = Counter[int]()
    for values in done.values():
        counts.update(values.tolist())
    speed = _speed(contents.main.arrays[STATUS], layout, done)
    rest = layout.runs - sum(counts.values())
    return Progress(
        layout.runs,
        layout.blocks,
        len(done),
        **{status.name.lower(): counts[status] for status in RowStatus},
        per_second=speed,
        seconds_left=rest / speed if speed else None,
        failures=_failures(contents, layout, done),
        working=tuple(working),
    )


def _speed(status: StoredArray, layout: Layout, done: Mapping[int, np.ndarray]) -> float | None:
    """Runs in a second, by the times at which statuses were written."""
    if not done:
        return None
    with os.scandir(status.chunks) as entries:
        times = [
            (entry.stat().st_mtime, len(layout.numbers(int(entry.name))))
            for entry in entries
            if entry.name.isdecimal() and int(entry.name) in done
        ]
    times = sorted(times)[-RECENT:]
    if len(times) < 2 or times[-1][0] <= times[0][0]:
        return None
    return sum(runs for _, runs in times[1:]) / (times[-1][0] - times[0][0])


def _failures(contents: Contents, layout: Layout, done: Mapping[int, np.ndarray]) -> tuple[Failure, ...]:
    found: dict[tuple[int, str], tuple[int, int, str]] = {}
    messages = None
    blocks = [block for block in sorted(done) if (done[block] != RowStatus.DONE).any()]
    for block in blocks[:MESSAGES]:
        messages = messages or open_array(contents.main.arrays[MESSAGE].folder)
        numbers = layout.numbers(block)
        texts = np.asarray(messages[numbers.start : numbers.stop])
        for index in np.flatnonzero(done[block] != RowStatus.DONE):
            key = int(done[block][index]), _NUMBER.sub("#", str(texts[index]))
            count, first, text = found.get(key, (0, numbers[index], str(texts[index])))
            found[key] = count + 1, first, text
    kinds = [
        Failure(RowStatus(status).name.lower(), count, first, text)
        for (status, _), (count, first, text) in found.items()
    ]
    return tuple(sorted(kinds, key=lambda kind: (-kind.count, kind.run)))
