"""Tasks of a worker, and what is tried next where workers die of one: deadly runs are found, and left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self, final

TRIES = 3
"""So many workers die of a task before it is given up."""
DEADLY = f"{TRIES} workers died of it: out of memory, or a crash in compiled code"
"""Message of a run that is given up. It names no machine and no process, so that rows do not depend on them."""


@final
@dataclass(frozen=True)
class Task:
    """What a worker is told to do.

    Parameters
    ----------
    block
        The block whose runs it does.
    trial
        Only this run of the block, to see whether the worker survives it; nothing is written.
    deadly
        Runs that are not done: their rows say that workers died of them.
    apart
        Do the runs one at a time, which takes the least memory.
    deaths
        Workers that have died of this so far.
    """

    block: int
    trial: int | None = None
    deadly: tuple[int, ...] = ()
    apart: bool = False
    deaths: int = 0

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> Self:
        """The task that was ``described``."""
        return cls(**{**described, "deadly": tuple(described["deadly"])})

    def after_death(self, numbers: range) -> Task | None:
        """What is tried next after a worker died of it; None where the whole block is to be given up.

        ``numbers`` are the runs of the block. It is tried again, then run by run, then without those that were deadly.
        """
        if self.deaths + 1 < TRIES:
            return replace(self, deaths=self.deaths + 1)
        if self.trial is not None:
            return replace(self, deadly=(*self.deadly, self.trial)).after_trial(numbers)
        if self.apart or len(numbers) == 1:
            return None
        return Task(self.block, numbers.start)

    def after_trial(self, numbers: range) -> Task:
        """What follows a trial: that of the next run, or the block without the deadly ones."""
        assert self.trial is not None
        if self.trial + 1 in numbers:
            return Task(self.block, self.trial + 1, self.deadly)
        return Task(self.block, None, self.deadly, apart=True)
