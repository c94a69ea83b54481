"""Threads that wait for work, shared by all engines: to make new ones for every call costs more than a small run."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numba

T = TypeVar("T")


def available_threads() -> int:
    """Processors that this process may run on, and no more than ``NUMBA_NUM_THREADS`` where the environment has it."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, numba.config.NUMBA_NUM_THREADS)


class _Pool:
    """Threads beside the caller's, kept off its processor.

    Some schedulers wake a thread where the one that woke it runs, and leave both there for a few milliseconds, which
    is all that a small run takes.
    """

    def __init__(self, threads: int) -> None:
        self.numbers: list[int] = []
        self.executor = ThreadPoolExecutor(threads, "pcneuro", lambda: self.numbers.append(threading.get_native_id()))
        self.placed: tuple[int, int] | None = None
        """Processor that they were last kept off, and how many there were."""
        self.here: Callable[[], int] | None = getattr(_library(), "sched_getcpu", None)

    def submit(self, work: Callable[[], None], count: int) -> list[BaseException | None]:
        """Do the work in the caller's thread and ``count`` others; what each of them raised."""
        self._keep_off()
        others = [self.executor.submit(work) for _ in range(count)]
        try:
            work()
        finally:
            # Whatever happens here, nobody may still work on the buffers afterwards.
            errors = [other.exception() for other in others]
        return errors

    def _keep_off(self) -> None:
        if self.here is None or not hasattr(os, "sched_setaffinity"):
            return
        wanted = self.here(), len(self.numbers)
        if wanted == self.placed:
            return
        self.placed = wanted
        others = os.sched_getaffinity(0) - {wanted[0]}
        for number in self.numbers if others else ():
            try:
                os.sched_setaffinity(number, others)
            except OSError:
                # The system may refuse: then they run where it likes.
                return


@cache
def _library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):
        return None


@cache
def _pool(threads: int) -> _Pool:
    return _Pool(threads)


if hasattr(os, "register_at_fork"):
    # A forked process has the pools, but none of their threads.
    os.register_at_fork(after_in_child=_pool.cache_clear)


def spread(function: Callable[[int], T], count: int, threads: int) -> list[T]:
    """``[function(0), ..., function(count - 1)]``, in up to so many threads, of which the caller's is one."""
    workers = min(threads, count)
    if workers <= 1:
        return [function(k) for k in range(count)]
    numbers, results = iter(range(count)), [None] * count

    def work() -> None:
        # A range's iterator hands each number out once, whoever asks.
        for k in numbers:
            results[k] = function(k)  # type: ignore[call-overload]

    for error in _pool(threads - 1).submit(work, workers - 1):
        if error is not None:
            raise error
    return results  # type: ignore[return-value]
