"""Two heaps: events under way by time of arrival, and units by when they send next."""

from __future__ import annotations

import numpy as np
from numba import njit

from pcneuro.kernels.cache import usable
from pcneuro.kernels.event_arrays import (
    DUE,
    HEAP,
    HEAPED,
    LINES,
    MOST_QUEUED,
    QUEUE_CHANGE,
    QUEUE_DOWN,
    QUEUE_KEY,
    QUEUE_TIME,
    QUEUED,
    SLOPES_UNDER_WAY_DOWN,
    SLOPES_UNDER_WAY_UP,
    WHERE,
)

CACHE = usable()


@njit(cache=CACHE, nogil=True, error_model="numpy")
def slopes_of(queue):  # type: ignore[no-untyped-def]
    """Where the place of the slopes of a queue is written."""
    return SLOPES_UNDER_WAY_DOWN if queue == QUEUE_DOWN else SLOPES_UNDER_WAY_UP


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _move(state, queue, source, target):  # type: ignore[no-untyped-def]
    time, change, key = (
        state.index[queue + QUEUE_TIME],
        state.index[queue + QUEUE_CHANGE],
        state.index[queue + QUEUE_KEY],
    )
    state.time[time + target] = state.time[time + source]
    state.real[change + target] = state.real[change + source]
    state.index[key + target] = state.index[key + source]
    if state.index[LINES]:
        slope = state.index[slopes_of(queue)]
        state.real[slope + target] = state.real[slope + source]


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _before(state, queue, a, b):  # type: ignore[no-untyped-def]
    time, key = state.index[queue + QUEUE_TIME], state.index[queue + QUEUE_KEY]
    first, second = state.time[time + a], state.time[time + b]
    return first < second or (first == second and state.index[key + a] < state.index[key + b])


@njit(cache=CACHE, nogil=True, error_model="numpy")
def push(state, queue, when, key, change, slope):  # type: ignore[no-untyped-def]
    """Put an event under way; there must be room for it, and for one more to work in."""
    time, keys = state.index[queue + QUEUE_TIME], state.index[queue + QUEUE_KEY]
    place = state.index[queue + QUEUED]
    state.index[queue + QUEUED] = place + 1
    state.index[queue + MOST_QUEUED] = max(state.index[queue + MOST_QUEUED], place + 1)
    while place > 0:
        above = (place - 1) // 2
        earlier = state.time[time + above]
        if earlier < when or (earlier == when and state.index[keys + above] <= key):
            break
        _move(state, queue, above, place)
        place = above
    state.time[time + place], state.index[keys + place] = when, key
    state.real[state.index[queue + QUEUE_CHANGE] + place] = change
    if state.index[LINES]:
        state.real[state.index[slopes_of(queue)] + place] = slope


@njit(cache=CACHE, nogil=True, error_model="numpy")
def drop(state, queue):  # type: ignore[no-untyped-def]
    """Take the first event out: the last moves down from the top until those below arrive later."""
    count = state.index[queue + QUEUED] - 1
    state.index[queue + QUEUED] = count
    place = 0
    while True:
        below = 2 * place + 1
        if below >= count:
            break
        if below + 1 < count and _before(state, queue, below + 1, below):
            below += 1
        if not _before(state, queue, below, count):
            break
        _move(state, queue, below, place)
        place = below
    _move(state, queue, count, place)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def arrives(state, queue):  # type: ignore[no-untyped-def]
    """When the next event under way arrives; infinite where there is none."""
    return state.time[state.index[queue + QUEUE_TIME]] if state.index[queue + QUEUED] else np.inf


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _sooner(state, a, b):  # type: ignore[no-untyped-def]
    due = state.index[DUE]
    first, second = state.time[due + a], state.time[due + b]
    return first < second or (first == second and a < b)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _sift_up(state, at):  # type: ignore[no-untyped-def]
    heap, where = state.index[HEAP], state.index[WHERE]
    unit = state.index[heap + at]
    while at > 0:
        above = (at - 1) // 2
        other = state.index[heap + above]
        if _sooner(state, other, unit):
            break
        state.index[heap + at], state.index[where + other] = other, at
        at = above
    state.index[heap + at], state.index[where + unit] = unit, at


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _sift_down(state, at):  # type: ignore[no-untyped-def]
    heap, where, count = state.index[HEAP], state.index[WHERE], state.index[HEAPED]
    unit = state.index[heap + at]
    while True:
        below = 2 * at + 1
        if below >= count:
            break
        other = state.index[heap + below]
        if below + 1 < count and _sooner(state, state.index[heap + below + 1], other):
            below += 1
            other = state.index[heap + below]
        if _sooner(state, unit, other):
            break
        state.index[heap + at], state.index[where + other] = other, at
        at = below
    state.index[heap + at], state.index[where + unit] = unit, at


@njit(cache=CACHE, nogil=True, error_model="numpy")
def schedule(state, unit, when):  # type: ignore[no-untyped-def]
    """Set when a unit is due; the heap has every unit that is, the earliest (and of those the lowest) first."""
    heap, where = state.index[HEAP], state.index[WHERE]
    state.time[state.index[DUE] + unit] = when
    at = state.index[where + unit]
    if at < 0:
        if when == np.inf:
            return
        at = state.index[HEAPED]
        state.index[heap + at], state.index[where + unit] = unit, at
        state.index[HEAPED] = at + 1
        _sift_up(state, at)
    elif when == np.inf:
        end = state.index[HEAPED] - 1
        state.index[HEAPED] = end
        state.index[where + unit] = -1
        if at < end:
            moved = state.index[heap + end]
            state.index[heap + at], state.index[where + moved] = moved, at
            _sift_up(state, at)
            _sift_down(state, state.index[where + moved])
    else:
        _sift_up(state, at)
        _sift_down(state, state.index[where + unit])
