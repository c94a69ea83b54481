"""Threads that wait for work, shared by all engines: to make new ones for every call costs more than a small run."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")


def available_threads() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="pcneuro")


if hasattr(os, "register_at_fork"):
    # A forked process has the pools, but none of their threads.
    os.register_at_fork(after_in_child=_pool.cache_clear)


def spread(function: Callable[[int], T], count: int, threads: int) -> list[T]:
    """``[function(0), ..., function(count - 1)]``, in up to so many threads, of which the caller's is one."""
    workers = min(threads, count)
    if workers <= 1:
        return [function(k) for k in range(count)]
    numbers, found = iter(range(count)), [None] * count

    def work() -> None:
        # A range's iterator hands each number out once, whoever asks.
        for k in numbers:
            found[k] = function(k)  # type: ignore[call-overload]

    others = [_pool(threads - 1).submit(work) for _ in range(workers - 1)]
    try:
        work()
    finally:
        # Whatever happens here, nobody may still work on the buffers afterwards.
        errors = [other.exception() for other in others]
    for error in errors:
        if error is not None:
            raise error
    return found  # type: ignore[return-value]
