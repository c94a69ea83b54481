"""Two heaps: events under way by time of arrival, and blocks of units by when the first of them sends next."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.events.arrays import (
    BLOCK,
    BLOCK_DUE,
    DUE,
    HEAP,
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


@kernel
def slopes_of(queue):  # type: ignore[no-untyped-def]
    """Where the place of the slopes of a queue is written."""
    return SLOPES_UNDER_WAY_DOWN if queue == QUEUE_DOWN else SLOPES_UNDER_WAY_UP


@inner
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


@inner
def _before(state, queue, a, b):  # type: ignore[no-untyped-def]
    time, key = state.index[queue + QUEUE_TIME], state.index[queue + QUEUE_KEY]
    first, second = state.time[time + a], state.time[time + b]
    return first < second or (first == second and state.index[key + a] < state.index[key + b])


@kernel
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


@kernel
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


@kernel
def arrives(state, queue):  # type: ignore[no-untyped-def]
    """When the next event under way arrives; infinite where there is none."""
    return state.time[state.index[queue + QUEUE_TIME]] if state.index[queue + QUEUED] else np.inf


@kernel
def blocks(units):  # type: ignore[no-untyped-def]
    """How many blocks so many units are."""
    return (units + BLOCK - 1) // BLOCK


@inner
def _sooner(state, a, b):  # type: ignore[no-untyped-def]
    due = state.index[BLOCK_DUE]
    first, second = state.time[due + a], state.time[due + b]
    return first < second or (first == second and a < b)


@inner
def _sift(state, block, count):  # type: ignore[no-untyped-def]
    """Move a block up or down in the heap of ``count``, to where it belongs."""
    heap, where = state.index[HEAP], state.index[WHERE]
    at = state.index[where + block]
    while at > 0:
        above = (at - 1) // 2
        other = state.index[heap + above]
        if _sooner(state, other, block):
            break
        state.index[heap + at], state.index[where + other] = other, at
        at = above
    while True:
        below = 2 * at + 1
        if below >= count:
            break
        other = state.index[heap + below]
        if below + 1 < count and _sooner(state, state.index[heap + below + 1], other):
            below += 1
            other = state.index[heap + below]
        if _sooner(state, block, other):
            break
        state.index[heap + at], state.index[where + other] = other, at
        at = below
    state.index[heap + at], state.index[where + block] = block, at


@kernel
def reschedule(state, block, units):  # type: ignore[no-untyped-def]
    """Find when the first of a block's units is due, of ``units`` that there are."""
    time, first = state.time, state.index[DUE] + block * BLOCK
    count = min(BLOCK, units - block * BLOCK)
    # Four at a time: each waits for what was found before.
    a, b, c, d = np.inf, np.inf, np.inf, np.inf
    for k in range(first, first + count - 3, 4):
        a = time[k] if time[k] < a else a
        b = time[k + 1] if time[k + 1] < b else b
        c = time[k + 2] if time[k + 2] < c else c
        d = time[k + 3] if time[k + 3] < d else d
    for k in range(first + count - count % 4, first + count):
        a = time[k] if time[k] < a else a
    a, c = b if b < a else a, d if d < c else c
    earliest = c if c < a else a
    if earliest != time[state.index[BLOCK_DUE] + block]:
        time[state.index[BLOCK_DUE] + block] = earliest
        _sift(state, block, blocks(units))


@kernel
def schedule(state, unit, when, units):  # type: ignore[no-untyped-def]
    """Set when a unit is due, of ``units`` that there are."""
    block, before = unit // BLOCK, state.time[state.index[DUE] + unit]
    earliest = state.time[state.index[BLOCK_DUE] + block]
    state.time[state.index[DUE] + unit] = when
    if when < earliest:
        state.time[state.index[BLOCK_DUE] + block] = when
        _sift(state, block, blocks(units))
    elif before == earliest:
        reschedule(state, block, units)


@kernel
def next_due(state):  # type: ignore[no-untyped-def]
    """When the next unit is due; infinite where none is."""
    return state.time[state.index[BLOCK_DUE] + state.index[state.index[HEAP]]]


@kernel
def first_due(state):  # type: ignore[no-untyped-def]
    """Which unit is due next; there is one. Of those at the same time the lowest."""
    block = state.index[state.index[HEAP]]
    unit, when = block * BLOCK, state.time[state.index[BLOCK_DUE] + block]
    while state.time[state.index[DUE] + unit] != when:
        unit += 1
    return unit
