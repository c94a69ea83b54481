"""How many runs one process performs and writes together, where nobody has said it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pcneuro.batch.settings import Settings

SECONDS = 0.5
"""Of work in a block: much more than writing it takes, and little to lose."""
MOST_RUNS = 64
EACH = 16
"""Blocks for each worker, so that all of them have something to do until the end."""
MOST_BLOCKS = 10_000
"""Where nobody knows how long a run takes: so many files of an array are still listed in no time."""


def timed_block(runs: int, seconds: float, workers: int) -> int:
    """Runs in a block, of so many that take so long each."""
    fitting = MOST_RUNS if seconds * MOST_RUNS <= SECONDS else int(SECONDS / seconds)
    return max(1, min(fitting, runs // (EACH * workers)))


def untimed_block(runs: int) -> int:
    """The same for all who make a batch of so many runs, wherever they are: one run, unless there are very many."""
    return min(MOST_RUNS, -(-runs // MOST_BLOCKS))


def seconds_of_a_run(settings: Settings, number: int, first: float, place: Path, stopped: Callable[[], bool]) -> float:
    """How long a run takes, which has taken ``first`` seconds when it was done first, with all that it compiled.

    It is done again, for no longer than a block should take, where that can tell more.
    """
    if first <= SECONDS or not settings.study.warms:
        return first
    begun = time.perf_counter()
    late = False

    def over() -> bool:
        nonlocal late
        late = late or time.perf_counter() - begun > SECONDS
        return late or stopped()

    try:
        settings.study.perform([number], [settings.space.values(number)], lambda n: place / f"again-{n}", over)
    except KeyboardInterrupt:
        if not late:
            raise
    return time.perf_counter() - begun
