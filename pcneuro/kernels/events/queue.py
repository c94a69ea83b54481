"""Two heaps: events under way by time of arrival, and blocks of units by when the first of them sends next."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.events.arrays import BLOCK


@inner
def _move(axons, source, target, lines):  # type: ignore[no-untyped-def]
    """Copy an event within the heap."""
    axons.time[target] = axons.time[source]
    axons.change[target] = axons.change[source]
    axons.key[target] = axons.key[source]
    if lines:
        axons.slope[target] = axons.slope[source]


@inner
def _before(axons, a, b):  # type: ignore[no-untyped-def]
    """Whether one event comes before another: by time, then by key."""
    first, second = axons.time[a], axons.time[b]
    return first < second or (first == second and axons.key[a] < axons.key[b])


@kernel
def push(axons, when, key, change, slope, lines):  # type: ignore[no-untyped-def]
    """Put an event under way; there must be room for it, and for one more to work in.

    Writes the heap of ``axons``: time, change, key, slope, queued, most_queued.
    """
    time, keys = axons.time, axons.key
    place = axons.queued
    axons.queued = place + 1
    axons.most_queued = max(axons.most_queued, place + 1)
    while place > 0:
        above = (place - 1) // 2
        earlier = time[above]
        if earlier < when or (earlier == when and keys[above] <= key):
            break
        _move(axons, above, place, lines)
        place = above
    time[place], keys[place] = when, key
    axons.change[place] = change
    if lines:
        axons.slope[place] = slope


@kernel
def drop(axons, lines):  # type: ignore[no-untyped-def]
    """Take the first event out: the last moves down from the top until those below arrive later.

    Writes the heap of ``axons``: time, change, key, slope, queued.
    """
    count = axons.queued - 1
    axons.queued = count
    place = 0
    while True:
        below = 2 * place + 1
        if below >= count:
            break
        if below + 1 < count and _before(axons, below + 1, below):
            below += 1
        if not _before(axons, below, count):
            break
        _move(axons, below, place, lines)
        place = below
    _move(axons, count, place, lines)


@kernel
def arrives(axons):  # type: ignore[no-untyped-def]
    """When the next event under way arrives; infinite where there is none."""
    return axons.time[0] if axons.queued else np.inf


@kernel
def blocks(units):  # type: ignore[no-untyped-def]
    """How many blocks so many units are."""
    return (units + BLOCK - 1) // BLOCK


@inner
def _sooner(state, a, b):  # type: ignore[no-untyped-def]
    """Whether one block is due before another; the lower one, at the same time."""
    first, second = state.block_due[a], state.block_due[b]
    return first < second or (first == second and a < b)


@inner
def _sift(state, block, count):  # type: ignore[no-untyped-def]
    """Move a block up or down in the heap of ``count``, to where it belongs. Reads block_due; writes heap, where."""
    heap, where = state.heap, state.where
    at = where[block]
    while at > 0:
        above = (at - 1) // 2
        other = heap[above]
        if _sooner(state, other, block):
            break
        heap[at], where[other] = other, at
        at = above
    while True:
        below = 2 * at + 1
        if below >= count:
            break
        other = heap[below]
        if below + 1 < count and _sooner(state, heap[below + 1], other):
            below += 1
            other = heap[below]
        if _sooner(state, block, other):
            break
        heap[at], where[other] = other, at
        at = below
    heap[at], where[block] = block, at


@kernel
def reschedule(state, block, units):  # type: ignore[no-untyped-def]
    """Set when the first of a block's units is due, of ``units`` that there are.

    Reads due; writes block_due, heap, where.
    """
    due, first = state.due, block * BLOCK
    count = min(BLOCK, units - block * BLOCK)
    # Four at a time: each waits for the minimum before it.
    a, b, c, d = np.inf, np.inf, np.inf, np.inf
    for k in range(first, first + count - 3, 4):
        a = due[k] if due[k] < a else a
        b = due[k + 1] if due[k + 1] < b else b
        c = due[k + 2] if due[k + 2] < c else c
        d = due[k + 3] if due[k + 3] < d else d
    for k in range(first + count - count % 4, first + count):
        a = due[k] if due[k] < a else a
    a, c = b if b < a else a, d if d < c else c
    earliest = c if c < a else a
    if earliest != state.block_due[block]:
        state.block_due[block] = earliest
        _sift(state, block, blocks(units))


@kernel
def schedule(state, unit, when, units):  # type: ignore[no-untyped-def]
    """Set when a unit is due, of ``units`` that there are. Writes due, block_due, heap, where."""
    block, before = unit // BLOCK, state.due[unit]
    earliest = state.block_due[block]
    state.due[unit] = when
    if when < earliest:
        state.block_due[block] = when
        _sift(state, block, blocks(units))
    elif before == earliest:
        reschedule(state, block, units)


@kernel
def next_due(state):  # type: ignore[no-untyped-def]
    """When the next unit is due; infinite where none is."""
    return state.block_due[state.heap[0]]


@kernel
def first_due(state):  # type: ignore[no-untyped-def]
    """Which unit is due next; there is one. Of those at the same time the lowest."""
    block = state.heap[0]
    unit, when = block * BLOCK, state.block_due[block]
    while state.due[unit] != when:
        unit += 1
    return unit
